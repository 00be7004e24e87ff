//! What a queue with a clock knows of time: how old the oldest message is, and which callback takes too long.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use keylane::testing::ManualClock;
use keylane::{
    Callback, Clock, Connection, ConnectionId, DispatchLoop, DispatchQueue, Dispatcher, Event, Fatal,
    Handled, LocalLoop, Message, MonotonicClock, Priority, QueueHandle, Running, Step, Stop,
};

use common::{bounded, hear};

const GRACE: Duration = Duration::from_secs(5);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a callback does.
enum Act {
    Nothing,
    /// It takes so many seconds, and looks for slow ones after each.
    Take(u64),
    /// It waits until it is told that it may return.
    Wait(Receiver<()>),
    Panic,
    /// It drops the queue.
    Drop,
}

struct Letter {
    act: Act,
    fast: bool,
    priority: u8,
}

impl Message for Letter {
    fn priority(&self) -> Priority {
        Priority(self.priority)
    }
}

fn letter(act: Act) -> Letter {
    Letter { act, fast: false, priority: 0 }
}

fn fast(act: Act) -> Letter {
    Letter { act, fast: true, priority: 0 }
}

#[derive(Clone, Default)]
struct Office(Arc<Desk>);

#[derive(Default)]
struct Desk {
    clock: ManualClock,
    handle: OnceLock<QueueHandle<Office>>,
    queue: Mutex<Option<DispatchQueue<Office>>>,
    /// For how long nothing was due, as the looks said.
    pauses: Mutex<Vec<Duration>>,
}

impl Desk {
    fn act(&self, act: Act) {
        match act {
            Act::Nothing => {}
            Act::Take(seconds) => {
                for _ in 0..seconds {
                    self.clock.advance(Duration::from_secs(1));
                    let pause = self.handle.get().unwrap().report_slow();
                    self.pauses.lock().unwrap().push(pause.unwrap());
                }
            }
            Act::Wait(may_return) => hear(&may_return),
            Act::Panic => panic!("a letter bomb"),
            Act::Drop => drop(self.queue.lock().unwrap().take()),
        }
    }
}

impl Dispatcher for Office {
    type Message = Letter;

    fn can_fast_dispatch(&self, letter: &Letter) -> bool {
        letter.fast
    }

    fn dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
        self.0.act(letter.act);
        Ok(())
    }

    fn event(&self, _: ConnectionId, _: Event) -> bool {
        self.0.act(Act::Take(7));
        true
    }
}

type Reports = Arc<Mutex<Vec<Running<Callback>>>>;

struct Stepped {
    office: Arc<Desk>,
    queue: QueueHandle<Office>,
    dispatch: DispatchLoop<Office>,
    local: LocalLoop<Office>,
    reports: Reports,
}

impl Stepped {
    fn new(watched: bool) -> Self {
        let office = Arc::new(Desk::default());
        let reports = Reports::default();
        let mut builder = DispatchQueue::builder(Office(Arc::clone(&office))).clock(office.clock.clone());
        if watched {
            let reports = Arc::clone(&reports);
            builder = builder.watch(GRACE, move |slow| reports.lock().unwrap().push(slow.clone()));
        }
        let (queue, dispatch, local) = builder.stepped();
        assert!(office.handle.set(queue.clone()).is_ok());
        Self { office, queue, dispatch, local, reports }
    }

    /// Ages of the oldest, in seconds: queued, to oneself.
    fn oldest(&self) -> [Option<u64>; 2] {
        let snapshot = self.queue.snapshot();
        [snapshot.queued.oldest, snapshot.local.oldest].map(|age| age.map(|age| age.as_secs()))
    }

    fn reports(&self) -> Vec<(Callback, u64, u32)> {
        let reports = std::mem::take(&mut *self.reports.lock().unwrap());
        reports.into_iter().map(|slow| (slow.what, slow.age.as_secs(), slow.reports)).collect()
    }
}

fn queue(connection: &mut Connection<Office>, priority: u8) {
    let _ = connection.deliver(Letter { act: Act::Nothing, fast: false, priority }).unwrap();
}

