//! What is put in front, taken out, and held: items of one key beyond first come, first run.

use crate::harness::{Log, Model, Plain};
use keylane::internals::{Bell, mark};
use keylane::{Handler, KeyGuard, Lease, PoolHandle, ShardedThreadPool, Step, Stop, Worker};
use loom::thread;
use std::sync::Arc;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        front_against_two_workers(),
        a_batch_in_front_keeps_its_order(),
        what_its_handler_puts_in_front_is_next(),
        release_against_the_handlers_return(),
        release_wakes_a_sleeper(),
        remove_lets_a_stopping_pool_end(),
        put_back_is_what_a_drain_waits_for(),
    ]
}

/// Each item writes a plain cell, as `pool_key.rs` has it; one that is `AGAIN` puts another in front of the rest.
struct Cell {
    cell: Plain<u32>,
    ran: Log<u32>,
}

const AGAIN: u32 = 10;

impl Handler for Cell {
    type Key = ();
    type Item = u32;

    fn handle(&self, key: Lease<'_, (), u32>, item: u32) {
        self.cell.set(self.cell.get() + 1);
        self.ran.add(item);
        if item == AGAIN {
            key.pool::<Self>().submit_front((), AGAIN + 1).unwrap();
        }
    }
}

fn pool(workers: usize) -> (PoolHandle<Cell>, Vec<Worker<Cell>>, Log<u32>) {
    let ran = Log::new();
    let builder = ShardedThreadPool::builder(Cell { cell: Plain::new(0), ran: ran.clone() });
    let (pool, workers) = builder.shards(1).threads_per_shard(workers).stepped().unwrap();
    (pool, workers, ran)
}

fn exhaust<H: Handler>(worker: &mut Worker<H>) {
    while worker.step() == Step::Ran {}
}

/// Ceph's shuffle (B1) needed an item that a worker had in its hand and did not run yet. Whenever it is put in, what is in
/// front goes before all that has not started.
fn front_against_two_workers() -> Model {
    Model::new("front_against_two_workers", "P2 P3 P4", 3)
        .iterations(243)
        .reaches(&["in front of both", "in front of one"])
        .scenario(|| {
            let (pool, mut workers, ran) = pool(2);
            pool.submit_batch((), vec![1, 2]).unwrap();
            let front = {
                let pool = pool.clone();
                thread::spawn(move || pool.submit_front((), 0).unwrap())
            };
            let mut other = workers.pop().unwrap();
            let other = thread::spawn(move || {
                let _ = other.step();
            });
            let _ = workers[0].step();
            front.join().unwrap();
            other.join().unwrap();
            exhaust(&mut workers[0]);
            match &ran.take()[..] {
                [0, 1, 2] => mark("in front of both"),
                [1, 0, 2] => mark("in front of one"),
                [1, 2, 0] => mark("both had started"),
                wrong => panic!("P2: {wrong:?}"),
            }
        })
}

/// Two batches in front, at once: each stays together, and what was there before comes last.
fn a_batch_in_front_keeps_its_order() -> Model {
    Model::new("a_batch_in_front_keeps_its_order", "P2", 2)
        .iterations(4)
        .reaches(&["the second came first", "the first came first"])
        .scenario(|| {
            let (pool, mut workers, ran) = pool(1);
            pool.submit((), 5).unwrap();
            let other = {
                let pool = pool.clone();
                thread::spawn(move || pool.submit_front_batch((), vec![1, 2]).unwrap())
            };
            pool.submit_front_batch((), vec![3, 4]).unwrap();
            other.join().unwrap();
            exhaust(&mut workers[0]);
            match &ran.take()[..] {
                [1, 2, 3, 4, 5] => mark("the second came first"),
                [3, 4, 1, 2, 5] => mark("the first came first"),
                wrong => panic!("P2: {wrong:?}"),
            }
        })
}

/// A handler that puts its item in front again is not overtaken by what waits, whoever picks next.
fn what_its_handler_puts_in_front_is_next() -> Model {
    Model::new("what_its_handler_puts_in_front_is_next", "P2 P3", 2).iterations(421).reaches(&[]).scenario(
        || {
            let (pool, mut workers, ran) = pool(2);
            pool.submit_batch((), vec![AGAIN, 1]).unwrap();
            let mut other = workers.pop().unwrap();
            let other = thread::spawn(move || {
                let _ = (other.step(), other.step());
            });
            exhaust(&mut workers[0]);
            other.join().unwrap();
            exhaust(&mut workers[0]);
            assert_eq!(ran.take(), [AGAIN, AGAIN + 1, 1]);
        },
    )
}

/// Hands its key to somebody else, and goes on a little.
struct Lender {
    /// Written by the handler, and then by who has the key.
    io: Arc<Plain<u32>>,
    /// Written by the handler alone, after it has handed the key on.
    rest: Plain<u32>,
    lent: Log<KeyGuard<(), u32>>,
    told: Arc<Bell>,
}

impl Handler for Lender {
    type Key = ();
    type Item = u32;

