//! Is what runs for too long reported while it runs, once, and what is over never? Has what waits an age, always?

use std::sync::{OnceLock, Weak};
use std::time::Duration;

use crate::harness::{Log, Model};
use keylane::internals::{Alarm, Alarms, Arc, Fatal, Patience, Running, Station, WatchLoop, Watchman, mark};
use keylane::testing::ManualClock;
use keylane::{Clock, ConnectionId, DispatchQueue, Dispatcher, Handled, Message, QueueHandle, Step};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        look_against_callback(),
        look_against_look(),
        look_against_a_stations_end(),
        the_watch_thread_ends(),
        fatal_against_the_end(),
        fatal_against_look(),
        a_suspension_against_look(),
        suspensions_nest(),
        a_resumption_against_the_watch_threads_sleep(),
        a_short_patience_against_the_watch_threads_sleep(),
        ages_against_the_loop(),
        ages_against_the_local_loop(),
    ]
}

const GRACE: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

type Reports = Log<Running<&'static str>>;

/// Somebody who watches one station, and what has been reported.
fn watched() -> (ManualClock, Arc<Watchman<&'static str>>, Station<&'static str>, Reports) {
    let (clock, watchman, station, [slow, _]) = watched_to_the_end(Duration::MAX);
    (clock, watchman, station, slow)
}

/// The same, and after so long it is fatal: what has been reported as slow, and as that.
fn watched_to_the_end(
    fatal: Duration,
) -> (ManualClock, Arc<Watchman<&'static str>>, Station<&'static str>, [Reports; 2]) {
    let (clock, reports) = (ManualClock::new(), [Reports::new(), Reports::new()]);
    let [slow, ended] = reports.clone();
    let alarms = Alarms {
        slow: Some(Alarm::new(GRACE, Box::new(move |running| slow.add(running.clone())))),
        fatal: Some(Alarm::fatal(fatal, Fatal::report(move |running| ended.add(running.clone())))),
    };
    let watchman = Arc::new(Watchman::new(std::sync::Arc::new(clock.clone()), alarms));
    let station = watchman.open();
    (clock, watchman, station, reports)
}

/// A callback takes as long as it may, and another none at all.
fn look_against_callback() -> Model {
    Model::new("look_against_callback", "P13", 2)
        .iterations(49)
        .reaches(&["reported", "was slow", "not reported"])
        .scenario(|| {
            let (clock, watchman, station, reports) = watched();
            let worker = thread::spawn(move || {
                let slow = station.begin("slow");
                clock.advance(GRACE);
                drop(slow);
                drop(station.begin("quick"));
                station
            });
            assert!(watchman.look() <= GRACE);
            let _station = worker.join().unwrap();
            let reports = reports.take();
            match &reports[..] {
                [] => mark("not reported"),
                [slow] => {
                    assert_eq!((slow.what, slow.age, slow.reports), ("slow", GRACE, 1), "{slow:?}");
                }
                more => panic!("one callback was slow, and once: {more:?}"),
            }
            assert!(watchman.running().is_empty(), "all is over");
            assert_eq!(watchman.look(), GRACE, "and nothing is due");
        })
}

/// The watch thread and somebody who asks: one of them reports.
fn look_against_look() -> Model {
    Model::new("look_against_look", "P13", 2).iterations(94).reaches(&["reported"]).scenario(|| {
        let (clock, watchman, station, reports) = watched();
        let slow = station.begin("slow");
        clock.advance(GRACE);
        let other = {
            let watchman = Arc::clone(&watchman);
            thread::spawn(move || watchman.look())
        };
        assert_eq!(watchman.look(), GRACE, "it is next due when it is twice as old");
        assert_eq!(other.join().unwrap(), GRACE);
        assert_eq!(reports.take().len(), 1);
        assert_eq!(watchman.running().len(), 1, "it still runs");
        drop(slow);
    })
}

/// A connection goes away while somebody looks.
fn look_against_a_stations_end() -> Model {
    Model::new("look_against_a_stations_end", "P13", 2).iterations(321).scenario(|| {
        let (clock, watchman, station, reports) = watched();
        let worker = thread::spawn(move || {
            drop(station.begin("quick"));
            drop(station);
        });
        let another = watchman.open();
        let slow = another.begin("slow");
        clock.advance(GRACE);
        watchman.look();
        worker.join().unwrap();
        assert!(reports.take().iter().any(|running| running.what == "slow"));
        let running: Vec<_> = watchman.running().iter().map(|running| running.what).collect();
        assert_eq!(running, ["slow"]);
        drop(slow);
    })
}

/// Told to end before it sleeps or while it does. (With a deadline that does not pass: who is not woken never ends.)
fn the_watch_thread_ends() -> Model {
    Model::new("the_watch_thread_ends", "P13", 2)
        .deadlines_never_pass()
        .iterations(7)
        .reaches(&["slept", "rung before sleep"])
        .scenario(|| {
            let (_, watchman, _station, _) = watched();
            let mut watch = WatchLoop::new(Arc::clone(&watchman));
            let watch = thread::spawn(move || watch.run());
            watchman.close();
            watch.join().unwrap();
        })
}

