//! Who looks at all stations.

use std::collections::BTreeMap;
use std::fmt;

use core::time::Duration;

use crate::clock::Clock;
use crate::lane::Bell;
use crate::sync::{Arc, Deadline, Mutex, mark};
use crate::watch::station::{Desk, Station};

/// A callback that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Running<W> {
    /// Which one.
    pub what: W,
    /// For how long it has been running.
    pub age: Duration,
    /// The name of the thread it runs on, if that has one.
    pub thread: Option<String>,
    /// How often it has been reported as slow, this time included.
    pub reports: u32,
}

impl<W: fmt::Display> fmt::Display for Running<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, age, thread, .. } = self;
        write!(f, "{what} has been running for {age:?} on thread {}", thread.as_deref().unwrap_or("?"))
    }
}

/// Who is told of what is slow.
pub type Report<W> = Box<dyn Fn(&Running<W>) + Send + Sync>;

/// See the module's documentation.
pub struct Watchman<W> {
    clock: Arc<dyn Clock>,
    grace: Duration,
    report: Report<W>,
    state: Mutex<State<W>>,
    bell: Bell,
}

struct State<W> {
    /// By the number of their stations, so in the order in which these were opened.
    desks: BTreeMap<u64, Arc<Desk<W>>>,
    next: u64,
    closed: bool,
}

/// Shorter ones are as long as this, so that looking is not all that is done.
const SHORTEST: Duration = Duration::from_millis(1);

impl<W: Clone> Watchman<W> {
    /// Tells `report` of what runs for `grace` or longer by this clock.
    pub fn new(clock: Arc<dyn Clock>, grace: Duration, report: Report<W>) -> Self {
        let state = Mutex::new(State { desks: BTreeMap::new(), next: 0, closed: false });
        Self { clock, grace: grace.max(SHORTEST), report, state, bell: Bell::new() }
    }

    /// Begins to watch one more place.
    pub fn open(self: &Arc<Self>) -> Station<W> {
        let desk = Arc::default();
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        state.desks.insert(number, Arc::clone(&desk));
        drop(state);
        Station::new(Arc::clone(self), number, desk)
    }

    /// All that runs now, in the order in which stations were opened.
    pub fn running(&self) -> Vec<Running<W>> {
        let now = self.now();
        let look = |desk: &Arc<Desk<W>>| desk.lock().as_ref().map(|current| current.running(now));
        self.desks().iter().filter_map(look).collect()
    }

    /// Reports what has been running for the grace, and again each time that its age has doubled. For how long nothing
    /// more can be due.
    pub fn look(&self) -> Duration {
        let now = self.now();
        let mut next = self.grace;
        for desk in self.desks() {
            let mut desk = desk.lock();
            let Some(current) = desk.as_mut() else { continue };
            let slow = current.is_due(now).then(|| current.running(now));
            next = next.min(current.due().saturating_sub(now));
            drop(desk);
            if let Some(slow) = slow {
                mark("reported");
                (self.report)(&slow);
            }
        }
        next
    }

    fn desks(&self) -> Vec<Arc<Desk<W>>> {
        self.state.lock().desks.values().cloned().collect()
    }
}

impl<W> Watchman<W> {
    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    pub(super) fn dismiss(&self, number: u64) {
        self.state.lock().desks.remove(&number);
    }

    /// Lets the watch thread end.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.bell.ring();
    }

    /// Sleeps until it is closed, or `wait` is over. Whether it is closed.
    pub(super) fn sleep(&self, wait: Duration) -> bool {
        let closed = || self.state.lock().closed;
        if !closed() {
            self.bell.wait_or_give_up(Deadline::after(wait));
        }
        closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(3);

    struct Stopped;
    impl Clock for Stopped {
        fn now(&self) -> Duration {
            Duration::from_secs(7)
        }
    }

    #[test]
    fn a_station_that_is_gone_leaves_nothing_behind() {
        let watchman = Watchman::new(Arc::new(Stopped), GRACE, Box::new(|_| ()));
        let watchman = Arc::new(watchman);
        let [first, second] = [watchman.open(), watchman.open()];
        let begun = second.begin("second");
        drop(first);
        let third = watchman.open();
        let _third = third.begin("third");
        let running = || watchman.running().iter().map(|running| running.what).collect::<Vec<_>>();
        assert_eq!((running(), watchman.desks().len()), (vec!["second", "third"], 2));
        drop(begun);
        drop(second);
        assert_eq!((running(), watchman.desks().len()), (vec!["third"], 1));
        assert_eq!(watchman.look(), GRACE);
    }
}
