//! What runs at one place: sequential code.

use core::time::Duration;

use crate::sync::thread;
use crate::watch::alarm::{Graces, Running};

/// A callback that runs.
pub(super) struct Current<W> {
    what: W,
    since: Duration,
    thread: thread::Thread,
    os_thread: Option<u32>,
    /// For how long it was suspended, up to the last time it went on.
    suspended: Duration,
    parked: Option<Parked>,
    /// How old it may get before it is reported once more.
    slow: Duration,
    /// How old it may get before it is fatal; [`Duration::MAX`] when that has happened.
    fatal: Duration,
    reports: u32,
}

/// Its time does not count.
struct Parked {
    since: Duration,
    /// How many suspensions there are.
    depth: usize,
    /// When the last of those that are over ended: not always the last to say so.
    until: Duration,
    /// Whether somebody has looked meanwhile, who does not know when this will be due.
    overlooked: bool,
}

/// What a look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It is to be reported.
    Slow,
    /// The last word is to be said.
    Fatal,
    /// Nothing, for so long.
    Nothing(Duration),
}

impl<W> Current<W> {
    /// Begins on this thread.
    pub(super) fn begin(what: W, since: Duration, graces: Graces) -> Self {
        Self {
            what,
            since,
            thread: thread::current(),
            os_thread: thread::os_id(),
            suspended: Duration::ZERO,
            parked: None,
            slow: graces.slow,
            fatal: graces.fatal,
            reports: 0,
        }
    }

    /// What is due now, which counts as done then: as slow it will be next when it is twice as old, or older; as fatal never
    /// again. What is both is slow first.
    pub(super) fn look(&mut self, now: Duration) -> Due {
        if let Some(parked) = &mut self.parked {
            parked.overlooked = true;
            return Due::Nothing(Duration::MAX);
        }
        let age = self.age(now).saturating_sub(self.suspended);
        if self.slow <= age {
            while self.slow <= age && self.slow < Duration::MAX {
                self.slow = self.slow.saturating_mul(2);
            }
            self.reports += 1;
            return Due::Slow;
        }
        if self.fatal <= age {
            self.fatal = Duration::MAX;
            return Due::Fatal;
        }
        Due::Nothing(self.slow.min(self.fatal) - age)
    }

    /// From now on, time does not count.
    pub(super) fn suspend(&mut self, now: Duration) {
        self.parked.get_or_insert(Parked { since: now, depth: 0, until: now, overlooked: false }).depth += 1;
    }

    /// Takes that back, once. Whether it goes on, and somebody who has looked is to look again.
    pub(super) fn resume(&mut self, now: Duration) -> bool {
        let Some(parked) = &mut self.parked else { return false };
        parked.depth -= 1;
        parked.until = parked.until.max(now);
        if parked.depth > 0 {
            return false;
        }
        let (until, overlooked) = (parked.until, parked.overlooked);
        self.suspended = self.suspended(until);
        self.parked = None;
        overlooked
    }

    /// Whether it has been reported as slow.
    pub(super) fn was_slow(&self) -> bool {
        self.reports > 0
    }

    fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    fn suspended(&self, now: Duration) -> Duration {
        let parked = self.parked.as_ref().map_or(Duration::ZERO, |parked| now.saturating_sub(parked.since));
        self.suspended.saturating_add(parked)
    }
}

impl<W: Clone> Current<W> {
    /// What can be said of it.
    pub(super) fn running(&self, now: Duration) -> Running<W> {
        Running {
            what: self.what.clone(),
            age: self.age(now),
            suspended: self.suspended(now),
            thread: self.thread.name().map(str::to_owned),
            os_thread: self.os_thread,
            reports: self.reports,
        }
    }
}
