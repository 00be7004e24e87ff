//! What time it is, for who wants to know how long something took.

use core::num::NonZeroU64;
use core::time::Duration;

use crate::sync::Monotonic;

/// Where a queue or a pool reads the time: [`DispatchQueueBuilder::clock`](crate::DispatchQueueBuilder::clock),
/// [`ShardedThreadPoolBuilder::clock`](crate::ShardedThreadPoolBuilder::clock). In a queue time only shows in reports. In a pool
/// it decides when what is submitted for later is queued, and what a [`Scheduler`](crate::Scheduler) that asks the time does
/// with it; a worker sleeps until then by the system's clock, and then looks at this one.
///
/// [`MonotonicClock`] is the system's. One of your own may be coarser and cheaper (a word that a timer moves on), or
/// stand still until told, as `testing::ManualClock` does.
pub trait Clock: Send + Sync + 'static {
    /// Time since a moment that stays the same. Asked once for each message that is queued, on the thread that queues
    /// it, and once at the beginning of each callback that is watched: should be quick and must not panic. A queue holds no
    /// lock then; a pool looks when a worker looks for work as well, and holds the shard's lock. A clock that goes backwards
    /// makes ages too small and what is to come late, and does no other harm.
    fn now(&self) -> Duration;
}

/// What a clock said, in a word: each message that waits carries one, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

impl Moment {
    /// Nanoseconds, counted from one. (After 584 years it is always the same one.)
    pub(crate) fn at(time: Duration) -> Self {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self(NonZeroU64::MIN.saturating_add(nanoseconds))
    }

    /// What the clock had said.
    pub(crate) fn time(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }

    /// How long before `now` it was.
    pub(crate) fn age(self, now: Self) -> Duration {
        Duration::from_nanos(now.0.get().saturating_sub(self.0.get()))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_word_and_knows_its_age() {
        assert_eq!(size_of::<Option<Moment>>(), size_of::<u64>());
        let [start, second] = [Duration::ZERO, Duration::from_secs(1)].map(Moment::at);
        assert_eq!((start.age(second), second.age(start)), (Duration::from_secs(1), Duration::ZERO));
        assert_eq!((start.time(), second.time()), (Duration::ZERO, Duration::from_secs(1)));
        assert!(start < second && second < Moment::at(Duration::MAX));
        assert_eq!(Moment::at(Duration::MAX).age(Moment::at(Duration::MAX)), Duration::ZERO);
    }
}
