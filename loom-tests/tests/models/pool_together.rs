//! Items that need two keys of two shards: do they ever wait for each other, run without one, or twice?

use crate::harness::{Log, Model, Plain};
use keylane::internals::mark;
use keylane::{Handler, KeyGuard, Lease, PoolHandle, ShardedThreadPool, Step, Stop, Worker};
use loom::thread;
use std::sync::Arc;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        two_items_of_two_keys(),
        both_turns_come_at_once(),
        the_keys_next_items_see_it(),
        removed_at_one_key_while_the_other_has_its_turn(),
        a_drain_of_one_key_hears_that_it_was_removed_at_the_other(),
        stopped_while_it_is_submitted(),
        handed_back_while_it_gathers(),
        paused_while_it_gathers(),
        a_drain_against_its_submit(),
        who_sleeps_is_woken_for_a_claim(),
        a_guard_of_two_keys_is_dropped(),
    ]
}

/// Each key has a plain cell, which its items count up.
struct Cells {
    cells: Arc<[Plain<u32>; 2]>,
    ran: Log<u32>,
    held: Log<KeyGuard<Key, u32>>,
}

/// The number of its cell, and something that makes its hash be that shard.
type Key = (usize, u32);

/// Keeps its keys beyond the handler's return.
const HOLDS: u32 = 50;

impl Handler for Cells {
    type Key = Key;
    type Item = u32;

    fn handle(&self, keys: Lease<'_, Key, u32>, item: u32) {
        for &(number, _) in keys.keys() {
            let cell = &self.cells[number];
            cell.set(cell.get() + 1);
        }
        self.ran.add(item);
        if item == HOLDS {
            self.held.add(keys.hold());
        }
    }
}

struct Its {
    pool: PoolHandle<Cells>,
    /// Of the first shard, and of the other.
    workers: [Worker<Cells>; 2],
    keys: [Key; 2],
    ran: Log<u32>,
    held: Log<KeyGuard<Key, u32>>,
    cells: Arc<[Plain<u32>; 2]>,
}

fn its() -> Its {
    let (ran, held) = (Log::new(), Log::new());
    let cells = Arc::new([Plain::new(0), Plain::new(0)]);
    let handler = Cells { cells: Arc::clone(&cells), ran: ran.clone(), held: held.clone() };
    let (pool, workers) =
        ShardedThreadPool::builder(handler).shards(2).threads_per_shard(1).stepped().unwrap();
    let key = |shard| (0..).map(|salt| (shard, salt)).find(|key| pool.shard_of(key) == shard).unwrap();
    let keys = [key(0), key(1)];
    let Ok(workers) = workers.try_into() else { panic!("one worker of each") };
    Its { pool, workers, keys, ran, held, cells }
}

fn exhaust(worker: &mut Worker<Cells>) {
    while worker.step() == Step::Ran {}
}

impl Its {
    /// All that can be done, by one thread.
    fn finish(&mut self) {
        for round in 0..6 {
            exhaust(&mut self.workers[round % 2]);
        }
    }
}

/// Two submitters, each with the keys in an order of its own: one of the items is the first at both.
fn two_items_of_two_keys() -> Model {
    Model::new("two_items_of_two_keys", "P1 P2 P3", 2)
        .iterations(7)
        .reaches(&["claimed", "claimed all"])
        .scenario(|| {
            let mut its = its();
            let [a, b] = its.keys;
            let other = {
                let pool = its.pool.clone();
                thread::spawn(move || pool.submit_together(vec![b, a], 2).unwrap())
            };
            its.pool.submit_together(vec![a, b], 1).unwrap();
            other.join().unwrap();
            its.finish();
            match &its.ran.take()[..] {
                [1, 2] => mark("the first came first"),
                [2, 1] => mark("the second came first"),
                wrong => panic!("each waits for the other: {wrong:?}"),
            }
        })
}

/// Its last two turns come on two threads: one of them runs it.
fn both_turns_come_at_once() -> Model {
    Model::new("both_turns_come_at_once", "P1 P3 P4", 2)
        .iterations(4)
        .reaches(&["claimed", "claimed all"])
        .scenario(|| {
            let Its { pool, workers, keys: [a, b], ran, cells, .. } = its();
            let [mut first, mut second] = workers;
            pool.submit_together(vec![a, b], 1).unwrap();
            pool.submit(a, 2).unwrap();
            pool.submit(b, 3).unwrap();
            let other = thread::spawn(move || {
                exhaust(&mut second);
                second
            });
            exhaust(&mut first);
            let mut second = other.join().unwrap();
            exhaust(&mut first);
            exhaust(&mut second);
            let ran = ran.take();
            assert_eq!((ran.len(), ran[0]), (3, 1), "P2: it goes first, once: {ran:?}");
            assert_eq!((cells[0].get(), cells[1].get()), (2, 2), "P4");
        })
}

