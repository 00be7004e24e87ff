//! Is what runs for too long reported while it runs, once, and what is over never? Has what waits an age, always?

use std::time::Duration;

use crate::harness::{Log, Model};
use keylane::internals::{Arc, Running, Station, WatchLoop, Watchman, mark};
use keylane::testing::ManualClock;
use keylane::{ConnectionId, DispatchQueue, Dispatcher, Handled, Message, QueueHandle, Step};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        look_against_callback(),
        look_against_look(),
        look_against_a_stations_end(),
        the_watch_thread_ends(),
        ages_against_the_loop(),
        ages_against_the_local_loop(),
    ]
}

const GRACE: Duration = Duration::from_secs(5);

type Reports = Log<Running<&'static str>>;

/// Somebody who watches one station, and what has been reported.
fn watched() -> (ManualClock, Arc<Watchman<&'static str>>, Station<&'static str>, Reports) {
    let (clock, reports) = (ManualClock::new(), Reports::new());
    let report = {
        let reports = reports.clone();
        Box::new(move |running: &Running<&'static str>| reports.add(running.clone()))
    };
    let watchman = Arc::new(Watchman::new(std::sync::Arc::new(clock.clone()), GRACE, report));
    let station = watchman.open();
    (clock, watchman, station, reports)
}

/// A callback takes as long as it may, and another none at all.
fn look_against_callback() -> Model {
    Model::new("look_against_callback", "P13", 2)
        .iterations(45)
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
    Model::new("look_against_look", "P13", 2).iterations(40).reaches(&["reported"]).scenario(|| {
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
    Model::new("look_against_a_stations_end", "P13", 2).iterations(285).scenario(|| {
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
        .iterations(1_328)
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
        .iterations(584)
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
