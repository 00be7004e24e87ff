//! Pause, drain and stop, each against submit and against each other.

use crate::harness::{Log, Model, Plain};
use keylane::internals::mark;
use keylane::{ControlError, Handler, Lease, PauseGuard, PoolHandle, ShardedThreadPool, Step, Stop, Worker};
use loom::thread;
use std::sync::Arc;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        pause_against_run(),
        pause_against_run_spuriously(),
        pause_against_submit(),
        pause_against_run_in_the_last_shard(),
        resume_wakes_a_sleeper(),
        pause_against_pause(),
        drain_against_submit(),
        drain_waits_for_children_in_other_shards(),
        drain_looks_at_all_shards_at_once(),
        drain_against_drain(),
        pause_against_drain(),
        stop_running_the_rest_against_submit(),
        stop_handing_back_against_submit(),
        pause_against_stop(),
        drain_against_stop(),
        drain_against_stop_against_run(),
        stop_against_stop(),
        resume_against_stop(),
        fewer_threads_against_submit(),
        more_threads_against_submit(),
    ]
}

/// Items add themselves to the plain cell of even or of odd keys, so that whoever reads it after a control call checks
/// that the call waited, and that it saw what it waited for.
struct Sum(Sums);

impl Handler for Sum {
    type Key = usize;
    type Item = u32;

    fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, item: u32) {
        let cell = &self.0[*key % 2];
        cell.set(cell.get() + item);
    }
}

/// One for each key.
type Sums = Arc<[Plain<u32>; 2]>;

fn pool(workers: usize) -> (PoolHandle<Sum>, Vec<Worker<Sum>>, Sums) {
    let sums = Arc::new([Plain::new(0), Plain::new(0)]);
    let (pool, workers) = ShardedThreadPool::builder(Sum(Arc::clone(&sums)))
        .shards(1)
        .threads_per_shard(workers)
        .stepped()
        .unwrap();
    (pool, workers, sums)
}

fn spawn_step<H: Handler>(mut worker: Worker<H>) -> thread::JoinHandle<(Worker<H>, Step)> {
    thread::spawn(move || {
        let step = worker.step();
        (worker, step)
    })
}

/// While the guard lives nothing runs: the main thread may write the handler's own plain cell.
fn pause_against_run() -> Model {
    Model::new("pause_against_run", "P6", 2)
        .iterations(26)
        .reaches(&["control waited", "ran before the pause", "kept from running"])
        .scenario(pause_against_run_scenario)
}

/// The same, with sleeps that end for no reason.
fn pause_against_run_spuriously() -> Model {
    Model::new("pause_against_run_spuriously", "P6", 2)
        .iterations(124)
        .spurious_wakes(2)
        .reaches(&["slept", "woke for no reason"])
        .scenario(pause_against_run_scenario)
}

fn pause_against_run_scenario() {
    let (pool, mut workers, sums) = pool(1);
    pool.submit(0, 1).unwrap();
    let stepper = spawn_step(workers.pop().unwrap());
    let guard = pool.pause().unwrap();
    let before = sums[0].get();
    sums[0].set(before + 10);
    assert_eq!(sums[0].get(), before + 10, "nobody else writes");
    drop(guard);
    let (mut worker, step) = stepper.join().unwrap();
    mark(if before == 1 { "ran before the pause" } else { "kept from running" });
    if step == Step::Idle {
        assert_eq!(worker.step(), Step::Ran, "the pause is over");
    }
    assert_eq!(sums[0].get(), 11);
}

/// A submit against a pause: the item is accepted either way, and while the guard lives it has run or it waits.
fn pause_against_submit() -> Model {
    Model::new("pause_against_submit", "P1 P6", 3)
        .iterations(139)
        .reaches(&["control waited", "ran before the pause", "kept from running"])
        .scenario(|| {
            let (pool, mut workers, sums) = pool(1);
            let submitter = {
                let pool = pool.clone();
                thread::spawn(move || pool.submit(0, 1).unwrap())
            };
            let stepper = spawn_step(workers.pop().unwrap());
            let guard = pool.pause().unwrap();
            let before = sums[0].get();
            sums[0].set(before + 10);
            mark(if before == 1 { "ran before the pause" } else { "kept from running" });
            assert_eq!(sums[0].get(), before + 10, "nobody else writes");
            drop(guard);
            submitter.join().unwrap();
            let (mut worker, _) = stepper.join().unwrap();
            let _ = worker.step();
            assert_eq!(sums[0].get(), 11, "accepted, so run");
        })
}