/// What takes its fatal grace may end at any moment: it happens at most once, and never afterwards.
fn fatal_against_the_end() -> Model {
    Model::new("fatal_against_the_end", "P13", 2)
        .iterations(53)
        .reaches(&["not reported", "slow", "fatal"])
        .scenario(|| {
            let (clock, watchman, station, [slow, fatal]) = watched_to_the_end(2 * GRACE);
            let worker = thread::spawn(move || {
                let long = station.begin("long");
                clock.advance(2 * GRACE);
                drop(long);
                drop(station.begin("quick"));
                station
            });
            watchman.look();
            let _station = worker.join().unwrap();
            let found = |reports: &Reports| -> Vec<_> {
                reports.take().iter().map(|running| (running.what, running.age, running.reports)).collect()
            };
            // The worker's one step is the whole time: whoever sees it slow sees it fatal.
            match (&found(&slow)[..], &found(&fatal)[..]) {
                ([], []) => mark("not reported"),
                ([slow], fatal) => {
                    assert_eq!(*slow, ("long", 2 * GRACE, 1));
                    mark("slow");
                    // Unless it ended while it was reported as slow.
                    if let [fatal] = fatal {
                        assert_eq!(*fatal, ("long", 2 * GRACE, 1));
                        mark("fatal");
                    }
                    assert!(fatal.len() <= 1, "it is fatal once");
                }
                more => panic!("one was long, and once: {more:?}"),
            }
            assert_eq!(watchman.look(), GRACE, "what is over is not due");
            assert_eq!((slow.take().len(), fatal.take().len()), (0, 0));
        })
}

/// Two look at something that is both slow and fatal, and at its end it has been reported as each, once.
fn fatal_against_look() -> Model {
    Model::new("fatal_against_look", "P13", 2).iterations(202).reaches(&["reported"]).scenario(|| {
        let (clock, watchman, station, [slow, fatal]) = watched_to_the_end(2 * GRACE);
        let long = station.begin("long");
        clock.advance(2 * GRACE);
        let other = {
            let watchman = Arc::clone(&watchman);
            thread::spawn(move || watchman.look())
        };
        assert_eq!(watchman.look(), GRACE);
        assert_eq!(other.join().unwrap(), GRACE);
        assert_eq!((slow.take().len(), fatal.take().len()), (1, 1), "once each");
        clock.advance(2 * GRACE);
        watchman.look();
        assert_eq!((slow.take().len(), fatal.take().len()), (1, 0), "it is fatal once");
        drop(long);
    })
}

/// Something waits on purpose, for far longer than its grace, and then goes on: what it waits does not count, and what
/// comes before and after does.
fn a_suspension_against_look() -> Model {
    Model::new("a_suspension_against_look", "P13", 2)
        .iterations(121)
        .reaches(&["reported", "overlooked", "reported early", "reported late"])
        .scenario(|| {
            let (clock, watchman, station, [slow, fatal]) = watched_to_the_end(GRACE);
            let begun = station.begin("parks");
            let looker = {
                let watchman = Arc::clone(&watchman);
                thread::spawn(move || watchman.look())
            };
            clock.advance(GRACE - SECOND);
            let suspension = station.suspend();
            clock.advance(4 * GRACE);
            drop(suspension);
            clock.advance(SECOND);
            looker.join().unwrap();
            mark(if slow.is_empty() { "reported late" } else { "reported early" });
            watchman.look();
            for reports in [slow, fatal] {
                let reports = reports.take();
                let [report] = &reports[..] else {
                    panic!("never for what does not count, and once for what does: {reports:?}")
                };
                assert_eq!((report.age, report.suspended), (5 * GRACE, 4 * GRACE));
            }
            drop(begun);
        })
}

/// Two suspensions, of two threads: time counts when both are over, and then it does. (Who ends the last may have looked at
/// the clock before who ended the other.)
fn suspensions_nest() -> Model {
    Model::new("suspensions_nest", "P13", 2).iterations(40).scenario(|| {
        let (clock, watchman, station, reports) = watched();
        let station = Arc::new(station);
        let begun = station.begin("parks");
        let outer = station.suspend();
        let helper = {
            let (station, watchman, clock) = (Arc::clone(&station), Arc::clone(&watchman), clock.clone());
            thread::spawn(move || {
                let inner = station.suspend();
                clock.advance(GRACE);
                watchman.look();
                drop(inner);
            })
        };
        drop(outer);
        helper.join().unwrap();
        let suspended = watchman.running()[0].suspended;
        assert_eq!((suspended, reports.take().len()), (GRACE, 0), "until both are over");
        clock.advance(GRACE);
        assert_eq!(watchman.look(), GRACE);
        assert_eq!(reports.take().len(), 1, "it goes on to be watched");
        drop(begun);
    })
}

/// A grace passes each time that somebody asks. So that a thread which looks when it should will see something due.
struct Hasty(ManualClock);

impl Clock for Hasty {
    fn now(&self) -> Duration {
        self.0.advance(GRACE);
        self.0.now()
    }
}

