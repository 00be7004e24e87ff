//! The queued path: enqueue against the sleeping dispatch thread, and against shutdown in both its kinds.

use crate::harness::{Clock, Log, Model, Plain};
use keylane::internals::{Arc, mark};
use keylane::{ConnectionId, DispatchQueue, Dispatcher, Handled, Message, Priority, Step, Stop};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        enqueue_against_sleep(),
        two_enqueuers_and_the_dispatch_loop(),
        strict_priority_against_step(),
        enqueue_against_run_remaining(),
        enqueue_against_hand_back(),
        shutdown_against_shutdown(),
        a_refused_connection_stays_refused(),
    ]
}

struct Op(u32);

impl Message for Op {
    /// Tens are the priority.
    fn priority(&self) -> Priority {
        Priority((self.0 / 10) as u8)
    }
}

/// Writes down what ran; the plain cell fails the model if two callbacks overlap or are unordered.
struct Recorder {
    ran: Log<u32>,
    alone: Arc<Plain<u32>>,
}

fn recorder() -> (Recorder, Log<u32>) {
    let ran = Log::new();
    (Recorder { ran: ran.clone(), alone: Arc::new(Plain::new(0)) }, ran)
}

impl Dispatcher for Recorder {
    type Message = Op;

    fn dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
        self.alone.set(self.alone.get() + 1);
        self.ran.add(op.0);
        Ok(())
    }
}

/// The dispatch thread sleeps whenever there is nothing; a message is delivered, and only once it has run is
/// the queue shut down. A lost wake-up would be a deadlock.
fn enqueue_against_sleep() -> Model {
    struct Until(keylane::internals::Bell);
    struct Rings(Arc<Until>);
    impl Dispatcher for Rings {
        type Message = Op;
        fn dispatch(&self, _: ConnectionId, _: Op) -> Handled<Op> {
            self.0.0.ring();
            Ok(())
        }
    }

    Model::new("enqueue_against_sleep", "D11", 2)
        .iterations(982)
        .reaches(&["slept", "rung before sleep", "woke the consumer", "dispatch thread woke"])
        .scenario(|| {
            let done = Arc::new(Until(keylane::internals::Bell::new()));
            let (queue, mut dispatch, mut local) = DispatchQueue::builder(Rings(Arc::clone(&done))).stepped();
            thread::spawn(move || dispatch.run());
            let _ = queue.connect().deliver(Op(1)).unwrap();
            done.0.wait();
            queue.shutdown(Stop::RunRemaining);
            assert_eq!(local.step(), Step::Stopped, "and that ends the queue");
        })
}

/// Two connections deliver while the dispatch loop steps: nothing is lost, and each keeps its order.
fn two_enqueuers_and_the_dispatch_loop() -> Model {
    Model::new("two_enqueuers_and_the_dispatch_loop", "D1 D2", 3)
        .iterations(3_080)
        .reaches(&["queued"])
        .scenario(|| {
            let (recorder, ran) = recorder();
            let (queue, mut dispatch, _local) = DispatchQueue::builder(recorder).stepped();
            let readers: Vec<_> = [[1, 2], [3, 4]]
                .into_iter()
                .map(|numbers| {
                    let mut connection = queue.connect();
                    thread::spawn(move || {
                        for number in numbers {
                            let _ = connection.deliver(Op(number)).unwrap();
                        }
                    })
                })
                .collect();
            let _ = dispatch.step();
            for reader in readers {
                reader.join().unwrap();
            }
            while dispatch.step() == Step::Ran {}
            let ran = ran.take();
            for [first, second] in [[1, 2], [3, 4]] {
                let at = |number| ran.iter().position(|&ran| ran == number);
                assert!(at(first).unwrap() < at(second).unwrap(), "{ran:?}");
            }
            assert_eq!(ran.len(), 4);
        })
}

/// A message of high priority whose `deliver` has returned goes before a low one not yet picked.
fn strict_priority_against_step() -> Model {
    Model::new("strict_priority_against_step", "D3", 2)
        .iterations(11)
        .reaches(&["high was in", "high overtook", "low first"])
        .scenario(|| {
            let (recorder, ran) = recorder();
            let (queue, mut dispatch, _local) = DispatchQueue::builder(recorder).stepped();
            let (mut low, mut high) = (queue.connect(), queue.connect());
            let _ = low.deliver(Op(10)).unwrap();
            let clock = Clock::new();
            let theirs = clock.clone();
            let reader = thread::spawn(move || {
                let _ = high.deliver(Op(20)).unwrap();
                theirs.stamp();
            });
            let high_was_in = clock.stamp() == 1;
            assert_eq!(dispatch.step(), Step::Ran);
            let first = ran.take();
            mark(match (high_was_in, first == [20]) {
                (true, _) => "high was in",
                (false, true) => "high overtook",
                (false, false) => "low first",
            });
            assert!(!high_was_in || first == [20], "a delivered high one goes first");
            reader.join().unwrap();
            assert_eq!(dispatch.step(), Step::Ran);
        })
}

