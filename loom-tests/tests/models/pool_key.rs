//! One key: order, exclusion, and visibility from item to item, whoever submits and whoever runs.

use crate::harness::{Clock, Log, Model, Plain};
use keylane::internals::{Bell, mark};
use keylane::{Handler, Lease, PoolHandle, ShardedThreadPool, Step, Stop, Worker};
use loom::thread;
use std::sync::Arc;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        one_key_two_workers(),
        two_submitters_one_key_two_workers(),
        submits_ordered_from_outside(),
        a_hot_key_does_not_hold_up_another(),
        a_panic_releases_the_key(),
        submit_against_finish(),
        the_last_worker_wakes_who_sat_down(),
    ]
}

/// Each key has a plain cell that its items write: two of one key at once, or without a happens-before edge
/// between them, fail the model. No clock: the pool alone must synchronise.
struct Cells {
    cells: [Plain<u32>; 2],
    ran: Log<u32>,
}

impl Handler for Cells {
    type Key = usize;
    type Item = u32;

    fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, item: u32) {
        let cell = &self.cells[*key];
        cell.set(cell.get() + 1);
        self.ran.add(item);
    }
}

fn pool(workers: usize) -> (PoolHandle<Cells>, Vec<Worker<Cells>>, Log<u32>) {
    let ran = Log::new();
    let cells = Cells { cells: [Plain::new(0), Plain::new(0)], ran: ran.clone() };
    let (pool, workers) =
        ShardedThreadPool::builder(cells).shards(1).threads_per_shard(workers).stepped().unwrap();
    (pool, workers, ran)
}

/// Steps until there is nothing to run for now.
fn exhaust(worker: &mut Worker<Cells>) {
    while worker.step() == Step::Ran {}
}

/// Two workers share two items of one key. Order, exclusion, visibility.
fn one_key_two_workers() -> Model {
    Model::new("one_key_two_workers", "P1 P2 P3 P4", 2).iterations(56).reaches(&[]).scenario(|| {
        let (pool, mut workers, ran) = pool(2);
        pool.submit(0, 1).unwrap();
        pool.submit(0, 2).unwrap();
        let mut other = workers.pop().unwrap();
        let thread = thread::spawn(move || {
            let _ = other.step();
        });
        exhaust(&mut workers[0]);
        thread.join().unwrap();
        exhaust(&mut workers[0]);
        assert_eq!(ran.take(), [1, 2]);
    })
}

/// Two submitters, one key, two workers. Each item once, never two at once, all visible; whichever of the
/// submits comes first.
fn two_submitters_one_key_two_workers() -> Model {
    Model::new("two_submitters_one_key_two_workers", "P1 P3 P4", 4).iterations(14_277).reaches(&[]).scenario(
        || {
            let (pool, mut workers, ran) = pool(2);
            let submitters: Vec<_> = [1, 2]
                .into_iter()
                .map(|item| {
                    let pool = pool.clone();
                    thread::spawn(move || pool.submit(0, item).unwrap())
                })
                .collect();
            let mut other = workers.pop().unwrap();
            let thread = thread::spawn(move || {
                let _ = other.step();
            });
            let _ = workers[0].step();
            for submitter in submitters {
                submitter.join().unwrap();
            }
            thread.join().unwrap();
            exhaust(&mut workers[0]);
            assert_eq!(ran.sorted(), [1, 2]);
        },
    )
}

/// Two submitters ordered from outside, on two threads, while a worker takes what it finds: that order is the
/// key's order (P2 holds across submitters).
fn submits_ordered_from_outside() -> Model {
    Model::new("submits_ordered_from_outside", "P2", 3)
        .iterations(20)
        .reaches(&["first was run early"])
        .scenario(|| {
            let (pool, mut workers, ran) = pool(1);
            let first_is_in = Arc::new(Bell::new());
            {
                let (pool, first_is_in) = (pool.clone(), Arc::clone(&first_is_in));
                thread::spawn(move || {
                    pool.submit(0, 1).unwrap();
                    first_is_in.ring();
                });
            }
            let second = {
                let pool = pool.clone();
                thread::spawn(move || {
                    first_is_in.wait();
                    pool.submit(0, 2).unwrap();
                })
            };
            if workers[0].step() == Step::Ran {
                mark("first was run early");
            }
            second.join().unwrap();
            exhaust(&mut workers[0]);
            assert_eq!(ran.take(), [1, 2]);
        })
}