#[test]
fn the_oldest_message_has_an_age() {
    let mut stepped = Stepped::new(false);
    let mut connection = stepped.queue.connect();
    let pass = |stepped: &Stepped, time| stepped.office.clock.advance(seconds(time));
    pass(&stepped, 100);
    assert_eq!(stepped.oldest(), [None, None], "nothing has come");
    queue(&mut connection, 1);
    pass(&stepped, 2);
    queue(&mut connection, 9);
    queue(&mut connection, 9);
    pass(&stepped, 3);
    assert_eq!(stepped.oldest(), [Some(5), None], "it has not been taken");
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    assert_eq!(stepped.oldest(), [Some(5), None], "it has been overtaken");
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    pass(&stepped, 1);
    queue(&mut connection, 9);
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    assert_eq!(stepped.oldest(), [Some(6), None], "and again");
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    assert_eq!(stepped.oldest(), [Some(6), None], "until the loop looks again");
    assert_eq!(stepped.dispatch.step(), Step::Idle);
    assert_eq!(stepped.oldest(), [None, None]);

    // To oneself; what is passed on counts from when it was sent.
    stepped.queue.local().send(fast(Act::Nothing)).unwrap();
    pass(&stepped, 1);
    stepped.queue.local().send(letter(Act::Nothing)).unwrap();
    pass(&stepped, 1);
    assert_eq!(stepped.oldest(), [None, Some(2)]);
    assert_eq!(stepped.local.step(), Step::Ran);
    assert_eq!(stepped.oldest(), [None, Some(2)], "until the loop looks again");
    assert_eq!(stepped.local.step(), Step::Ran);
    assert_eq!(stepped.oldest(), [Some(1), Some(1)]);
    assert_eq!(stepped.local.step(), Step::Idle);
    assert_eq!(stepped.oldest(), [Some(1), None]);

    // What is discarded waits no more.
    queue(&mut connection, 9);
    pass(&stepped, 1);
    connection.discard().unwrap();
    queue(&mut connection, 0);
    assert_eq!(stepped.dispatch.step(), Step::Ran, "the one to oneself");
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    assert_eq!(stepped.oldest(), [Some(0), None]);
    pass(&stepped, 1);
    queue(&mut connection, 0);
    stepped.queue.local().send(letter(Act::Nothing)).unwrap();
    assert_eq!(stepped.oldest(), [Some(1), Some(0)]);
    let report = stepped.queue.reclaim(stepped.dispatch, stepped.local);
    assert_eq!(report.leftovers.len(), 2);
    let end = stepped.queue.snapshot();
    assert_eq!((end.queued.oldest, end.local.oldest), (None, None), "nothing is there");
}

#[test]
fn what_was_passed_on_may_be_older_than_what_came_before_it() {
    let mut stepped = Stepped::new(false);
    let mut connection = stepped.queue.connect();
    let pass = |stepped: &Stepped| stepped.office.clock.advance(seconds(1));
    stepped.queue.local().send(letter(Act::Nothing)).unwrap();
    pass(&stepped);
    queue(&mut connection, 9);
    queue(&mut connection, 9);
    assert_eq!(stepped.local.step(), Step::Ran);
    assert_eq!(stepped.local.step(), Step::Idle);
    pass(&stepped);
    assert_eq!(stepped.oldest(), [Some(2), None], "both have arrived");
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    assert_eq!(stepped.oldest(), [Some(2), None], "and been taken");
    stepped.queue.local().send(letter(Act::Nothing)).unwrap();
    pass(&stepped);
    while stepped.dispatch.step() == Step::Ran {}
    queue(&mut connection, 0);
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    queue(&mut connection, 0);
    assert_eq!(stepped.local.step(), Step::Ran);
    assert_eq!(stepped.oldest(), [Some(1), Some(1)], "one is held, the older one has arrived");
}

#[test]
fn what_is_left_over_had_an_age() {
    let mut stepped = Stepped::new(false);
    let mut connection = stepped.queue.connect();
    queue(&mut connection, 1);
    queue(&mut connection, 1);
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    queue(&mut connection, 1);
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    queue(&mut connection, 1);
    assert_eq!(stepped.queue.reclaim(stepped.dispatch, stepped.local).leftovers.len(), 1);
    assert_eq!(stepped.queue.snapshot().queued.oldest, None);
}

