//! What threads do, and how they get out of step with each other: by chance, and not by the clock.

use super::threads;

/// A seed. What a thread draws from it does not depend on when it runs, so that a search may run it in any order.
#[derive(Clone, Copy, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The chance of a thread, or of the callback of a message, that has this number.
    pub fn pace(self, number: u64) -> Pace {
        Pace(fastrand::Rng::with_seed(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number))
    }
}

/// One thread's.
#[derive(Debug)]
pub struct Pace(fastrand::Rng);

impl Pace {
    /// A number below that one.
    pub fn below(&mut self, limit: u8) -> u8 {
        self.0.u8(..limit.max(1))
    }

    /// Lets others go first, or does not.
    pub fn pause(&mut self) {
        if threads::SIMULATED {
            return;
        }
        match self.below(4) {
            0 => std::thread::yield_now(),
            1 => (0..u32::from(self.below(200)) * 8).for_each(|_| std::hint::spin_loop()),
            _ => {}
        }
    }

    /// The same several times.
    pub fn pauses(&mut self) {
        (0..self.below(40)).for_each(|_| self.pause());
    }
}