/// Pause waits for what runs in every shard, the last one too.
fn pause_against_run_in_the_last_shard() -> Model {
    Model::new("pause_against_run_in_the_last_shard", "P6", 2)
        .iterations(26)
        .reaches(&["control waited", "ran before the pause", "kept from running"])
        .scenario(|| {
            let sums = Arc::new([Plain::new(0), Plain::new(0)]);
            let (pool, mut workers) = ShardedThreadPool::builder(Sum(Arc::clone(&sums)))
                .shards(2)
                .threads_per_shard(1)
                .stepped()
                .unwrap();
            let key = (0..).step_by(2).find(|key| pool.shard_of(key) == 1).unwrap();
            pool.submit(key, 1).unwrap();
            let stepper = spawn_step(workers.pop().unwrap());
            let guard = pool.pause().unwrap();
            let before = sums[0].get();
            sums[0].set(before + 10);
            mark(if before == 1 { "ran before the pause" } else { "kept from running" });
            drop(guard);
            let _ = stepper.join().unwrap();
        })
}

/// Items are accepted while paused, do not run, and a worker that went to sleep meanwhile is woken when the
/// pause ends: no submit comes after that.
fn resume_wakes_a_sleeper() -> Model {
    Model::new("resume_wakes_a_sleeper", "P5 P6", 2)
        .iterations(7_002)
        .reaches(&["slept", "rung before sleep"])
        .scenario(|| {
            let (pool, mut workers, sums) = pool(1);
            let guard = pool.pause().unwrap();
            let mut worker = workers.pop().unwrap();
            thread::spawn(move || worker.run());
            pool.submit(0, 1).unwrap();
            assert_eq!(sums[0].get(), 0, "paused");
            drop(guard);
            pool.drain().unwrap();
            assert_eq!(sums[0].get(), 1);
            pool.shutdown(Stop::RunRemaining);
        })
}

/// Two pauses nest: after the first guard is gone the second still holds.
fn pause_against_pause() -> Model {
    Model::new("pause_against_pause", "P6", 3).iterations(10_793).reaches(&["control waited"]).scenario(
        || {
            let (pool, mut workers, sums) = pool(1);
            pool.submit(0, 1).unwrap();
            let stepper = spawn_step(workers.pop().unwrap());
            let other = {
                let pool = pool.clone();
                thread::spawn(move || drop(pool.pause().unwrap()))
            };
            let guard = pool.pause().unwrap();
            let before = sums[0].get();
            other.join().unwrap();
            sums[0].set(before + 10);
            drop(guard);
            let _ = stepper.join().unwrap();
        },
    )
}

/// A submit that is over before the drain begins has run when the drain returns; one that comes meanwhile may
/// or may not have, and the drain returns all the same.
fn drain_against_submit() -> Model {
    Model::new("drain_against_submit", "P7", 2)
        .iterations(1_267)
        .reaches(&["control waited", "waited for both", "waited for the first only"])
        .scenario(|| {
            let (pool, mut workers, sums) = pool(1);
            pool.submit(0, 1).unwrap();
            {
                let pool = pool.clone();
                thread::spawn(move || {
                    pool.submit(0, 2).unwrap();
                    assert_eq!(workers[0].step(), Step::Ran);
                    let _ = workers[0].step(); // nothing, if the pause below has begun
                });
            }
            pool.drain().unwrap();
            let guard = pool.pause().unwrap();
            match sums[0].get() {
                1 => mark("waited for the first only"),
                3 => mark("waited for both"),
                sum => panic!("drained, and the sum is {sum}"),
            }
            drop(guard);
        })
}

