//! The dispatch thread goes on with what it holds, without a look at what has arrived: against everything that it has to look at.

use crate::harness::{Clock, Log, Model};
use keylane::internals::mark;
use keylane::{
    Connection, ConnectionId, DispatchLoop, DispatchQueue, Dispatcher, Event, Handled, Message, Priority,
    QueueHandle, Step, Stop,
};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        a_new_line_against_going_on(),
        a_lost_line_against_going_on(),
        a_discarded_line_against_going_on(),
        a_known_line_against_going_on(),
        a_discard_against_going_on(),
        an_event_against_going_on(),
        a_close_against_going_on(),
        a_close_against_lying_down(),
    ]
}

/// Tens are its priority.
struct Op(u32);

impl Message for Op {
    fn priority(&self) -> Priority {
        Priority((self.0 / 10) as u8)
    }
}

/// What runs, and then events as this.
const TOLD: u32 = 0;

struct Recorder {
    seen: Log<u32>,
    /// Each callback looks at it as it begins, if a model wants to know when.
    clock: Option<(Clock, Log<usize>)>,
}

impl Recorder {
    fn see(&self, number: u32) {
        if let Some((clock, stamps)) = &self.clock {
            stamps.add(clock.stamp());
        }
        self.seen.add(number);
    }
}

impl Dispatcher for Recorder {
    type Message = Op;

    fn dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
        self.see(op.0);
        Ok(())
    }

    fn event(&self, _: ConnectionId, _: Event) -> bool {
        self.see(TOLD);
        true
    }
}

/// A queue whose dispatch loop holds messages 11 and 12 of one connection, after it has run 10; and another connection.
struct Holding {
    queue: QueueHandle<Recorder>,
    dispatch: DispatchLoop<Recorder>,
    seen: Log<u32>,
    holder: Connection<Recorder>,
    other: Connection<Recorder>,
}

fn holding() -> Holding {
    let seen = Log::new();
    let recorder = Recorder { seen: seen.clone(), clock: None };
    let (queue, mut dispatch, _local) = DispatchQueue::builder(recorder).stepped();
    let (mut holder, other) = (queue.connect(), queue.connect());
    for number in [10, 11, 12] {
        deliver(&mut holder, number);
    }
    assert_eq!((dispatch.step(), seen.take()), (Step::Ran, vec![10]));
    Holding { queue, dispatch, seen, holder, other }
}

fn deliver(connection: &mut Connection<Recorder>, number: u32) {
    let _ = connection.deliver(Op(number)).unwrap();
}

/// While this thread steps `steps` times, another one does `what`; with what each step came to, and whether that was over
/// before the step began.
fn steps_against(
    dispatch: &mut DispatchLoop<Recorder>,
    seen: &Log<u32>,
    steps: usize,
    what: impl FnOnce() + 'static,
) -> Vec<(bool, Step, Option<u32>)> {
    let clock = Clock::new();
    let theirs = clock.clone();
    let over = Log::new();
    let stamp = over.clone();
    let other = thread::spawn(move || {
        what();
        stamp.add(theirs.stamp());
    });
    let stepped: Vec<_> =
        (0..steps).map(|_| (clock.stamp(), dispatch.step(), seen.take().first().copied())).collect();
    other.join().unwrap();
    let [over] = over.take()[..] else { panic!("it was over once") };
    mark(if over == 0 { "over before the first step" } else { "not over before the first step" });
    stepped.into_iter().map(|(began, step, ran)| (over < began, step, ran)).collect()
}

const BOTH: &[&str] =
    &["over before the first step", "not over before the first step", "went on without a look"];

/// The first message of a line, and a more urgent one, comes as the thread goes on: if it was in, it is next.
fn a_new_line_against_going_on() -> Model {
    Model::new("a_new_line_against_going_on", "D3", 2).iterations(37).reaches(BOTH).scenario(|| {
        let Holding { mut dispatch, seen, mut other, .. } = holding();
        let stepped = steps_against(&mut dispatch, &seen, 2, move || deliver(&mut other, 20));
        goes_first(&stepped, 20);
    })
}

/// A message of a line whose last one has been picked: it is known until the thread has told that, and new after that.
fn a_lost_line_against_going_on() -> Model {
    Model::new("a_lost_line_against_going_on", "D3", 2).iterations(45).reaches(BOTH).scenario(|| {
        let Holding { mut dispatch, seen, mut other, .. } = holding();
        deliver(&mut other, 20);
        assert_eq!((dispatch.step(), seen.take()), (Step::Ran, vec![20]));
        let stepped = steps_against(&mut dispatch, &seen, 2, move || deliver(&mut other, 21));
        goes_first(&stepped, 21);
    })
}