/// One thread runs it; another runs what waits behind its other key, and sees what it wrote.
fn the_keys_next_items_see_it() -> Model {
    Model::new("the_keys_next_items_see_it", "P2 P3 P4", 2)
        .iterations(4)
        .reaches(&["second while it ran"])
        .scenario(|| {
            let Its { pool, workers, keys: [a, b], ran, cells, .. } = its();
            let [mut first, mut second] = workers;
            pool.submit_together(vec![a, b], 1).unwrap();
            assert_eq!(first.step(), Step::Idle);
            let other = {
                let pool = pool.clone();
                thread::spawn(move || {
                    pool.submit(a, 2).unwrap();
                    let step = first.step();
                    mark(if step == Step::Ran { "second after it" } else { "second while it ran" });
                    first
                })
            };
            assert_eq!(second.step(), Step::Ran);
            let mut first = other.join().unwrap();
            exhaust(&mut first);
            assert_eq!(ran.take(), [1, 2], "P2");
            assert_eq!((cells[0].get(), cells[1].get()), (2, 1));
        })
}

/// It is taken out at one key while a worker is about to give it the other: it runs, or comes back, and keeps no key.
fn removed_at_one_key_while_the_other_has_its_turn() -> Model {
    Model::new("removed_at_one_key_while_the_other_has_its_turn", "P1 P9", 2)
        .iterations(384)
        .reaches(&["removed", "ran", "claimed too late", "gave up a key"])
        .scenario(|| {
            let mut its = its();
            let [a, b] = its.keys;
            its.pool.submit_together(vec![a, b], 1).unwrap();
            its.pool.submit(b, 2).unwrap();
            let remover = {
                let pool = its.pool.clone();
                thread::spawn(move || pool.remove(&a))
            };
            exhaust(&mut its.workers[1]);
            exhaust(&mut its.workers[0]);
            let removed = remover.join().unwrap();
            its.finish();
            match (&removed[..], &its.ran.take()[..]) {
                ([1], [2]) => mark("removed"),
                ([], [1, 2]) => mark("ran"),
                wrong => panic!("P1, P9: {wrong:?}"),
            }
            its.pool.drain().unwrap();
        })
}

/// Who drains the one key hears that the item was taken out at the other, whoever finds it over: the remover, or the worker
/// that comes to its turn.
fn a_drain_of_one_key_hears_that_it_was_removed_at_the_other() -> Model {
    Model::new("a_drain_of_one_key_hears_that_it_was_removed_at_the_other", "P7 P9", 3)
        .iterations(34_004)
        .reaches(&["control waited", "claimed too late", "gave up a key", "gave up a place"])
        .scenario(|| {
            let Its { pool, workers: [_first, mut second], keys: [a, b], ran, .. } = its();
            pool.submit_together(vec![a, b], 1).unwrap();
            let remover = {
                let pool = pool.clone();
                thread::spawn(move || assert_eq!(pool.remove(&a), [1], "P9"))
            };
            let worker = thread::spawn(move || assert_eq!(second.step(), Step::Idle));
            pool.drain_key(&b).unwrap();
            remover.join().unwrap();
            worker.join().unwrap();
            assert!(ran.take().is_empty(), "P9");
        })
}

/// It is in both shards or in neither.
fn stopped_while_it_is_submitted() -> Model {
    Model::new("stopped_while_it_is_submitted", "P1 P8", 2)
        .iterations(24)
        .reaches(&["refused", "accepted"])
        .scenario(|| {
            let mut its = its();
            let [a, b] = its.keys;
            let stopper = {
                let pool = its.pool.clone();
                thread::spawn(move || pool.shutdown(Stop::RunRemaining))
            };
            let submitted = its.pool.submit_together(vec![b, a], 1);
            stopper.join().unwrap();
            its.finish();
            match (submitted, &its.ran.take()[..]) {
                (Ok(()), [1]) => mark("accepted"),
                (Err(refused), []) => {
                    mark("refused");
                    assert_eq!(refused.into_parts(), (vec![b, a], 1));
                }
                wrong => panic!("P1: {wrong:?}"),
            }
            assert!(its.workers.iter_mut().all(|worker| worker.step() == Step::Stopped), "P8");
            assert!(its.pool.reclaim(its.workers.into()).leftovers.is_empty());
        })
}

