//! Where callbacks run one at a time.

use core::time::Duration;

use crate::sync::{Arc, Mutex, mark, thread};
use crate::watch::watchman::{Running, Watchman};

/// The right to run callbacks under watch, one at a time. Dropped, it is watched no more.
pub struct Station<W> {
    watchman: Arc<Watchman<W>>,
    number: u64,
    desk: Arc<Desk<W>>,
}

/// What runs at a station now.
pub(super) type Desk<W> = Mutex<Option<Current<W>>>;

/// A callback that runs.
pub(super) struct Current<W> {
    what: W,
    since: Duration,
    thread: thread::Thread,
    /// How old it may get before it is reported once more.
    patience: Duration,
    reports: u32,
}

impl<W> Current<W> {
    /// When it is to be reported once more.
    pub(super) fn due(&self) -> Duration {
        self.since.saturating_add(self.patience)
    }

    /// Whether it is to be reported now; then it will be next when it is twice as old, or older.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let due = self.due() <= now;
        while self.due() <= now && self.patience < Duration::MAX {
            self.patience = self.patience.saturating_mul(2);
        }
        self.reports += u32::from(due);
        due
    }
}

impl<W: Clone> Current<W> {
    /// What can be said of it.
    pub(super) fn running(&self, now: Duration) -> Running<W> {
        Running {
            what: self.what.clone(),
            age: now.saturating_sub(self.since),
            thread: self.thread.name().map(str::to_owned),
            reports: self.reports,
        }
    }
}

/// A callback that is not over until this is dropped.
pub struct Begun<'a, W>(&'a Station<W>);

impl<W> Station<W> {
    /// For [`Watchman::open`] only.
    pub(super) fn new(watchman: Arc<Watchman<W>>, number: u64, desk: Arc<Desk<W>>) -> Self {
        Self { watchman, number, desk }
    }

    /// Notes that `what` begins here.
    pub fn begin(&self, what: W) -> Begun<'_, W> {
        let (since, patience) = (self.watchman.now(), self.watchman.grace());
        *self.desk.lock() = Some(Current { what, since, thread: thread::current(), patience, reports: 0 });
        Begun(self)
    }
}

impl<W> Drop for Begun<'_, W> {
    fn drop(&mut self) {
        let over = self.0.desk.lock().take();
        if over.is_some_and(|over| over.reports > 0) {
            mark("was slow");
        }
    }
}

impl<W> Drop for Station<W> {
    fn drop(&mut self) {
        self.watchman.dismiss(self.number);
    }
}