#[test]
fn without_a_clock_nothing_has_an_age() {
    let (queue, mut dispatch, _local) = DispatchQueue::builder(Office::default()).stepped();
    let _ = queue.connect().deliver(letter(Act::Nothing)).unwrap();
    queue.local().send(letter(Act::Nothing)).unwrap();
    let snapshot = queue.snapshot();
    assert_eq!((snapshot.queued.oldest, snapshot.local.oldest, snapshot.has_clock), (None, None, false));
    assert_eq!((snapshot.running.len(), queue.report_slow()), (0, None));
    assert_eq!(dispatch.step(), Step::Ran);
}

#[test]
fn a_slow_callback_is_reported_while_it_runs_and_each_time_its_age_has_doubled() {
    let mut stepped = Stepped::new(true);
    assert!(stepped.queue.snapshot().has_clock);
    let mut connection = stepped.queue.connect();
    let id = connection.id();
    let _ = connection.deliver(letter(Act::Take(21))).unwrap();
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    let queued = Callback::Queued(id);
    assert_eq!(stepped.reports(), [(queued, 5, 1), (queued, 10, 2), (queued, 20, 3)]);
    let pauses = std::mem::take(&mut *stepped.office.pauses.lock().unwrap());
    let pauses: Vec<_> = pauses.iter().map(Duration::as_secs).collect();
    // Until it is due, or for a grace: something else may begin.
    assert_eq!(pauses[..11], [4, 3, 2, 1, 5, 4, 3, 2, 1, 5, 5]);
    assert_eq!(pauses[11..], [5, 5, 5, 5, 4, 3, 2, 1, 5, 5]);

    assert_eq!(stepped.queue.report_slow(), Some(GRACE), "nothing runs");
    assert_eq!(stepped.reports(), []);
}

#[test]
fn a_callback_is_fatal_once() {
    let office = Arc::new(Desk::default());
    let fatal = Reports::default();
    let report = {
        let fatal = Arc::clone(&fatal);
        Fatal::report(move |running: &Running<Callback>| fatal.lock().unwrap().push(running.clone()))
    };
    let builder = DispatchQueue::builder(Office(Arc::clone(&office))).clock(office.clock.clone());
    let (queue, mut dispatch, _local) = builder.fatal(GRACE, report).stepped();
    assert!(office.handle.set(queue.clone()).is_ok());
    let mut connection = queue.connect();
    for time in [21, 4] {
        let _ = connection.deliver(letter(Act::Take(time))).unwrap();
        assert_eq!(dispatch.step(), Step::Ran);
    }
    let fatal: Vec<_> = fatal.lock().unwrap().iter().map(|it| (it.what, it.age, it.reports)).collect();
    assert_eq!(fatal, [(Callback::Queued(connection.id()), GRACE, 0)]);
}

#[test]
fn each_kind_of_callback_is_watched_where_it_runs() {
    let mut stepped = Stepped::new(true);
    let mut connection = stepped.queue.connect();
    let id = connection.id();
    connection.accepted().unwrap();
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    assert_eq!(stepped.reports(), [(Callback::Event(id, Event::Accepted), 5, 1)]);
    let _ = connection.deliver(fast(Act::Take(5))).unwrap();
    assert_eq!(stepped.reports(), [(Callback::Fast(id), 5, 1)]);
    for letter in [fast(Act::Take(5)), letter(Act::Take(5))] {
        stepped.queue.local().send(letter).unwrap();
        assert_eq!(stepped.local.step(), Step::Ran);
    }
    assert_eq!(stepped.reports(), [(Callback::Fast(ConnectionId::LOCAL), 5, 1)]);
    assert_eq!(stepped.dispatch.step(), Step::Ran);
    assert_eq!(stepped.reports(), [(Callback::Queued(ConnectionId::LOCAL), 5, 1)]);
    // Quick ones are not.
    let _ = connection.deliver(fast(Act::Take(4))).unwrap();
    assert_eq!(stepped.reports(), []);
    // One that panics is over.
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(connection.deliver(fast(Act::Panic)))));
    assert!(panicked.is_err());
    stepped.office.clock.advance(seconds(9));
    assert_eq!((stepped.queue.report_slow(), stepped.reports()), (Some(GRACE), Vec::new()));
}