    fn handle(&self, key: Lease<'_, (), u32>, item: u32) {
        assert_eq!((self.io.get(), self.rest.get()), (2 * item, item), "P4: all of the item before");
        self.io.set(self.io.get() + 1);
        if item == 0 {
            self.lent.add(key.hold());
            self.told.ring();
        }
        self.rest.set(self.rest.get() + 1);
    }
}

/// The key is let go of before the handler has returned, or after: the next item runs when both have happened, and sees
/// what both have written.
fn release_against_the_handlers_return() -> Model {
    Model::new("release_against_the_handlers_return", "P3 P4", 3)
        .iterations(244)
        .reaches(&["key held", "key let go", "the other ran it", "found it held"])
        .scenario(|| {
            let (io, lent, told) = (Arc::new(Plain::new(0)), Log::new(), Arc::new(Bell::new()));
            let lender = Lender {
                io: Arc::clone(&io),
                rest: Plain::new(0),
                lent: lent.clone(),
                told: Arc::clone(&told),
            };
            let (pool, mut workers) =
                ShardedThreadPool::builder(lender).shards(1).threads_per_shard(2).stepped().unwrap();
            pool.submit_batch((), vec![0, 1]).unwrap();
            let disk = thread::spawn(move || {
                told.wait();
                let key = lent.take().pop().expect("told when it is there");
                io.set(io.get() + 1);
                drop(key);
            });
            let mut other = workers.pop().unwrap();
            let first = thread::spawn(move || {
                assert_eq!(other.step(), Step::Ran);
                if other.step() == Step::Idle {
                    mark("found it held");
                }
            });
            disk.join().unwrap();
            if workers[0].step() == Step::Ran {
                mark("the other ran it");
            }
            first.join().unwrap();
            exhaust(&mut workers[0]);
            assert_eq!(workers[0].step(), Step::Idle);
        })
}

/// A handler that hands over the key of each item that says so.
struct Keeper {
    kept: Log<KeyGuard<(), bool>>,
    ran: Log<bool>,
}

impl Handler for Keeper {
    type Key = ();
    type Item = bool;

    fn handle(&self, key: Lease<'_, (), bool>, keeps: bool) {
        self.ran.add(keeps);
        if keeps {
            self.kept.add(key.hold());
        }
    }
}

/// A pool of one worker whose key is held, and another item behind it.
fn held() -> (PoolHandle<Keeper>, Worker<Keeper>, KeyGuard<(), bool>, Log<bool>) {
    let (kept, ran) = (Log::new(), Log::new());
    let keeper = Keeper { kept: kept.clone(), ran: ran.clone() };
    let (pool, mut workers) =
        ShardedThreadPool::builder(keeper).shards(1).threads_per_shard(1).stepped().unwrap();
    pool.submit_batch((), vec![true, false]).unwrap();
    let mut worker = workers.pop().unwrap();
    assert_eq!((worker.step(), worker.step()), (Step::Ran, Step::Idle), "it is held");
    let key = kept.take().pop().expect("it was kept");
    (pool, worker, key, ran)
}

/// Letting go of a key is as good a reason to wake a worker as a submit (P5), and a pool that is to run the rest waits
/// for it.
fn release_wakes_a_sleeper() -> Model {
    Model::new("release_wakes_a_sleeper", "P3 P5 P8", 2)
        .iterations(6)
        .reaches(&["slept", "rung before sleep", "worker woke"])
        .scenario(|| {
            let (pool, mut worker, key, ran) = held();
            pool.shutdown(Stop::RunRemaining);
            let worker = thread::spawn(move || worker.run());
            drop(key);
            worker.join().unwrap();
            assert_eq!(ran.take(), [true, false]);
        })
}

/// What waits behind a key that is held is all that a stopping pool stays for. It is taken out: the pool ends, although the
/// key is never let go of before.
fn remove_lets_a_stopping_pool_end() -> Model {
    Model::new("remove_lets_a_stopping_pool_end", "P8 P9", 2)
        .iterations(7)
        .reaches(&["slept", "rung before sleep", "worker woke"])
        .scenario(|| {
            let (pool, mut worker, key, ran) = held();
            pool.shutdown(Stop::RunRemaining);
            let worker = thread::spawn(move || worker.run());
            assert_eq!(pool.remove(&()), [false]);
            worker.join().unwrap();
            drop(key);
            assert_eq!(ran.take(), [true]);
        })
}

/// An item that is put back is still the item that a drain waits for; what comes from outside meanwhile is not.
fn put_back_is_what_a_drain_waits_for() -> Model {
    Model::new("put_back_is_what_a_drain_waits_for", "P2 P7", 2)
        .iterations(1_753)
        .reaches(&["control waited"])
        .scenario(|| {
            let (pool, mut worker, key, ran) = held();
            let removed = pool.remove(&());
            assert_eq!(removed, [false]);
            let drain = {
                let (pool, ran) = (pool.clone(), ran.clone());
                thread::spawn(move || {
                    pool.drain().unwrap();
                    ran.take().len()
                })
            };
            key.put_back(false).unwrap();
            drop(key);
            exhaust(&mut worker);
            assert_eq!(drain.join().unwrap(), 2, "P7");
        })
}