/// The pool is stopped while the last turn comes: it runs, or comes back, once.
fn handed_back_while_it_gathers() -> Model {
    Model::new("handed_back_while_it_gathers", "P1 P8", 2)
        .iterations(893)
        .reaches(&["handed back", "ran"])
        .scenario(|| {
            let mut its = its();
            let [a, b] = its.keys;
            its.pool.submit_together(vec![a, b], 1).unwrap();
            assert_eq!(its.workers[0].step(), Step::Idle);
            let stopper = {
                let pool = its.pool.clone();
                thread::spawn(move || pool.shutdown(Stop::HandBack))
            };
            exhaust(&mut its.workers[1]);
            stopper.join().unwrap();
            let ran = its.ran.take();
            let leftovers = its.pool.reclaim(its.workers.into()).leftovers;
            match (&ran[..], &leftovers[..]) {
                ([1], []) => mark("ran"),
                ([], [(_, 1)]) => mark("handed back"),
                wrong => panic!("P1: {wrong:?}"),
            }
            let total = its.pool.snapshot().total();
            assert_eq!((total.accepted, total.waiting, total.running), (2, 0, 0));
        })
}

/// Nothing runs while the pool is paused, though one of the turns had come before.
fn paused_while_it_gathers() -> Model {
    Model::new("paused_while_it_gathers", "P6", 2)
        .iterations(387)
        .reaches(&["paused before", "paused after"])
        .scenario(|| {
            let mut its = its();
            let [a, b] = its.keys;
            its.pool.submit_together(vec![a, b], 1).unwrap();
            assert_eq!(its.workers[0].step(), Step::Idle);
            let [first, mut second] = its.workers;
            let worker = thread::spawn(move || {
                exhaust(&mut second);
                second
            });
            let guard = its.pool.pause().unwrap();
            let before = its.cells[0].get();
            mark(if before == 0 { "paused before" } else { "paused after" });
            assert_eq!((its.cells[0].get(), its.cells[1].get()), (before, before), "P6");
            drop(guard);
            its.workers = [first, worker.join().unwrap()];
            its.finish();
            assert_eq!(its.ran.take(), [1]);
        })
}

/// A drain that begins while it is submitted waits for it at both keys, or at neither.
fn a_drain_against_its_submit() -> Model {
    Model::new("a_drain_against_its_submit", "P7", 2).iterations(197_645).reaches(&["drain began"]).scenario(
        || {
            let mut its = its();
            let [a, b] = its.keys;
            its.pool.submit_together(vec![a, b], 1).unwrap();
            let submitter = {
                let pool = its.pool.clone();
                thread::spawn(move || {
                    pool.submit_together(vec![b, a], 2).unwrap();
                    for round in 0..4 {
                        exhaust(&mut its.workers[round % 2]);
                    }
                })
            };
            its.pool.drain().unwrap();
            assert!(its.ran.take().contains(&1), "P7");
            submitter.join().unwrap();
        },
    )
}

/// A worker that sleeps is woken to claim a key, and then for what waits behind it.
fn who_sleeps_is_woken_for_a_claim() -> Model {
    Model::new("who_sleeps_is_woken_for_a_claim", "P5 P8", 2)
        .iterations(4_566)
        .reaches(&["slept", "claimed all", "worker woke"])
        .scenario(|| {
            let Its { pool, workers, keys: [a, b], ran, .. } = its();
            let [mut first, mut second] = workers;
            let worker = thread::spawn(move || first.run());
            pool.submit_together(vec![a, b], 1).unwrap();
            pool.submit(a, 2).unwrap();
            pool.shutdown(Stop::RunRemaining);
            second.run();
            worker.join().unwrap();
            let mut ran = ran.take();
            ran.sort_unstable();
            assert_eq!(ran, [1, 2]);
        })
}

/// Its keys are let go of one after the other, elsewhere; none is lost.
fn a_guard_of_two_keys_is_dropped() -> Model {
    Model::new("a_guard_of_two_keys_is_dropped", "P3 P4", 2)
        .iterations(27)
        .reaches(&["key held", "key let go"])
        .scenario(|| {
            let mut its = its();
            let [a, b] = its.keys;
            its.pool.submit_together(vec![a, b], HOLDS).unwrap();
            its.pool.submit_together(vec![b, a], 2).unwrap();
            exhaust(&mut its.workers[0]);
            exhaust(&mut its.workers[1]);
            let guards = its.held.take();
            assert_eq!((guards.len(), its.ran.take()), (1, vec![HOLDS]));
            let cells = Arc::clone(&its.cells);
            let dropper = thread::spawn(move || {
                for cell in &*cells {
                    cell.set(cell.get() + 10);
                }
                guards.into_iter().for_each(|guard| {
                    guard.put_back(1).unwrap();
                    drop(guard);
                });
            });
            exhaust(&mut its.workers[0]);
            exhaust(&mut its.workers[1]);
            dropper.join().unwrap();
            its.finish();
            assert_eq!(its.ran.take(), [1, 2], "P2: what is put back goes first");
            assert_eq!((its.cells[0].get(), its.cells[1].get()), (13, 13), "P4");
        })
}