/// Enqueue against a graceful end: accepted is dispatched, refused is handed back, and nothing is accepted
/// once `shutdown` has returned.
fn enqueue_against_run_remaining() -> Model {
    Model::new("enqueue_against_run_remaining", "D1 D10 D11", 3)
        .iterations(57_639)
        .reaches(&["accepted", "refused", "slept", "rung before sleep"])
        .scenario(|| {
            let (recorder, ran) = recorder();
            let (queue, mut dispatch, mut local) = DispatchQueue::builder(recorder).stepped();
            let runner = thread::spawn(move || {
                dispatch.run();
                dispatch
            });
            let (mut connection, mut late) = (queue.connect(), queue.connect());
            let reader = thread::spawn(move || match connection.deliver(Op(1)) {
                Ok(_) => true,
                Err(refused) => {
                    assert_eq!(refused.into_message().0, 1);
                    false
                }
            });
            queue.shutdown(Stop::RunRemaining);
            assert!(late.deliver(Op(2)).is_err(), "refused from the moment shutdown returned");
            assert_eq!(local.step(), Step::Stopped);
            let dispatch = runner.join().unwrap();
            let accepted = reader.join().unwrap();
            mark(if accepted { "accepted" } else { "refused" });
            assert_eq!(ran.take().len(), usize::from(accepted));
            assert!(queue.reclaim(dispatch, local).leftovers.is_empty());
        })
}

/// Enqueue against an abrupt end: dispatched, handed back by `reclaim`, or refused; exactly one.
fn enqueue_against_hand_back() -> Model {
    Model::new("enqueue_against_hand_back", "D1 D10", 3)
        .iterations(755)
        .reaches(&["refused", "dispatched", "handed back"])
        .scenario(|| {
            let (recorder, ran) = recorder();
            let (queue, mut dispatch, local) = DispatchQueue::builder(recorder).stepped();
            let runner = thread::spawn(move || {
                let _ = dispatch.step();
                dispatch
            });
            let mut connection = queue.connect();
            let reader = thread::spawn(move || connection.deliver(Op(1)).is_ok());
            queue.shutdown(Stop::HandBack);
            let dispatch = runner.join().unwrap();
            let accepted = reader.join().unwrap();
            let dispatched = ran.take().len();
            let handed_back = queue.reclaim(dispatch, local).leftovers.len();
            mark(match (accepted, dispatched) {
                (false, _) => "refused",
                (true, 1) => "dispatched",
                (true, _) => "handed back",
            });
            assert_eq!(dispatched + handed_back, usize::from(accepted));
        })
}

/// Two threads shut the same queue down, in both ways: it ends, and nothing is lost.
fn shutdown_against_shutdown() -> Model {
    Model::new("shutdown_against_shutdown", "D1 D10", 3)
        .iterations(415_215)
        .reaches(&["slept", "rung before sleep", "dispatched", "handed back"])
        .scenario(|| {
            let (recorder, ran) = recorder();
            let (queue, mut dispatch, mut local) = DispatchQueue::builder(recorder).stepped();
            let _ = queue.connect().deliver(Op(1)).unwrap();
            let runner = thread::spawn(move || {
                dispatch.run();
                dispatch
            });
            let other = {
                let queue = queue.clone();
                thread::spawn(move || queue.shutdown(Stop::HandBack))
            };
            queue.shutdown(Stop::RunRemaining);
            assert_eq!(local.step(), Step::Stopped);
            other.join().unwrap();
            let dispatch = runner.join().unwrap();
            let (dispatched, left) = (ran.take().len(), queue.reclaim(dispatch, local).leftovers.len());
            mark(if dispatched == 1 { "dispatched" } else { "handed back" });
            assert_eq!(dispatched + left, 1);
        })
}

/// Shutdown closes the fast way in before the queued one. A connection that has been refused on the one is
/// refused on the other too, whichever it tries first: its stream has no hole.
fn a_refused_connection_stays_refused() -> Model {
    struct Fast;
    impl Dispatcher for Fast {
        type Message = Op;
        fn can_fast_dispatch(&self, op: &Op) -> bool {
            op.0 % 2 == 0
        }
        fn dispatch(&self, _: ConnectionId, _: Op) -> Handled<Op> {
            Ok(())
        }
    }

    Model::new("a_refused_connection_stays_refused", "D10", 2)
        .iterations(47)
        .reaches(&["visited", "visit refused", "queued", "all refused", "all accepted"])
        .scenario(|| {
            let (queue, _dispatch, _local) = DispatchQueue::builder(Fast).stepped();
            let mut connection = queue.connect();
            let reader =
                thread::spawn(move || [2, 3, 4].map(|number| connection.deliver(Op(number)).is_ok()));
            queue.shutdown(Stop::RunRemaining);
            let accepted = reader.join().unwrap();
            match accepted {
                [false, false, false] => mark("all refused"),
                [true, true, true] => mark("all accepted"),
                _ => {}
            }
            assert!(accepted.is_sorted_by(|earlier, later| earlier >= later), "a hole: {accepted:?}");
        })
}
