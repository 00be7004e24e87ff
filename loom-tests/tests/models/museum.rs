//! Questions that only the bug museum asked: real races of Ceph's message path (`docs/museum/`) that no model in
//! the other files would have found.

use crate::harness::{Log, Model, Plain};
use keylane::internals::{self, Baton, Charge, Deadline, Seat, mark};
use keylane::{
    ConnectionId, DispatchQueue, Dispatcher, Handled, Handler, Lease, Message, PoolHandle, ShardedThreadPool,
    Step, Stop, Worker,
};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        enqueue_against_the_end(),
        enqueue_against_reclaim(),
        a_gate_opens_before_two_sleepers(),
        drain_after_drain(),
        drain_while_paused(),
        shutdown_from_a_handler_against_drain(),
    ]
}

struct Op;

impl Message for Op {}

/// Counts what is dispatched.
struct Ops(Log<()>);

impl Dispatcher for Ops {
    type Message = Op;

    fn dispatch(&self, _: ConnectionId, _: Op) -> Handled<Op> {
        self.0.add(());
        Ok(())
    }
}

/// The dispatch loop runs to its end while a reader delivers. No message may be accepted by a queue that nobody
/// empties any more (B10).
fn enqueue_against_the_end() -> Model {
    Model::new("enqueue_against_the_end", "D1 D10", 2)
        .iterations(28)
        .reaches(&["accepted", "refused"])
        .scenario(|| {
            let ran = Log::new();
            let (queue, mut dispatch, mut local) = DispatchQueue::builder(Ops(ran.clone())).stepped();
            let mut connection = queue.connect();
            let reader = thread::spawn(move || connection.deliver(Op).is_ok());
            queue.shutdown(Stop::RunRemaining);
            assert_eq!(local.step(), Step::Stopped);
            dispatch.run();
            let accepted = reader.join().unwrap();
            mark(if accepted { "accepted" } else { "refused" });
            assert_eq!(ran.take().len(), usize::from(accepted), "accepted is dispatched");
        })
}

/// A reader delivers while the queue is taken apart: its message comes back with the rest, or is refused (B13).
fn enqueue_against_reclaim() -> Model {
    Model::new("enqueue_against_reclaim", "D1 D10", 2)
        .iterations(71)
        .reaches(&["accepted", "refused"])
        .scenario(|| {
            let (queue, dispatch, local) = DispatchQueue::builder(Ops(Log::new())).stepped();
            let mut connection = queue.connect();
            let reader = thread::spawn(move || connection.deliver(Op).is_ok());
            let left = queue.reclaim(dispatch, local).leftovers.len();
            let accepted = reader.join().unwrap();
            mark(if accepted { "accepted" } else { "refused" });
            assert_eq!(left, usize::from(accepted), "accepted is handed back");
        })
}

/// Numbers that nobody may take before the gate is open.
struct Gated {
    open: bool,
    waiting: Vec<u32>,
}

impl Charge for Gated {
    fn runnable(&mut self) -> usize {
        if self.open { self.waiting.len() } else { 0 }
    }

    fn take_in(&mut self, _lie_down: bool) -> bool {
        false
    }

    fn due(&mut self) -> Option<Duration> {
        None
    }

    fn deadline(&self, _: Duration) -> Deadline {
        unreachable!("nothing is due")
    }
}

/// Two items become runnable at one stroke while two workers sleep, or are about to. Each worker takes one and never
/// comes back, so if one of them were told for both, the other would sleep for ever (B7).
fn a_gate_opens_before_two_sleepers() -> Model {
    Model::new("a_gate_opens_before_two_sleepers", "P5", 3)
        .iterations(1_523)
        .reaches(&["slept", "rung before sleep", "woken for an item"])
        .scenario(|| {
            let gated = Gated { open: false, waiting: vec![1, 2] };
            let baton = internals::Arc::new(Baton::new(gated));
            for _ in 0..2 {
                let baton = internals::Arc::clone(&baton);
                thread::spawn(move || {
                    let seat = Seat::default();
                    let mut gated = baton.take_up();
                    while !gated.open {
                        gated = baton.sleep(gated, &seat);
                    }
                    gated.waiting.pop().expect("one for each");
                });
            }
            baton.take_up().open = true;
        })
}

/// Items add themselves to a plain cell, so that whoever reads it after a control call checks that the call waited.
struct Sum(Arc<Plain<u32>>);

impl Handler for Sum {
    type Key = ();
    type Item = u32;

    fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, item: u32) {
        self.0.set(self.0.get() + item);
    }
}

fn pool() -> (PoolHandle<Sum>, Worker<Sum>, Arc<Plain<u32>>) {
    let sum = Arc::new(Plain::new(0));
    let (pool, mut workers) =
        ShardedThreadPool::builder(Sum(Arc::clone(&sum))).shards(1).threads_per_shard(1).stepped().unwrap();
    (pool, workers.pop().unwrap(), sum)
}

/// One drain after another, and a submit between them: the second waits for that one and does not take the first
/// one's answer for its own (A2).
fn drain_after_drain() -> Model {
    Model::new("drain_after_drain", "P7", 2).iterations(74).reaches(&["control waited"]).scenario(|| {
        let (pool, mut worker, sum) = pool();
        pool.submit((), 1).unwrap();
        assert_eq!(worker.step(), Step::Ran);
        pool.drain().unwrap();
        pool.submit((), 2).unwrap();
        let stepper = thread::spawn(move || worker.step());
        pool.drain().unwrap();
        assert_eq!(sum.get(), 3, "each drain waits for what came before it");
        assert_eq!(stepper.join().unwrap(), Step::Ran);
    })
}

/// A paused pool in which nothing waits is drained, and says so at once (A2).
fn drain_while_paused() -> Model {
    Model::new("drain_while_paused", "P6 P7", 2)
        .iterations(26)
        .reaches(&["drained while paused", "kept from running"])
        .scenario(|| {
            let (pool, mut worker, sum) = pool();
            pool.submit((), 1).unwrap();
            let stepper = thread::spawn(move || worker.step());
            let guard = pool.pause().unwrap();
            if sum.get() == 1 {
                pool.drain().unwrap();
                mark("drained while paused");
            } else {
                mark("kept from running");
            }
            drop(guard);
            let _ = stepper.join().unwrap();
        })
}

/// A handler shuts its own pool down while another thread waits for that handler: neither needs what the other
/// holds (B18, B19).
fn shutdown_from_a_handler_against_drain() -> Model {
    struct Quits {
        pool: Log<PoolHandle<Quits>>,
        ran: Arc<Plain<bool>>,
    }
    impl Handler for Quits {
        type Key = ();
        type Item = ();
        fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, (): ()) {
            self.ran.set(true);
            for pool in self.pool.take() {
                pool.shutdown(Stop::RunRemaining);
            }
        }
    }

    Model::new("shutdown_from_a_handler_against_drain", "P7 P8", 2)
        .iterations(230)
        .reaches(&["control waited"])
        .scenario(|| {
            let (own, ran) = (Log::new(), Arc::new(Plain::new(false)));
            let quits = Quits { pool: own.clone(), ran: Arc::clone(&ran) };
            let (pool, mut workers) =
                ShardedThreadPool::builder(quits).shards(1).threads_per_shard(1).stepped().unwrap();
            own.add(pool.clone());
            pool.submit((), ()).unwrap();
            let stepper = thread::spawn(move || workers[0].step());
            pool.drain().unwrap();
            assert!(ran.get(), "drained, so run");
            assert_eq!(stepper.join().unwrap(), Step::Ran);
        })
}