/// The same, of a line that is lost since all of it has been discarded.
fn a_discarded_line_against_going_on() -> Model {
    Model::new("a_discarded_line_against_going_on", "D3 D7", 2)
        .iterations(45)
        .reaches(BOTH)
        .reaches(&["discarded"])
        .scenario(|| {
            let Holding { mut dispatch, seen, mut holder, mut other, .. } = holding();
            deliver(&mut holder, 13);
            deliver(&mut other, 20);
            other.discard().unwrap();
            assert_eq!((dispatch.step(), seen.take()), (Step::Ran, vec![11]));
            let stepped = steps_against(&mut dispatch, &seen, 2, move || deliver(&mut other, 21));
            goes_first(&stepped, 21);
        })
}

/// Before each step at which the message `urgent` was in, or at it, it ran.
fn goes_first(stepped: &[(bool, Step, Option<u32>)], urgent: u32) {
    let mut ran = Vec::new();
    for &(was_in, step, next) in stepped {
        assert_eq!(step, Step::Ran);
        ran.extend(next);
        assert!(!was_in || ran.contains(&urgent), "what is urgent and was in goes first: {ran:?}");
    }
}

/// A message comes at the end of the line: nothing about what is next changes, and the thread never looks until it has run the
/// last that it holds.
fn a_known_line_against_going_on() -> Model {
    Model::new("a_known_line_against_going_on", "D1 D2", 2)
        .iterations(39)
        .reaches(&["went on without a look", "picked at once", "picked later"])
        .scenario(|| {
            let Holding { mut dispatch, seen, mut holder, .. } = holding();
            let stepped = steps_against(&mut dispatch, &seen, 3, move || deliver(&mut holder, 13));
            let ran: Vec<_> = stepped.iter().filter_map(|&(.., ran)| ran).collect();
            let (was_in, last, _) = stepped[2];
            if last == Step::Ran {
                mark("picked at once");
                assert_eq!(ran, [11, 12, 13]);
            } else {
                mark("picked later");
                assert!(!was_in, "the last one that was held has been picked, so it looks");
                assert_eq!((dispatch.step(), seen.take()), (Step::Ran, vec![13]));
            }
        })
}

/// What is discarded is not picked once `discard` has returned.
fn a_discard_against_going_on() -> Model {
    Model::new("a_discard_against_going_on", "D7", 2).iterations(37).reaches(BOTH).scenario(|| {
        let Holding { queue, mut dispatch, seen, holder, .. } = holding();
        let id = holder.id();
        let stepped = steps_against(&mut dispatch, &seen, 2, move || queue.discard(id).unwrap());
        for (was_in, step, ran) in stepped {
            assert!(!was_in || (step, ran) == (Step::Idle, None), "discarded before the step began");
        }
    })
}

/// An event is told before what waits.
fn an_event_against_going_on() -> Model {
    Model::new("an_event_against_going_on", "D9", 2).iterations(37).reaches(BOTH).scenario(|| {
        let Holding { mut dispatch, seen, mut other, .. } = holding();
        let stepped = steps_against(&mut dispatch, &seen, 2, move || other.connected().unwrap());
        goes_first(&stepped, TOLD);
    })
}

/// Once `shutdown` has returned, no step picks what is to come back.
fn a_close_against_going_on() -> Model {
    Model::new("a_close_against_going_on", "D10", 2).iterations(37).reaches(BOTH).scenario(|| {
        let Holding { queue, mut dispatch, seen, .. } = holding();
        let stepped = steps_against(&mut dispatch, &seen, 2, move || queue.shutdown(Stop::HandBack));
        for (was_over, step, ran) in stepped {
            assert!(!was_over || (step, ran) == (Step::Stopped, None), "to come back, and not to run");
        }
    })
}

/// The same, if the thread finds messages and the end at once, when it was about to sleep: of these it runs none, but for one
/// that it may have picked before.
fn a_close_against_lying_down() -> Model {
    Model::new("a_close_against_lying_down", "D10", 2)
        .iterations(7_403)
        .reaches(&["slept", "ran none", "ran some"])
        .scenario(|| {
            let (clock, stamps, seen) = (Clock::new(), Log::new(), Log::new());
            let recorder = Recorder { seen: seen.clone(), clock: Some((clock.clone(), stamps.clone())) };
            let (queue, mut dispatch, _local) = DispatchQueue::builder(recorder).stepped();
            let mut connection = queue.connect();
            let runner = thread::spawn(move || dispatch.run());
            for number in [10, 11] {
                deliver(&mut connection, number);
            }
            queue.shutdown(Stop::HandBack);
            let over = clock.stamp();
            runner.join().unwrap();
            mark(if seen.is_empty() { "ran none" } else { "ran some" });
            let late = stamps.take().into_iter().filter(|&began| over < began).count();
            assert!(late <= 1, "to come back, and not to run");
        })
}
