//! Who looks at all stations.

use std::collections::BTreeMap;

use core::time::Duration;

use crate::clock::Clock;
use crate::lane::Bell;
use crate::sync::{Arc, Deadline, Mutex, mark};
use crate::watch::alarm::{Alarm, Alarms, Graces, Patience, Running};
use crate::watch::current::Due;
use crate::watch::station::{Desk, Station};

/// See the module's documentation.
pub struct Watchman<W> {
    clock: Arc<dyn Clock>,
    alarms: Alarms<W>,
    state: Mutex<State<W>>,
    bell: Bell,
}

struct State<W> {
    /// By the number of their stations, so in the order in which these were opened.
    desks: BTreeMap<u64, Arc<Mutex<Desk<W>>>>,
    next: u64,
    /// Nothing that begins is due sooner than this.
    pace: Duration,
    closed: bool,
}

impl<W: Clone> Watchman<W> {
    /// Raises these alarms, by this clock.
    pub fn new(clock: Arc<dyn Clock>, alarms: Alarms<W>) -> Self {
        let pace = alarms.graces(Patience::default()).first();
        let state = Mutex::new(State { desks: BTreeMap::new(), next: 0, pace, closed: false });
        Self { clock, alarms, state, bell: Bell::new() }
    }

    /// Begins to watch one more place.
    pub fn open(self: &Arc<Self>) -> Station<W> {
        let mut state = self.state.lock();
        let desk = Arc::new(Mutex::new(Desk { current: None, pace: state.pace }));
        let number = state.next;
        state.next += 1;
        state.desks.insert(number, Arc::clone(&desk));
        drop(state);
        Station::new(Arc::clone(self), number, desk)
    }

    /// All that runs now, in the order in which stations were opened.
    pub fn running(&self) -> Vec<Running<W>> {
        let now = self.now();
        let look =
            |desk: &Arc<Mutex<Desk<W>>>| desk.lock().current.as_ref().map(|current| current.running(now));
        self.desks().0.iter().filter_map(look).collect()
    }

    /// Reports what has been running for its grace, and again each time that its age has doubled; and, once, what has been
    /// running for its fatal one. For how long nothing more can be due.
    pub fn look(&self) -> Duration {
        let now = self.now();
        let (desks, pace) = self.desks();
        desks.iter().map(|desk| self.look_at(desk, now)).fold(pace, Duration::min)
    }

    fn look_at(&self, desk: &Mutex<Desk<W>>, now: Duration) -> Duration {
        loop {
            let mut desk = desk.lock();
            let Some(current) = &mut desk.current else { return Duration::MAX };
            let alarm = match current.look(now) {
                Due::Nothing(wait) => return wait,
                Due::Slow => &self.alarms.slow,
                Due::Fatal => &self.alarms.fatal,
            };
            let running = current.running(now);
            drop(desk);
            mark("reported");
            if let Some(Alarm { report, .. }) = alarm {
                report(&running);
            }
        }
    }

    /// What there is to look at, and how often at least.
    fn desks(&self) -> (Vec<Arc<Mutex<Desk<W>>>>, Duration) {
        let state = self.state.lock();
        (state.desks.values().cloned().collect(), state.pace)
    }
}

impl<W> Watchman<W> {
    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(super) fn graces(&self, patience: Patience) -> Graces {
        self.alarms.graces(patience)
    }

    pub(super) fn dismiss(&self, number: u64) {
        self.state.lock().desks.remove(&number);
    }

    /// Looks at least this often from now on.
    pub(super) fn hurry(&self, pace: Duration) {
        let mut state = self.state.lock();
        if pace < state.pace {
            state.pace = pace;
            drop(state);
            mark("hurries");
            self.wake();
        }
    }

    /// Has the watch thread look again.
    pub(super) fn wake(&self) {
        self.bell.ring();
    }

    /// Lets the watch thread end.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.bell.ring();
    }

    /// Sleeps until it is closed or woken, or `wait` is over. Whether it is closed.
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
        let watchman = Watchman::new(
            Arc::new(Stopped),
            Alarms { slow: Some(Alarm::new(GRACE, Box::new(|_| ()))), fatal: None },
        );
        let watchman = Arc::new(watchman);
        let [first, second] = [watchman.open(), watchman.open()];
        let begun = second.begin("second");
        drop(first);
        let third = watchman.open();
        let _third = third.begin("third");
        let running = || watchman.running().iter().map(|running| running.what).collect::<Vec<_>>();
        assert_eq!((running(), watchman.desks().0.len()), (vec!["second", "third"], 2));
        drop(begun);
        drop(second);
        assert_eq!((running(), watchman.desks().0.len()), (vec!["third"], 1));
        assert_eq!(watchman.look(), GRACE);
    }
}