/// A key whose item runs on and on does not hold up another key while a worker is free, be it asleep or up:
/// the item of key 0 waits for that of key 1, so a worker that took both would be a deadlock.
fn a_hot_key_does_not_hold_up_another() -> Model {
    struct Waits {
        pool: Log<PoolHandle<Waits>>,
        done: Bell,
    }
    impl Handler for Waits {
        type Key = usize;
        type Item = ();
        fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, (): ()) {
            match *key {
                0 => self.done.wait(),
                _ => {
                    self.pool.take()[0].shutdown(Stop::RunRemaining);
                    self.done.ring();
                }
            }
        }
    }

    Model::new("a_hot_key_does_not_hold_up_another", "P5 P8", 3)
        .iterations(819_624)
        .reaches(&["worker woke"])
        .scenario(|| {
            let own = Log::new();
            let waits = Waits { pool: own.clone(), done: Bell::new() };
            let (pool, workers) =
                ShardedThreadPool::builder(waits).shards(1).threads_per_shard(2).stepped().unwrap();
            own.add(pool.clone());
            for mut worker in workers {
                thread::spawn(move || worker.run());
            }
            pool.submit(0, ()).unwrap();
            pool.submit(1, ()).unwrap();
        })
}

/// A handler panics: its key goes on, on either worker, and the panic reaches only the worker that ran it.
fn a_panic_releases_the_key() -> Model {
    struct Panics(Plain<u32>);
    impl Handler for Panics {
        type Key = ();
        type Item = bool;
        fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, panics: bool) {
            self.0.set(self.0.get() + 1);
            if panics {
                std::panic::resume_unwind(Box::new("as planned"));
            }
        }
    }

    Model::new("a_panic_releases_the_key", "P3 P4 P12", 2).iterations(56).reaches(&["panicked"]).scenario(
        || {
            let (pool, mut workers) = ShardedThreadPool::builder(Panics(Plain::new(0)))
                .shards(1)
                .threads_per_shard(2)
                .stepped()
                .unwrap();
            pool.submit((), true).unwrap();
            pool.submit((), false).unwrap();
            let step = |worker: &mut Worker<Panics>| {
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.step())).unwrap_or_else(
                    |_| {
                        mark("panicked");
                        Step::Ran
                    },
                )
            };
            let mut other = workers.pop().unwrap();
            let thread = thread::spawn(move || usize::from(step(&mut other) == Step::Ran));
            let mut ran = 0;
            while step(&mut workers[0]) == Step::Ran {
                ran += 1;
            }
            ran += thread.join().unwrap();
            while step(&mut workers[0]) == Step::Ran {
                ran += 1;
            }
            assert_eq!(ran, 2, "the key went on after the panic");
        },
    )
}

/// The submit of one key against the finish of its last item: the item is neither stranded nor run twice.
fn submit_against_finish() -> Model {
    Model::new("submit_against_finish", "P1 P2", 2)
        .iterations(9)
        .reaches(&["found by the same worker", "left for the next step"])
        .scenario(|| {
            let (pool, mut workers, ran) = pool(1);
            pool.submit(0, 1).unwrap();
            let clock = Clock::new();
            let submitter = {
                let (pool, clock) = (pool.clone(), clock.clone());
                thread::spawn(move || {
                    pool.submit(0, 2).unwrap();
                    clock.stamp();
                })
            };
            exhaust(&mut workers[0]);
            let early = ran.take();
            mark(if early == [1, 2] { "found by the same worker" } else { "left for the next step" });
            submitter.join().unwrap();
            exhaust(&mut workers[0]);
            assert_eq!([early, ran.take()].concat(), [1, 2]);
            assert_eq!(workers[0].step(), Step::Idle);
            assert!(pool.reclaim(workers).leftovers.is_empty());
        })
}

/// A worker that finds the rest behind a running key sits down, and the one that runs it to its end wakes it:
/// both leave a pool that is to run what remains.
fn the_last_worker_wakes_who_sat_down() -> Model {
    Model::new("the_last_worker_wakes_who_sat_down", "P1 P8", 3)
        .iterations(90)
        .reaches(&["slept", "rung before sleep", "worker woke"])
        .scenario(|| {
            let (pool, workers, ran) = pool(2);
            pool.submit(0, 1).unwrap();
            pool.submit(0, 2).unwrap();
            pool.shutdown(Stop::RunRemaining);
            let workers: Vec<_> = workers
                .into_iter()
                .map(|mut worker| {
                    thread::spawn(move || {
                        worker.run();
                        worker
                    })
                })
                .collect();
            let workers = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
            assert!(pool.reclaim(workers).leftovers.is_empty());
            assert_eq!(ran.take(), [1, 2]);
        })
}