/// An item of one shard submits to the other, which may have been looked at already: the drain waits for the
/// child all the same (Ceph's does not).
fn drain_waits_for_children_in_other_shards() -> Model {
    /// The first item to run submits a child to the key it names; the child only says that it has run.
    struct Chain {
        pool: Log<PoolHandle<Chain>>,
        ran: Arc<Plain<u32>>,
    }
    impl Handler for Chain {
        type Key = usize;
        type Item = usize;
        fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, child: usize) {
            match self.pool.take().pop() {
                Some(pool) => pool.submit(child, 0).unwrap(),
                None => self.ran.set(1),
            }
        }
    }

    Model::new("drain_waits_for_children_in_other_shards", "P7", 2)
        .iterations(7_092)
        .reaches(&["control waited", "drained, but not at once"])
        .scenario(|| {
            let (own, ran) = (Log::new(), Arc::new(Plain::new(0)));
            let chain = Chain { pool: own.clone(), ran: Arc::clone(&ran) };
            let (pool, mut workers) =
                ShardedThreadPool::builder(chain).shards(2).threads_per_shard(1).stepped().unwrap();
            own.add(pool.clone());
            // The drain looks at shard 0 first, so the parent is of shard 1 and its child of shard 0.
            let key_of = |shard| (0..).find(|key| pool.shard_of(key) == shard).unwrap();
            pool.submit(key_of(1), key_of(0)).unwrap();
            thread::spawn(move || {
                for shard in [1, 0] {
                    assert_eq!(workers[shard].step(), Step::Ran);
                }
            });
            pool.drain().unwrap();
            assert_eq!(ran.get(), 1, "the child has run, and it is visible");
        })
}

/// The item's child is of the other shard, and the grandchild of its own again. A drain that looked at the
/// shards one after the other, however often, could always be one step behind: it must look at all at once.
fn drain_looks_at_all_shards_at_once() -> Model {
    /// Each item submits to the key it has last, with the rest; one without keys says that it has run.
    struct Chain {
        pool: Log<PoolHandle<Chain>>,
        ran: Arc<Plain<u32>>,
    }
    impl Handler for Chain {
        type Key = usize;
        type Item = Vec<usize>;
        fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, mut keys: Vec<usize>) {
            match keys.pop() {
                Some(next) => self.pool.take().pop().unwrap().submit(next, keys).unwrap(),
                None => self.ran.set(1),
            }
        }
    }

    Model::new("drain_looks_at_all_shards_at_once", "P7", 2)
        .iterations(467_237)
        .reaches(&["control waited", "drained, but not at once"])
        .scenario(|| {
            let (own, ran) = (Log::new(), Arc::new(Plain::new(0)));
            let chain = Chain { pool: own.clone(), ran: Arc::clone(&ran) };
            let (pool, mut workers) =
                ShardedThreadPool::builder(chain).shards(2).threads_per_shard(1).stepped().unwrap();
            let key_of = |shard| (0..).find(|key| pool.shard_of(key) == shard).unwrap();
            let (there, back) = (key_of(0), key_of(1));
            pool.submit(there, vec![there, back]).unwrap();
            let theirs = pool.clone();
            thread::spawn(move || {
                for shard in [0, 1, 0] {
                    // A handle for one submit at a time: no cycle of handler and pool is left behind.
                    own.add(theirs.clone());
                    assert_eq!(workers[shard].step(), Step::Ran);
                }
                own.take();
            });
            pool.drain().unwrap();
            assert_eq!(ran.get(), 1, "the grandchild has run, and it is visible");
        })
}

/// Two drains at once: both return, and each has waited (the second one of Ceph's may return at once).
fn drain_against_drain() -> Model {
    Model::new("drain_against_drain", "P7", 3).iterations(1_219_545).reaches(&["control waited"]).scenario(
        || {
            let (pool, mut workers, sums) = pool(1);
            pool.submit(0, 1).unwrap();
            let stepper = spawn_step(workers.pop().unwrap());
            let other = {
                let (pool, sums) = (pool.clone(), Arc::clone(&sums));
                thread::spawn(move || {
                    pool.drain().unwrap();
                    assert_eq!(sums[0].get(), 1);
                })
            };
            pool.drain().unwrap();
            assert_eq!(sums[0].get(), 1);
            other.join().unwrap();
            let _ = stepper.join().unwrap();
        },
    )
}

/// A drain of a paused pool returns only after the pause.
fn pause_against_drain() -> Model {
    Model::new("pause_against_drain", "P6 P7", 3)
        .iterations(98_000)
        .reaches(&["control waited", "drained before the pause", "drained after the pause"])
        .scenario(|| {
            let (pool, mut workers, sums) = pool(1);
            pool.submit(0, 1).unwrap();
            let stepper = spawn_step(workers.pop().unwrap());
            let drainer = {
                let (pool, sums) = (pool.clone(), Arc::clone(&sums));
                thread::spawn(move || {
                    pool.drain().unwrap();
                    sums[0].get()
                })
            };
            let guard = pool.pause().unwrap();
            let ran = sums[0].get();
            mark(if ran == 1 { "drained before the pause" } else { "drained after the pause" });
            drop(guard);
            let (mut worker, step) = stepper.join().unwrap();
            if step == Step::Idle {
                assert_eq!(worker.step(), Step::Ran, "the pause is over");
            }
            assert_eq!(drainer.join().unwrap(), 1);
        })
}

