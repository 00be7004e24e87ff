//! Threads that get out of step with each other: by chance, and not by the clock.

use std::sync::{Arc, Mutex, PoisonError};

/// Chance, the same for all threads of a run.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Mutex<fastrand::Rng>>);

impl Pace {
    /// From a seed. (What the threads make of it is the system's.)
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A number below that one.
    pub fn below(&self, limit: u8) -> u8 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).u8(..limit.max(1))
    }

    /// Lets others go first, or does not.
    pub fn pause(&self) {
        match self.below(4) {
            0 => std::thread::yield_now(),
            1 => (0..u32::from(self.below(200)) * 8).for_each(|_| std::hint::spin_loop()),
            _ => {}
        }
    }

    /// The same several times.
    pub fn pauses(&self) {
        (0..self.below(40)).for_each(|_| self.pause());
    }
}
