//! One thread here, another there: so that what is between two threads is between two processors, and not left to the scheduler, which
//! may put both on one, and then a wake is a switch.

use std::thread;

use core_affinity::{CoreId, get_core_ids, set_for_current};

/// Two processors, if the machine has them.
#[derive(Clone, Copy, Debug)]
pub struct Processors(Option<[CoreId; 2]>);

impl Processors {
    /// The first two that this process may use.
    pub fn two() -> Self {
        Self(get_core_ids().and_then(|all| all.first_chunk().copied()))
    }

    /// Whether there are two.
    pub fn are_two(self) -> bool {
        self.0.is_some()
    }

    /// Pins the calling thread to one of the two; does nothing if there are not two. It stays pinned, and so do threads that it starts.
    pub fn pin(self, which: usize) {
        if let Some(processors) = self.0 {
            set_for_current(processors[which]);
        }
    }

    /// Does something on a thread that is pinned to the first.
    pub fn on_first<R: Send>(self, work: impl FnOnce() -> R + Send) -> R {
        let work = || {
            self.pin(0);
            work()
        };
        thread::scope(|scope| scope.spawn(work).join().expect("it has not panicked"))
    }
}