#[test]
fn a_late_look_reports_once() {
    let mut stepped = Stepped::new(true);
    let clock = stepped.office.clock.clone();
    let (may_return, told) = channel();
    let mut connection = stepped.queue.connect();
    let _ = connection.deliver(letter(Act::Wait(told))).unwrap();
    bounded(move || {
        let (queue, reports) = (stepped.queue.clone(), Arc::clone(&stepped.reports));
        let running = std::thread::Builder::new().name("a worker".to_owned());
        let running = running.spawn(move || stepped.dispatch.step()).unwrap();
        while queue.snapshot().running.is_empty() {
            std::thread::yield_now();
        }
        clock.advance(seconds(36));
        assert_eq!(queue.report_slow(), Some(seconds(4)), "at 40 seconds");
        assert_eq!(queue.report_slow(), Some(seconds(4)));
        let seen = reports.lock().unwrap().clone();
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].age, seen[0].thread.as_deref()), (seconds(36), Some("a worker")));
        assert_eq!(queue.snapshot().running, seen, "and it still runs");
        let mut said = seen[0].clone();
        assert_eq!(said.os_thread.is_some(), cfg!(target_os = "linux"));
        said.os_thread = None;
        let said = said.to_string();
        assert_eq!(
            said,
            "dispatch of a message from connection 1 has been running for 36s on thread a worker"
        );
        clock.advance(seconds(4));
        assert_eq!(queue.report_slow(), Some(GRACE));
        assert_eq!(reports.lock().unwrap().len(), 2);
        may_return.send(()).unwrap();
        assert_eq!(running.join().unwrap(), Step::Ran);
        assert!(queue.snapshot().running.is_empty());
    });
}

#[test]
fn the_watch_thread_reports_and_ends_with_the_queue() {
    bounded(|| {
        let (slow, reported) = channel();
        let slow: Mutex<Sender<Running<Callback>>> = Mutex::new(slow);
        let builder = DispatchQueue::builder(Office::default()).name("post");
        let queue = builder.clock(MonotonicClock::new()).watch(Duration::ZERO, move |running| {
            slow.lock().unwrap().send(running.clone()).unwrap();
            assert_ne!(running.reports, 2, "a bad report");
        });
        let queue = queue.start().unwrap();
        let (may_return, told) = channel();
        let mut connection = queue.connect();
        let _ = connection.deliver(letter(Act::Wait(told))).unwrap();
        for reports in 1..=3 {
            let running = hear(&reported);
            assert_eq!((running.what, running.reports), (Callback::Queued(connection.id()), reports));
            assert!(running.age >= Duration::from_millis(1 << (reports - 1)), "{running:?}");
            assert_eq!(running.thread.as_deref(), Some("post-dispatch"));
        }
        may_return.send(()).unwrap();
        let report = queue.join().unwrap();
        assert_eq!(report.panics, 1, "the second report");
        drop(connection);
        while reported.recv().is_ok() {}
    });
}

#[test]
fn a_queue_dropped_in_its_own_callback_is_watched_no_more() {
    bounded(|| {
        let (slow, reported) = channel::<()>();
        let slow = Mutex::new(slow);
        let office = Arc::new(Desk::default());
        let builder = DispatchQueue::builder(Office(Arc::clone(&office)));
        let queue = builder.watch(seconds(1_000_000), move |_| slow.lock().unwrap().send(()).unwrap());
        let queue = queue.start().unwrap();
        let mut connection = queue.connect();
        *office.queue.lock().unwrap() = Some(queue);
        let _ = connection.deliver(letter(Act::Drop)).unwrap();
        drop(connection);
        // Its threads end, and with the last of them the report.
        assert!(reported.recv().is_err());
    });
}

#[test]
fn the_systems_clock_goes_on() {
    let clock = MonotonicClock::new();
    let before = clock.now();
    while clock.now() == before {}
    assert!(clock.clone().now() > before);
}

#[test]
fn a_connection_that_is_gone_is_watched_no_more() {
    let mut stepped = Stepped::new(true);
    for _ in 0..3 {
        let mut connection = stepped.queue.connect();
        let _ = connection.deliver(fast(Act::Nothing)).unwrap();
    }
    stepped.queue.shutdown(Stop::RunRemaining);
    assert_eq!([stepped.local.step(), stepped.dispatch.step()], [Step::Stopped; 2]);
    assert!(stepped.queue.snapshot().running.is_empty());
}
