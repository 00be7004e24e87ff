//! What happens to a connection, against the queue that carries its messages: discards, resets, announcements.

use crate::harness::{Log, Model, Plain};
use keylane::internals::{Arc, Bell, mark};
use keylane::{ConnectionId, Delivered, DispatchQueue, Dispatcher, Event, Handled, Message, Step, Stop};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        reset_against_pick(),
        discard_by_number_against_a_reader(),
        announcement_against_sleep(),
        discard_against_sleep(),
        an_ordered_connection_goes_on_after_a_discard(),
        reset_against_run_remaining(),
    ]
}

/// A message that touches a plain cell when it is dropped, as one that owns something would.
struct Op {
    number: u32,
    fast: bool,
    owned: Arc<Plain<u32>>,
}

impl Message for Op {}

impl Drop for Op {
    fn drop(&mut self) {
        bump(&self.owned);
    }
}

fn bump(cell: &Plain<u32>) {
    cell.set(cell.get() + 1);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Ran(u32),
    Told(Event),
}

struct Recorder(Log<Seen>);

impl Dispatcher for Recorder {
    type Message = Op;

    fn can_fast_dispatch(&self, op: &Op) -> bool {
        op.fast
    }

    fn dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
        self.0.add(Seen::Ran(op.number));
        Ok(())
    }

    fn event(&self, _: ConnectionId, event: Event) -> bool {
        self.0.add(Seen::Told(event));
        true
    }
}

fn queued(number: u32) -> Op {
    Op { number, fast: false, owned: Arc::new(Plain::new(0)) }
}

/// A reader queues two messages and resets while the dispatch loop goes on: what runs is what came first of them, the
/// reset is told once, and nothing of the connection runs after it.
fn reset_against_pick() -> Model {
    Model::new("reset_against_pick", "D1 D7 D9", 2)
        .iterations(21)
        .reaches(&["discarded", "both ran", "one ran", "none ran"])
        .scenario(|| {
            let seen = Log::new();
            let (queue, mut dispatch, _local) = DispatchQueue::builder(Recorder(seen.clone())).stepped();
            let mut connection = queue.connect();
            let reader = thread::spawn(move || {
                let _ = connection.deliver(queued(1)).unwrap();
                let _ = connection.deliver(queued(2)).unwrap();
                connection.reset().unwrap();
            });
            let _ = (dispatch.step(), dispatch.step());
            reader.join().unwrap();
            while dispatch.step() == Step::Ran {}
            let seen = seen.take();
            let (last, ran) = seen.split_last().expect("the reset is told");
            assert_eq!(*last, Seen::Told(Event::Reset), "D7: the reset is the last that is heard: {seen:?}");
            mark(["none ran", "one ran", "both ran"][ran.len()]);
            assert!([Seen::Ran(1), Seen::Ran(2)].starts_with(ran), "{seen:?}");
        })
}

/// Somebody else discards what a connection has queued, while its reader goes on: what is delivered after both is
/// dispatched, and the other connection never notices.
fn discard_by_number_against_a_reader() -> Model {
    Model::new("discard_by_number_against_a_reader", "D1 D2 D7", 2)
        .iterations(10)
        .reaches(&["discarded", "ran", "did not run"])
        .scenario(|| {
            let seen = Log::new();
            let (queue, mut dispatch, _local) = DispatchQueue::builder(Recorder(seen.clone())).stepped();
            let (mut one, mut other) = (queue.connect(), queue.connect());
            let _ = other.deliver(queued(9)).unwrap();
            let number = one.id();
            let reader = thread::spawn(move || {
                let _ = one.deliver(queued(1)).unwrap();
                one
            });
            queue.discard(number).unwrap();
            let _ = dispatch.step();
            let mut one = reader.join().unwrap();
            let _ = one.deliver(queued(2)).unwrap();
            while dispatch.step() == Step::Ran {}
            let seen = seen.take();
            let ran = |number| seen.iter().filter(|&&seen| seen == Seen::Ran(number)).count();
            mark(if ran(1) == 1 { "ran" } else { "did not run" });
            assert!(ran(1) <= 1 && ran(2) == 1 && ran(9) == 1, "{seen:?}");
        })
}

