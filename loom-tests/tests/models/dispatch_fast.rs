//! `deliver` on the fast path: against the queued path of the same connection, against other connections,
//! and against the end of the queue.

use crate::harness::{Clock, Log, Model, Plain};
use keylane::internals::mark;
use keylane::{ConnectionId, Delivered, DispatchQueue, Dispatcher, Handled, Message, Step, Stop};
use loom::thread;
use std::sync::Arc;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        fast_dispatch_against_enqueue(),
        ordered_fast_dispatch_against_enqueue(),
        fast_dispatch_against_reclaim(),
        shutdown_from_a_fast_callback(),
    ]
}

struct Op {
    number: u32,
    fast: bool,
}

impl Message for Op {}

const FAST: bool = true;
const SLOW: bool = false;

fn op(number: u32, fast: bool) -> Op {
    Op { number, fast }
}

/// Writes down what ran, and touches one plain cell in each kind of callback.
#[derive(Clone)]
struct Recorder {
    ran: Log<u32>,
    /// So that both orders of two callbacks without an order are explored.
    clock: Option<Clock>,
    queued: Arc<Plain<u32>>,
    /// If set, the fast callbacks touch the queued ones' cell too: only an ordered connection may.
    shared: bool,
    fast: Arc<Plain<u32>>,
}

impl Recorder {
    fn new(shared: bool, clock: Option<Clock>) -> Self {
        Self {
            ran: Log::new(),
            clock,
            queued: Arc::new(Plain::new(0)),
            shared,
            fast: Arc::new(Plain::new(0)),
        }
    }
}

fn bump(cell: &Plain<u32>) {
    cell.set(cell.get() + 1);
}

impl Dispatcher for Recorder {
    type Message = Op;

    fn can_fast_dispatch(&self, op: &Op) -> bool {
        op.fast
    }

    fn fast_dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
        bump(if self.shared { &self.queued } else { &self.fast });
        self.clock.as_ref().map(Clock::stamp);
        self.ran.add(op.number);
        Ok(())
    }

    fn dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
        bump(&self.queued);
        self.clock.as_ref().map(Clock::stamp);
        self.ran.add(op.number);
        Ok(())
    }
}

/// A reader queues one message and fast-dispatches the next while the dispatch loop runs: the two callbacks
/// have no order (both orders occur), and each message has one fate.
fn fast_dispatch_against_enqueue() -> Model {
    Model::new("fast_dispatch_against_enqueue", "D1 D5", 2)
        .iterations(7)
        .reaches(&["visited", "queued", "fast first", "queued first"])
        .scenario(|| {
            let recorder = Recorder::new(false, Some(Clock::new()));
            let (queue, mut dispatch, local) = DispatchQueue::builder(recorder.clone()).stepped();
            let mut connection = queue.connect();
            let reader = thread::spawn(move || {
                assert_eq!(connection.deliver(op(1, SLOW)).unwrap(), Delivered::Queued);
                assert_eq!(connection.deliver(op(2, FAST)).unwrap(), Delivered::Fast);
            });
            let early = dispatch.step();
            reader.join().unwrap();
            if early == Step::Idle {
                assert_eq!(dispatch.step(), Step::Ran);
            }
            let ran = recorder.ran.take();
            mark(if ran == [2, 1] { "fast first" } else { "queued first" });
            assert!(ran == [1, 2] || ran == [2, 1], "each once: {ran:?}");
            assert!(queue.reclaim(dispatch, local).leftovers.is_empty());
        })
}

/// The same on an ordered connection: whatever runs fast sees that the queued one has run; otherwise it has
/// been queued behind it. The callbacks share a plain cell, so loom also checks the happens-before edge.
fn ordered_fast_dispatch_against_enqueue() -> Model {
    Model::new("ordered_fast_dispatch_against_enqueue", "D2 D5", 2)
        .iterations(12)
        .reaches(&["visited", "queued behind"])
        .scenario(|| {
            let recorder = Recorder::new(true, None);
            let (queue, mut dispatch, _local) = DispatchQueue::builder(recorder.clone()).stepped();
            let mut connection = queue.connect_ordered();
            let reader = thread::spawn(move || {
                assert_eq!(connection.deliver(op(1, SLOW)).unwrap(), Delivered::Queued);
                connection.deliver(op(2, FAST)).unwrap() == Delivered::Fast
            });
            let early = dispatch.step();
            let fast = reader.join().unwrap();
            if early == Step::Idle {
                assert_eq!(dispatch.step(), Step::Ran);
            }
            assert_eq!(dispatch.step(), if fast { Step::Idle } else { Step::Ran });
            assert_eq!(recorder.ran.take(), [1, 2], "in order, on whichever thread");
        })
}

/// A fast callback against shutdown and reclaim: once the queue has been reclaimed, the callback is over (its
/// writes are visible) or was refused, and its message has one fate.
fn fast_dispatch_against_reclaim() -> Model {
    Model::new("fast_dispatch_against_reclaim", "D1 D5 D10", 2)
        .iterations(83)
        .reaches(&["visited", "visit refused", "visited past closing", "waited for a visitor"])
        .scenario(|| {
            let recorder = Recorder::new(false, None);
            let (queue, dispatch, local) = DispatchQueue::builder(recorder.clone()).stepped();
            let mut connection = queue.connect();
            let reader = thread::spawn(move || match connection.deliver(op(1, FAST)) {
                Ok(delivered) => {
                    assert_eq!(delivered, Delivered::Fast);
                    true
                }
                Err(refused) => {
                    assert_eq!(refused.into_message().number, 1, "handed back");
                    false
                }
            });
            assert!(queue.reclaim(dispatch, local).leftovers.is_empty(), "a fast one is never queued");
            let ran = recorder.fast.get();
            assert_eq!(ran, u32::from(reader.join().unwrap()));
        })
}

/// A fast callback shuts its own queue down; nothing waits for itself, and the next message is refused.
fn shutdown_from_a_fast_callback() -> Model {
    struct Quitter(Log<keylane::QueueHandle<Quitter>>);
    impl Dispatcher for Quitter {
        type Message = Op;
        fn can_fast_dispatch(&self, op: &Op) -> bool {
            op.fast
        }
        fn dispatch(&self, _: ConnectionId, _: Op) -> Handled<Op> {
            for queue in self.0.take() {
                queue.shutdown(Stop::HandBack);
            }
            Ok(())
        }
    }

    Model::new("shutdown_from_a_fast_callback", "D5 D10", 2)
        .iterations(5)
        .reaches(&["visited past closing", "quit fast", "queued one left over"])
        .scenario(|| {
            let handle = Log::new();
            let (queue, dispatch, local) = DispatchQueue::builder(Quitter(handle.clone())).stepped();
            handle.add(queue.clone());
            let (mut quits, mut queues) = (queue.connect(), queue.connect());
            let reader = thread::spawn(move || {
                assert_eq!(quits.deliver(op(1, FAST)).unwrap(), Delivered::Fast);
                mark("quit fast");
                assert!(quits.deliver(op(2, FAST)).is_err(), "refused from the moment shutdown returned");
            });
            let queued = queues.deliver(op(3, SLOW)).is_ok();
            reader.join().unwrap();
            let left = queue.reclaim(dispatch, local).leftovers;
            if queued {
                mark("queued one left over");
            }
            assert_eq!(left.len(), usize::from(queued));
        })
}
