//! Time that a test makes.

use core::time::Duration;

use crate::clock::Clock;
use crate::sync::{Arc, Witness, note};

/// A clock that moves only when told: for time in your handlers, and a [`Clock`] for queues. Clones show the same time.
///
/// In a model looking and advancing are steps, so a look is explored before and after each advance it may race with.
/// They order nothing else: no more than a clock on the wall does this one make one thread's writes visible to
/// another.
///
/// ```
/// use std::time::Duration;
/// use keylane::testing::ManualClock;
///
/// let clock = ManualClock::new();
/// let expires = clock.now() + Duration::from_secs(30);
/// clock.advance(Duration::from_secs(29));
/// assert!(clock.now() < expires);
/// clock.advance(Duration::from_secs(1));
/// assert!(clock.now() >= expires);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<Witness<Duration>>);

impl ManualClock {
    /// A clock at its start. In a model: make it in the scenario, before its threads.
    pub fn new() -> Self {
        Self::default()
    }

    /// How far it has been moved since its start.
    #[track_caller]
    pub fn now(&self) -> Duration {
        let now = self.0.at_a_moment(|now| *now);
        note(|| format!("sees the clock at {now:?}"));
        now
    }

    /// Moves it on.
    ///
    /// # Panics
    /// If time runs over, after more years than there have been.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        self.0.at_a_moment(|now| *now += by);
        note(|| format!("advances the clock by {by:?}"));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        ManualClock::now(self)
    }
}
