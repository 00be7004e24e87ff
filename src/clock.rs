//! What time it is, for who wants to know how long something took.

use core::time::Duration;

use crate::sync::Monotonic;

/// Where a queue reads the time, if it is given one: [`DispatchQueueBuilder::clock`](crate::DispatchQueueBuilder::clock).
/// Time only shows in reports; nothing is decided by it.
///
/// [`MonotonicClock`] is the system's. One of your own may be coarser and cheaper (a word that a timer moves on), or
/// stand still until told, as [`testing::ManualClock`](crate::testing::ManualClock) does.
pub trait Clock: Send + Sync + 'static {
    /// Time since a moment that stays the same. Asked once for each message that is queued, on the thread that queues
    /// it, and once at the beginning of each callback that is watched: should be quick and must not panic. No lock is
    /// held. A clock that goes backwards makes ages too small, and does no other harm.
    fn now(&self) -> Duration;
}

/// The system's clock that is never set back.
#[derive(Clone, Debug, Default)]
pub struct MonotonicClock(Monotonic);

impl MonotonicClock {
    /// A clock that counts from now.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