/// A submit against each kind of stop: run, handed back, or refused; exactly one.
fn stop_against_submit(stop: Stop) {
    let (pool, mut workers, sums) = pool(1);
    let mut worker = workers.pop().unwrap();
    let runner = thread::spawn(move || {
        worker.run();
        worker
    });
    let submitter = {
        let pool = pool.clone();
        thread::spawn(move || match pool.submit(0, 1) {
            Ok(()) => 1,
            Err(refused) => {
                assert_eq!(refused.into_parts(), (0, 1));
                0
            }
        })
    };
    pool.shutdown(stop);
    assert!(pool.submit(0, 2).is_err(), "refused from the moment shutdown returned");
    let worker = runner.join().unwrap();
    let accepted = submitter.join().unwrap();
    let left = u32::try_from(pool.reclaim(vec![worker]).leftovers.len()).unwrap();
    let ran = sums[0].get();
    mark(match (accepted, left) {
        (0, _) => "refused",
        (_, 0) => "run",
        (_, _) => "handed back",
    });
    assert_eq!(ran + left, accepted);
    assert!(stop == Stop::HandBack || left == 0, "run what remains");
}

fn stop_running_the_rest_against_submit() -> Model {
    Model::new("stop_running_the_rest_against_submit", "P1 P8", 3)
        .iterations(84_544)
        .reaches(&["refused", "run", "slept", "rung before sleep"])
        .scenario(|| stop_against_submit(Stop::RunRemaining))
}

fn stop_handing_back_against_submit() -> Model {
    Model::new("stop_handing_back_against_submit", "P1 P8", 3)
        .iterations(79_805)
        .reaches(&["refused", "run", "handed back", "slept"])
        .scenario(|| stop_against_submit(Stop::HandBack))
}

/// Stop while paused, or just before: the workers end without the guard being dropped (Ceph's do not),
/// nothing runs under the guard, and the rest comes back.
fn pause_against_stop() -> Model {
    Model::new("pause_against_stop", "P6 P8", 3)
        .iterations(32_837)
        .reaches(&["pause refused", "stopped while paused", "slept", "rung before sleep"])
        .scenario(|| {
            let (pool, mut workers, sums) = pool(1);
            pool.submit(0, 1).unwrap();
            let mut worker = workers.pop().unwrap();
            let runner = thread::spawn(move || {
                worker.run();
                worker
            });
            let stopper = {
                let pool = pool.clone();
                thread::spawn(move || pool.shutdown(Stop::RunRemaining))
            };
            let guard: Result<PauseGuard<usize, u32>, ControlError> = pool.pause();
            if guard.is_ok() {
                mark("stopped while paused");
                let ran = sums[0].get();
                stopper.join().unwrap();
                let worker = runner.join().unwrap();
                let left = u32::try_from(pool.reclaim(vec![worker]).leftovers.len()).unwrap();
                assert_eq!(sums[0].get(), ran, "nothing ran under the guard");
                assert_eq!(ran + left, 1);
            } else {
                stopper.join().unwrap();
                runner.join().unwrap();
                assert_eq!(sums[0].get(), 1, "stopped first, and so run");
            }
        })
}

/// Stop while draining, and take back what is left before the drain has looked again: it returns, and says
/// `Stopped` exactly if something it was waiting for has come back.
fn drain_against_stop() -> Model {
    Model::new("drain_against_stop", "P7 P8", 2)
        .iterations(6_892)
        .reaches(&["drained", "drain stranded", "control waited"])
        .scenario(|| {
            let (pool, mut workers, sums) = pool(1);
            pool.submit(0, 1).unwrap();
            pool.submit(0, 1).unwrap();
            let other = {
                let pool = pool.clone();
                thread::spawn(move || {
                    let steps = [workers[0].step(), workers[0].step()];
                    assert_eq!(steps, [Step::Ran, Step::Ran]);
                    pool.submit(0, 1).unwrap();
                    pool.reclaim(workers).leftovers.len()
                })
            };
            match pool.drain() {
                Ok(()) => {
                    mark("drained");
                    assert_eq!(sums[0].get(), 2, "all it was waiting for has run");
                }
                Err(error) => {
                    assert_eq!(error, ControlError::Stopped);
                    assert_eq!(other.join().unwrap(), 1, "the last one came back");
                }
            }
        })
}

