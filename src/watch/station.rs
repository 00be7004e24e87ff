//! Where callbacks run one at a time.

use core::time::Duration;

use crate::sync::{Arc, Mutex, mark};
use crate::watch::alarm::Patience;
use crate::watch::current::Current;
use crate::watch::watchman::Watchman;

/// The right to run callbacks under watch, one at a time. Dropped, it is watched no more.
pub struct Station<W> {
    watchman: Arc<Watchman<W>>,
    number: u64,
    desk: Arc<Mutex<Desk<W>>>,
}

/// What is known of a station.
pub(super) struct Desk<W> {
    /// What runs there now.
    pub(super) current: Option<Current<W>>,
    /// Who looks does so at least this often, as far as this station knows.
    pub(super) pace: Duration,
}

/// A callback that is not over until this is dropped.
pub struct Begun<'a, W>(&'a Station<W>);

/// While it lives, the time of what runs at a station does not count.
pub struct Suspension<'a, W>(&'a Station<W>);

impl<W> Station<W> {
    /// For [`Watchman::open`] only.
    pub(super) fn new(watchman: Arc<Watchman<W>>, number: u64, desk: Arc<Mutex<Desk<W>>>) -> Self {
        Self { watchman, number, desk }
    }

    /// Notes that `what` begins here.
    pub fn begin(&self, what: W) -> Begun<'_, W> {
        self.begin_with(what, Patience::default())
    }

    /// The same of something that may run for as long as `patience` says.
    pub fn begin_with(&self, what: W, patience: Patience) -> Begun<'_, W> {
        let (since, graces) = (self.watchman.now(), self.watchman.graces(patience));
        let mut desk = self.desk.lock();
        desk.current = Some(Current::begin(what, since, graces));
        let sooner = graces.first() < desk.pace;
        if sooner {
            desk.pace = graces.first();
        }
        drop(desk);
        if sooner {
            self.watchman.hurry(graces.first());
        }
        Begun(self)
    }

    /// From now on, the time of what runs here does not count, until as many of these have been dropped as there were. What
    /// is over needs no more of them.
    pub fn suspend(&self) -> Suspension<'_, W> {
        let now = self.watchman.now();
        if let Some(current) = &mut self.desk.lock().current {
            current.suspend(now);
        }
        Suspension(self)
    }
}

impl<W> Drop for Begun<'_, W> {
    fn drop(&mut self) {
        let over = self.0.desk.lock().current.take();
        if over.is_some_and(|over| over.was_slow()) {
            mark("was slow");
        }
    }
}

impl<W> Drop for Suspension<'_, W> {
    fn drop(&mut self) {
        let now = self.0.watchman.now();
        let overlooked = self.0.desk.lock().current.as_mut().is_some_and(|current| current.resume(now));
        // Who has looked sleeps until something else is due.
        if overlooked {
            mark("overlooked");
            self.0.watchman.wake();
        }
    }
}

impl<W> Drop for Station<W> {
    fn drop(&mut self) {
        self.watchman.dismiss(self.number);
    }
}
