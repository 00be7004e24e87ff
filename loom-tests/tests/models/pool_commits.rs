//! Do completion callbacks run one at a time and in order, each once, though no item ever comes?

use crate::harness::{Log, Model, Plain};
use keylane::internals::{Bell, mark};
use keylane::{ControlError, Handler, Lease, PoolHandle, ShardedThreadPool, Step, Stop, Worker};
use loom::thread;
use std::sync::Arc;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        commits_run_in_order(),
        commits_of_two_threads(),
        a_commit_wakes_a_sleeper(),
        commit_against_pause(),
        commit_against_shutdown(),
        a_drain_waits_for_what_a_handler_commits(),
    ]
}

/// An item commits itself, with a plain cell that whoever runs commits writes.
struct Committer(Committed);

#[derive(Clone)]
struct Committed {
    cell: Arc<Plain<u32>>,
    ran: Log<u32>,
}

impl Committed {
    /// A callback.
    fn note(&self, number: u32) -> impl FnOnce() + Send + 'static {
        let Self { cell, ran } = self.clone();
        move || {
            cell.set(cell.get() + 1);
            ran.add(number);
        }
    }
}

impl Handler for Committer {
    type Key = ();
    type Item = u32;

    fn handle(&self, key: Lease<'_, (), u32>, item: u32) {
        key.pool::<Self>().commit(&(), self.0.note(item)).unwrap();
    }
}

fn pool(workers: usize) -> (PoolHandle<Committer>, Vec<Worker<Committer>>, Committed) {
    let committed = Committed { cell: Arc::new(Plain::new(0)), ran: Log::new() };
    let builder = ShardedThreadPool::builder(Committer(committed.clone()));
    let (pool, workers) = builder.shards(1).threads_per_shard(workers).stepped().unwrap();
    (pool, workers, committed)
}

/// Two workers and two commits.
fn commits_run_in_order() -> Model {
    Model::new("commits_run_in_order", "P11", 3)
        .iterations(82)
        .reaches(&["both by one", "one by each"])
        .scenario(|| {
            let (pool, mut workers, committed) = pool(2);
            pool.commit(&(), committed.note(1)).unwrap();
            pool.commit(&(), committed.note(2)).unwrap();
            let mut other = workers.pop().unwrap();
            let other = thread::spawn(move || (other.step() == Step::Ran, other.step() == Step::Ran));
            let mine = (workers[0].step() == Step::Ran, workers[0].step() == Step::Ran);
            let theirs = other.join().unwrap();
            while workers[0].step() == Step::Ran {}
            mark(if mine == (true, true) || theirs == (true, true) { "both by one" } else { "one by each" });
            assert_eq!(committed.ran.take(), [1, 2]);
        })
}

/// Two threads that commit, a worker each: no commit is lost, and none runs beside another.
fn commits_of_two_threads() -> Model {
    Model::new("commits_of_two_threads", "P1 P11", 3)
        .iterations(105)
        .reaches(&["1 first", "2 first"])
        .scenario(|| {
            let (pool, workers, committed) = pool(2);
            let threads: Vec<_> = (1..)
                .zip(workers)
                .map(|(number, mut worker)| {
                    let (pool, committed) = (pool.clone(), committed.clone());
                    thread::spawn(move || {
                        pool.commit(&(), committed.note(number)).unwrap();
                        let _ = worker.step();
                        worker
                    })
                })
                .collect();
            let workers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            for mut worker in workers {
                while worker.step() == Step::Ran {}
            }
            match committed.ran.take()[..] {
                [1, 2] => mark("1 first"),
                [2, 1] => mark("2 first"),
                ref wrong => panic!("P11: {wrong:?}"),
            }
        })
}

/// The worker sleeps, or is about to; no item comes.
fn a_commit_wakes_a_sleeper() -> Model {
    Model::new("a_commit_wakes_a_sleeper", "P5 P11", 2)
        .iterations(1_273)
        .reaches(&["slept", "worker woke", "woken for an item"])
        .scenario(|| {
            let (pool, mut workers, committed) = pool(1);
            let mut worker = workers.pop().unwrap();
            let worker = thread::spawn(move || worker.run());
            let over = Arc::new(Bell::new());
            let note = committed.note(1);
            let told = Arc::clone(&over);
            pool.commit(&(), move || {
                note();
                told.ring();
            })
            .unwrap();
            over.wait();
            pool.shutdown(Stop::RunRemaining);
            worker.join().unwrap();
            assert_eq!(committed.ran.take(), [1]);
        })
}

/// While a pool is paused its commits wait.
fn commit_against_pause() -> Model {
    Model::new("commit_against_pause", "P6 P11", 3)
        .iterations(112)
        .reaches(&["before", "after", "control waited"])
        .scenario(|| {
            let (pool, mut workers, committed) = pool(1);
            let control = {
                let (pool, committed) = (pool.clone(), committed.clone());
                thread::spawn(move || {
                    let paused = pool.pause().unwrap();
                    let before = committed.cell.get();
                    mark(if before == 1 { "before" } else { "after" });
                    assert_eq!(committed.cell.get(), before, "P6");
                    drop(paused);
                })
            };
            let mut worker = workers.pop().unwrap();
            let worker = thread::spawn(move || {
                let _ = worker.step();
                worker
            });
            pool.commit(&(), committed.note(1)).unwrap();
            let mut worker = worker.join().unwrap();
            control.join().unwrap();
            while worker.step() == Step::Ran {}
            assert_eq!(committed.ran.take(), [1]);
        })
}

/// A commit runs, or comes back in the error, or at the end.
fn commit_against_shutdown() -> Model {
    Model::new("commit_against_shutdown", "P1 P8 P11", 3)
        .iterations(870)
        .reaches(&["ran", "refused", "handed back"])
        .scenario(|| {
            let (pool, mut workers, committed) = pool(1);
            let mut worker = workers.pop().unwrap();
            let worker = thread::spawn(move || {
                let _ = worker.step();
                worker
            });
            let control = {
                let pool = pool.clone();
                thread::spawn(move || pool.shutdown(Stop::HandBack))
            };
            let refused = pool.commit(&(), committed.note(1)).is_err();
            control.join().unwrap();
            let drained = pool.drain();
            let worker = worker.join().unwrap();
            let back = pool.reclaim(vec![worker]).commits.len();
            let ran = committed.ran.take().len();
            assert_eq!(usize::from(refused) + back + ran, 1, "one fate");
            mark(if refused {
                "refused"
            } else if ran == 1 {
                "ran"
            } else {
                "handed back"
            });
            assert_eq!(drained == Err(ControlError::Stopped), back == 1);
        })
}

/// What the handler of an item commits belongs to the work that a drain of the item waits for.
fn a_drain_waits_for_what_a_handler_commits() -> Model {
    Model::new("a_drain_waits_for_what_a_handler_commits", "P7 P11", 2)
        .iterations(4_636)
        .reaches(&["control waited"])
        .scenario(|| {
            let (pool, mut workers, committed) = pool(1);
            pool.submit((), 1).unwrap();
            let mut worker = workers.pop().unwrap();
            thread::spawn(move || while worker.step() == Step::Ran {});
            pool.drain().unwrap();
            assert_eq!((committed.cell.get(), committed.ran.take()), (1, vec![1]));
        })
}