/// The same with another thread that runs the item while a third stops the pool.
fn drain_against_stop_against_run() -> Model {
    Model::new("drain_against_stop_against_run", "P7 P8", 3)
        .iterations(43_691)
        .reaches(&["drained", "drain stranded", "control waited"])
        .scenario(|| {
            let (pool, mut workers, sums) = pool(1);
            pool.submit(0, 1).unwrap();
            let stepper = spawn_step(workers.pop().unwrap());
            {
                let pool = pool.clone();
                thread::spawn(move || pool.shutdown(Stop::HandBack));
            }
            match pool.drain() {
                Ok(()) => {
                    mark("drained");
                    assert_eq!(sums[0].get(), 1, "drained, so run, and visible");
                }
                Err(error) => assert_eq!(error, ControlError::Stopped),
            }
            let _ = stepper.join().unwrap();
        })
}

/// Two stops of different kinds at once, with a sleeping worker: it ends, and the item has one fate.
fn stop_against_stop() -> Model {
    Model::new("stop_against_stop", "P1 P8", 3).iterations(8_088).reaches(&["slept"]).scenario(|| {
        let (pool, mut workers, sums) = pool(1);
        pool.submit(0, 1).unwrap();
        let mut worker = workers.pop().unwrap();
        let runner = thread::spawn(move || {
            worker.run();
            worker
        });
        let stopper = {
            let pool = pool.clone();
            thread::spawn(move || pool.shutdown(Stop::HandBack))
        };
        pool.shutdown(Stop::RunRemaining);
        stopper.join().unwrap();
        let worker = runner.join().unwrap();
        let left = u32::try_from(pool.reclaim(vec![worker]).leftovers.len()).unwrap();
        assert_eq!(sums[0].get() + left, 1);
    })
}

/// A pause that ends while the pool is shut down: both shards run what is left, or both hand it back.
fn resume_against_stop() -> Model {
    Model::new("resume_against_stop", "P6 P8", 2)
        .iterations(6)
        .reaches(&["resumed first", "stopped first"])
        .scenario(|| {
            let sums = Arc::new([Plain::new(0), Plain::new(0)]);
            let (pool, mut workers) = ShardedThreadPool::builder(Sum(Arc::clone(&sums)))
                .shards(2)
                .threads_per_shard(1)
                .stepped()
                .unwrap();
            // Of different shards, and of different cells.
            let keys = [0, 1].map(|cell| (cell..).step_by(2).find(|key| pool.shard_of(key) == cell).unwrap());
            let guard = pool.pause().unwrap();
            for key in keys {
                pool.submit(key, 1).unwrap();
            }
            let other = thread::spawn(move || drop(guard));
            pool.shutdown(Stop::RunRemaining);
            other.join().unwrap();
            let mut ran = 0;
            for worker in &mut workers {
                while worker.step() == Step::Ran {
                    ran += 1;
                }
                assert_eq!(worker.step(), Step::Stopped);
            }
            mark(if ran == 2 { "resumed first" } else { "stopped first" });
            assert!(ran == 0 || ran == 2, "all shards or none");
            assert_eq!(ran + pool.reclaim(workers).leftovers.len(), 2);
        })
}

/// One of two threads is one too many: an item it was woken for is left to the other.
fn fewer_threads_against_submit() -> Model {
    Model::new("fewer_threads_against_submit", "P1 P5 P8", 3)
        .iterations(165_076)
        .bounded(5)
        .reaches(&["worker retired", "slept", "worker woke"])
        .scenario(|| resized(2, 1))
}

/// A thread is added while the other sleeps, runs the item, or looks for it.
fn more_threads_against_submit() -> Model {
    Model::new("more_threads_against_submit", "P1 P5 P8", 3)
        .iterations(52_674)
        .bounded(5)
        .reaches(&["slept", "worker woke"])
        .scenario(|| resized(1, 2))
}

fn resized(from: usize, to: usize) {
    let sums = Arc::new([Plain::new(0), Plain::new(0)]);
    let builder = ShardedThreadPool::builder(Sum(Arc::clone(&sums))).shards(1).threads_per_shard(from);
    let pool = builder.start().unwrap();
    pool.submit(0, 1).unwrap();
    pool.set_threads_per_shard(to).unwrap();
    assert!(pool.join().unwrap().leftovers.is_empty());
    assert_eq!(sums[0].get(), 1, "P1");
}