/// Somebody who watches by a hasty clock, until the first report.
fn hastily_watched(grace: Duration) -> (ManualClock, Arc<Watchman<&'static str>>) {
    let myself: std::sync::Arc<OnceLock<Weak<Watchman<&'static str>>>> = std::sync::Arc::default();
    let close = {
        let myself = std::sync::Arc::clone(&myself);
        move |_: &Running<&'static str>| myself.get().and_then(Weak::upgrade).expect("it looks").close()
    };
    let alarms = Alarms { slow: Some(Alarm::new(grace, Box::new(close))), fatal: None };
    let clock = ManualClock::new();
    let watchman = Arc::new(Watchman::new(std::sync::Arc::new(Hasty(clock.clone())), alarms));
    assert!(myself.set(Arc::downgrade(&watchman)).is_ok());
    (clock, watchman)
}

/// The watch thread looks while something is suspended, and sleeps with nothing due; or it looks after that has gone on.
/// (With a deadline that does not pass: if it is not woken it never reports.)
fn a_resumption_against_the_watch_threads_sleep() -> Model {
    Model::new("a_resumption_against_the_watch_threads_sleep", "P13", 2)
        .deadlines_never_pass()
        .iterations(569)
        .reaches(&["reported", "overlooked", "looks again"])
        .scenario(|| {
            let (clock, watchman) = hastily_watched(GRACE);
            let station = Arc::new(watchman.open());
            // It is never over.
            std::mem::forget(station.begin("parks"));
            // More than looks that come one after the other can differ by.
            clock.advance(4 * GRACE);
            let worker = {
                let station = Arc::clone(&station);
                thread::spawn(move || drop(station.suspend()))
            };
            WatchLoop::new(watchman).run();
            worker.join().unwrap();
        })
}

/// The watch thread sleeps until something usual might be due, and something begins that will be much sooner.
fn a_short_patience_against_the_watch_threads_sleep() -> Model {
    Model::new("a_short_patience_against_the_watch_threads_sleep", "P13", 2)
        .deadlines_never_pass()
        .iterations(1_878)
        .reaches(&["reported", "hurries", "looks again"])
        .scenario(|| {
            let (_, watchman) = hastily_watched(1000 * GRACE);
            let station = Arc::new(watchman.open());
            let worker = {
                let station = Arc::clone(&station);
                let patience = Patience { grace: Some(GRACE), fatal: None };
                // It is never over.
                thread::spawn(move || std::mem::forget(station.begin_with("urgent", patience)))
            };
            WatchLoop::new(watchman).run();
            worker.join().unwrap();
        })
}

struct Letter;

impl Message for Letter {}

struct Nothing;

impl Dispatcher for Nothing {
    type Message = Letter;

    fn dispatch(&self, _: ConnectionId, _: Letter) -> Handled<Letter> {
        Ok(())
    }
}

/// What waits or runs has an age, and what is over has none.
fn assert_ages(queue: &QueueHandle<Nothing>) {
    let snapshot = queue.snapshot();
    assert_eq!(snapshot.queued.oldest.is_some(), snapshot.queued.depth() > 0, "{snapshot:?}");
    assert_eq!(snapshot.local.oldest.is_some(), snapshot.local.depth > 0, "{snapshot:?}");
    mark(["none waits", "one waits", "two wait"][snapshot.queued.depth() as usize]);
}

/// Somebody looks while a message arrives and another is dispatched.
fn ages_against_the_loop() -> Model {
    Model::new("ages_against_the_loop", "D1", 3)
        .iterations(1_621)
        .reaches(&["none waits", "one waits", "two wait"])
        .scenario(|| {
            let (queue, mut dispatch, _local) =
                DispatchQueue::builder(Nothing).clock(ManualClock::new()).stepped();
            let (mut one, mut other) = (queue.connect(), queue.connect());
            let _ = one.deliver(Letter).unwrap();
            let reader = thread::spawn(move || {
                let _ = other.deliver(Letter).unwrap();
            });
            let dispatcher = thread::spawn(move || {
                let _ = (dispatch.step(), dispatch.step());
                dispatch
            });
            assert_ages(&queue);
            reader.join().unwrap();
            let mut dispatch = dispatcher.join().unwrap();
            while dispatch.step() == Step::Ran {}
            let end = queue.snapshot().queued;
            assert_eq!((end.depth(), end.oldest, end.dispatched), (0, None, 2));
        })
}

/// The same, and the message comes by way of the local thread.
fn ages_against_the_local_loop() -> Model {
    Model::new("ages_against_the_local_loop", "D1", 3)
        .iterations(695)
        .reaches(&["none waits", "one waits"])
        .scenario(|| {
            let (queue, mut dispatch, mut local) =
                DispatchQueue::builder(Nothing).clock(ManualClock::new()).stepped();
            queue.local().send(Letter).unwrap();
            let local = thread::spawn(move || {
                let _ = (local.step(), local.step());
            });
            let dispatcher = thread::spawn(move || {
                let _ = (dispatch.step(), dispatch.step());
                dispatch
            });
            assert_ages(&queue);
            local.join().unwrap();
            let mut dispatch = dispatcher.join().unwrap();
            while dispatch.step() == Step::Ran {}
            assert_ages(&queue);
        })
}