/// The dispatch thread sleeps whenever there is nothing; an announcement wakes it as a message would.
fn announcement_against_sleep() -> Model {
    struct Rings(Arc<Bell>);
    impl Dispatcher for Rings {
        type Message = Op;
        fn dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
            Err(op)
        }
        fn event(&self, _: ConnectionId, event: Event) -> bool {
            assert_eq!(event, Event::Accepted);
            self.0.ring();
            true
        }
    }

    Model::new("announcement_against_sleep", "D9 D11", 2)
        .iterations(982)
        .reaches(&["woke the consumer", "dispatch thread woke"])
        .scenario(|| {
            let done = Arc::new(Bell::new());
            let (queue, mut dispatch, mut local) = DispatchQueue::builder(Rings(Arc::clone(&done))).stepped();
            thread::spawn(move || dispatch.run());
            queue.connect().accepted().unwrap();
            done.wait();
            queue.shutdown(Stop::RunRemaining);
            assert_eq!(local.step(), Step::Stopped, "and that ends the queue");
        })
}

/// A discard is an arrival that leaves nothing to do, and may take away what arrived with it. The dispatch thread, which
/// was about to sleep, must not lie down over it unannounced: what comes next has to wake it.
fn discard_against_sleep() -> Model {
    struct Rings(Arc<Bell>);
    impl Dispatcher for Rings {
        type Message = Op;
        fn dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
            self.0.ring();
            drop(op);
            Ok(())
        }
    }

    Model::new("discard_against_sleep", "D7 D11", 2)
        .iterations(9_716)
        .reaches(&["discarded", "woke the consumer", "dispatch thread woke"])
        .scenario(|| {
            let done = Arc::new(Bell::new());
            let (queue, mut dispatch, mut local) = DispatchQueue::builder(Rings(Arc::clone(&done))).stepped();
            let mut connection = queue.connect();
            thread::spawn(move || dispatch.run());
            connection.discard().unwrap();
            let _ = connection.deliver(queued(1)).unwrap();
            done.wait();
            queue.shutdown(Stop::RunRemaining);
            assert_eq!(local.step(), Step::Stopped, "and that ends the queue");
        })
}

/// An ordered connection's message is discarded: until it has been dropped the next waits behind it, and then fast
/// dispatch goes on. The discarded one's drop and the fast callback share a plain cell.
fn an_ordered_connection_goes_on_after_a_discard() -> Model {
    struct Touches;
    impl Dispatcher for Touches {
        type Message = Op;
        fn can_fast_dispatch(&self, op: &Op) -> bool {
            op.fast
        }
        fn dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
            bump(&op.owned);
            Ok(())
        }
    }

    Model::new("an_ordered_connection_goes_on_after_a_discard", "D2 D5 D7", 2)
        .iterations(15)
        .reaches(&["discarded", "went on fast", "queued behind"])
        .scenario(|| {
            let (queue, mut dispatch, _local) = DispatchQueue::builder(Touches).stepped();
            let owned = Arc::new(Plain::new(0));
            let mut connection = queue.connect_ordered();
            let op = |fast| Op { number: 0, fast, owned: Arc::clone(&owned) };
            let _ = connection.deliver(op(false)).unwrap();
            connection.discard().unwrap();
            let next = op(true);
            let reader = thread::spawn(move || {
                let delivered = connection.deliver(next).unwrap();
                if delivered == Delivered::Fast {
                    mark("went on fast");
                }
                connection
            });
            let _ = dispatch.step();
            let mut connection = reader.join().unwrap();
            while dispatch.step() == Step::Ran {}
            assert_eq!(connection.deliver(op(true)).unwrap(), Delivered::Fast, "nothing of it is left");
        })
}

/// A reset while the queue is shut down to run what remains: either it is in time, and then it is told and what had not
/// been picked is discarded; or it says that it is not, and then everything runs and nothing is told.
fn reset_against_run_remaining() -> Model {
    Model::new("reset_against_run_remaining", "D7 D9 D10", 2)
        .iterations(37)
        .reaches(&["discarded", "event refused"])
        .scenario(|| {
            let seen = Log::new();
            let (queue, mut dispatch, mut local) = DispatchQueue::builder(Recorder(seen.clone())).stepped();
            let mut connection = queue.connect();
            let _ = connection.deliver(queued(1)).unwrap();
            let reader = thread::spawn(move || connection.reset());
            queue.shutdown(Stop::RunRemaining);
            assert_eq!(local.step(), Step::Stopped);
            while dispatch.step() != Step::Stopped {}
            let in_time = reader.join().unwrap().is_ok();
            let seen = seen.take();
            let told = seen.contains(&Seen::Told(Event::Reset));
            assert_eq!(told, in_time, "{seen:?}");
            assert!(told || seen == [Seen::Ran(1)], "{seen:?}");
            assert!(queue.reclaim(dispatch, local).events.is_empty());
        })
}
