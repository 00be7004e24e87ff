//! What is to be queued later, and who decides what is next: does nothing start too soon, and is nothing left behind?

use std::sync::Arc;
use std::time::Duration;

use crate::harness::{Log, Model};
use keylane::internals::{Bell, mark};
use keylane::testing::ManualClock;
use keylane::{
    Candidate, Class, Clock, ControlError, Fifo, Handler, Lease, PoolHandle, Scheduler, ShardedThreadPool,
    Step, Stop, Worker,
};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        a_delayed_item_never_runs_early(),
        its_time_comes_while_a_worker_lies_down(),
        a_delayed_item_holds_nothing_up(),
        a_delayed_item_holds_no_commit_up(),
        drain_waits_for_what_is_to_come(),
        remove_against_the_time(),
        shutdown_against_the_time(),
        a_limit_holds_whoever_looks(),
        another_scheduler_against_submit(),
    ]
}

const DELAY: Duration = Duration::from_secs(1);

/// Items say since when they may run.
struct Punctual {
    clock: ManualClock,
    ran: Log<Duration>,
    /// Rung for each item that has run, if somebody listens.
    told: Option<Arc<Bell>>,
}

impl Handler for Punctual {
    type Key = ();
    type Item = Duration;

    fn handle(&self, _: Lease<'_, (), Duration>, due: Duration) {
        assert!(self.clock.now() >= due, "P10: not early");
        self.ran.add(due);
        self.told.iter().for_each(|told| told.ring());
    }
}

type Pool = (ManualClock, PoolHandle<Punctual>, Worker<Punctual>, Log<Duration>);

fn punctual() -> Pool {
    build(None)
}

fn punctual_and_told() -> (ManualClock, PoolHandle<Punctual>, Worker<Punctual>, Log<Duration>, Arc<Bell>) {
    let told = Arc::new(Bell::new());
    let (clock, pool, worker, ran) = build(Some(Arc::clone(&told)));
    (clock, pool, worker, ran, told)
}

fn build(told: Option<Arc<Bell>>) -> Pool {
    let (clock, ran) = (ManualClock::new(), Log::new());
    let handler = Punctual { clock: clock.clone(), ran: ran.clone(), told };
    let builder = ShardedThreadPool::builder(handler).clock(clock.clone());
    let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
    (clock, pool, workers.pop().unwrap(), ran)
}

/// Submits an item that is due in a while. (The clock may go on before the pool looks at it.)
fn submit_later(pool: &PoolHandle<Punctual>, clock: &ManualClock) {
    let due = clock.now() + DELAY;
    pool.submit_after(DELAY, (), due).unwrap();
}

/// The clock goes on while the item is submitted and while the worker looks.
fn a_delayed_item_never_runs_early() -> Model {
    Model::new("a_delayed_item_never_runs_early", "P10", 3)
        .iterations(2_605)
        .reaches(&["ran", "not yet"])
        .scenario(|| {
            let (clock, pool, mut worker, ran) = punctual();
            let time = {
                let clock = clock.clone();
                thread::spawn(move || clock.advance(DELAY))
            };
            let worker = thread::spawn(move || {
                mark(if worker.step() == Step::Ran { "ran" } else { "not yet" });
                worker
            });
            submit_later(&pool, &clock);
            let mut worker = worker.join().unwrap();
            time.join().unwrap();
            clock.advance(DELAY);
            let _ = worker.step();
            assert_eq!((ran.take().len(), worker.step()), (1, Step::Idle), "it runs when it is due, once");
        })
}

/// A clock that goes on whenever somebody looks.
struct EachLookIsLater(ManualClock);

impl Clock for EachLookIsLater {
    fn now(&self) -> Duration {
        self.0.advance(DELAY);
        self.0.now()
    }
}

/// When an item is due: after the first look of the worker that takes it in, and before the one after that.
const LOOKS: u32 = 4;

/// A worker looks at the clock when it looks for work, and again when it lies down, and the time comes between the two.
/// Nobody else comes: whether the worker has the item by then, or sleeps no longer than that, is for itself to see to.
fn its_time_comes_while_a_worker_lies_down() -> Model {
    Model::new("its_time_comes_while_a_worker_lies_down", "P5 P10", 2)
        .iterations(228)
        .reaches(&["due while settling"])
        .scenario(|| {
            let told = Arc::new(Bell::new());
            let clock = ManualClock::new();
            let handler = Punctual { clock: clock.clone(), ran: Log::new(), told: Some(Arc::clone(&told)) };
            let builder = ShardedThreadPool::builder(handler).clock(EachLookIsLater(clock.clone()));
            let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
            let due = clock.now() + LOOKS * DELAY;
            pool.submit_after(LOOKS * DELAY, (), due).unwrap();
            let mut worker = workers.pop().unwrap();
            let worker = thread::spawn(move || worker.run());
            // By the handler.
            told.wait();
            pool.shutdown(Stop::RunRemaining);
            worker.join().unwrap();
        })
}

/// What is ready goes before what is to come, of the same key too: a worker that sleeps until then is woken for it. What is
/// still to come at the end never will.
fn a_delayed_item_holds_nothing_up() -> Model {
    Model::new("a_delayed_item_holds_nothing_up", "P5 P8 P10", 2)
        .iterations(17_470)
        .reaches(&["slept", "rung before sleep", "worker woke", "on the lookout", "woken for an item"])
        .deadlines_never_pass()
        .scenario(|| {
            while_an_item_is_to_come(|pool, told| {
                pool.submit((), Duration::ZERO).unwrap();
                // By the handler.
                told.wait();
            });
        })
}

/// The same of a commit.
fn a_delayed_item_holds_no_commit_up() -> Model {
    Model::new("a_delayed_item_holds_no_commit_up", "P5 P8 P10 P11", 2)
        .iterations(2_854)
        .reaches(&["slept", "rung before sleep", "worker woke", "on the lookout", "woken for an item"])
        .deadlines_never_pass()
        .scenario(|| {
            while_an_item_is_to_come(|pool, told| {
                let over = Arc::clone(told);
                pool.commit(&(), move || over.ring()).unwrap();
                told.wait();
            });
        })
}

fn while_an_item_is_to_come(something: impl FnOnce(&PoolHandle<Punctual>, &Arc<Bell>)) {
    let (clock, pool, mut worker, ran, told) = punctual_and_told();
    submit_later(&pool, &clock);
    let worker = thread::spawn(move || {
        worker.run();
        worker
    });
    something(&pool, &told);
    pool.shutdown(Stop::RunRemaining);
    let worker = worker.join().unwrap();
    assert!(ran.take().iter().all(Duration::is_zero));
    assert_eq!(pool.reclaim(vec![worker]).leftovers, [((), DELAY)]);
}

/// A drain waits for what is to come, and is told when it has run.
fn drain_waits_for_what_is_to_come() -> Model {
    Model::new("drain_waits_for_what_is_to_come", "P7 P10", 2)
        .iterations(27_556)
        .reaches(&["control waited", "drain of the key", "drain of all"])
        .scenario(|| {
            for of_key in [true, false] {
                let (clock, pool, mut worker, ran) = punctual();
                submit_later(&pool, &clock);
                let drain = thread::spawn(move || {
                    mark(if of_key { "drain of the key" } else { "drain of all" });
                    let drained = if of_key { pool.drain_key(&()) } else { pool.drain() };
                    (drained, ran.take().len())
                });
                clock.advance(DELAY);
                assert_eq!(worker.step(), Step::Ran);
                assert_eq!(drain.join().unwrap(), (Ok(()), 1));
            }
        })
}

/// What is to come is removed, or runs: not both.
fn remove_against_the_time() -> Model {
    Model::new("remove_against_the_time", "P9 P10", 2).iterations(9).reaches(&["removed", "ran"]).scenario(
        || {
            let (clock, pool, mut worker, ran) = punctual();
            submit_later(&pool, &clock);
            clock.advance(DELAY);
            let worker = thread::spawn(move || worker.step());
            let removed = pool.remove(&());
            let stepped = worker.join().unwrap();
            mark(if removed.is_empty() { "ran" } else { "removed" });
            assert_eq!(
                (removed.is_empty(), ran.take().len()),
                (stepped == Step::Ran, usize::from(stepped == Step::Ran))
            );
        },
    )
}

/// What is due while the pool is shut down runs or is handed back, whichever way it is shut down; and a drain of it says
/// which.
fn shutdown_against_the_time() -> Model {
    Model::new("shutdown_against_the_time", "P1 P8 P10", 2)
        .iterations(58)
        .reaches(&["ran", "handed back"])
        .scenario(|| {
            let (clock, pool, mut worker, ran) = punctual();
            submit_later(&pool, &clock);
            let worker = thread::spawn(move || {
                clock.advance(DELAY);
                let _ = worker.step();
                worker
            });
            pool.shutdown(Stop::RunRemaining);
            let mut worker = worker.join().unwrap();
            while worker.step() == Step::Ran {}
            let drained = pool.drain();
            let (ran, left) = (ran.take(), pool.reclaim(vec![worker]).leftovers);
            assert_eq!(ran.len() + left.len(), 1, "P1");
            mark(if left.is_empty() { "ran" } else { "handed back" });
            assert_eq!(drained, if left.is_empty() { Ok(()) } else { Err(ControlError::Stopped) });
        })
}

/// Items are their own classes, and keys.
struct Noter(Log<u8>);

impl Handler for Noter {
    type Key = u8;
    type Item = u8;

    fn class(item: &u8) -> Class {
        Class(*item)
    }

    fn handle(&self, _: Lease<'_, u8, u8>, item: u8) {
        self.0.add(item);
    }
}

/// One item of each class in a second, and higher classes first.
#[derive(Clone, Debug, Default)]
struct Rationed(Option<Duration>);

impl Scheduler for Rationed {
    fn asks_the_time(&self) -> bool {
        true
    }

    fn may_start(&self, _: &Candidate, now: Duration) -> Result<(), Duration> {
        match self.0 {
            Some(next) if next > now => Err(next),
            _ => Ok(()),
        }
    }

    fn choose(&mut self, candidates: &[Candidate], _: Duration) -> Class {
        candidates[candidates.len() - 1].class
    }

    fn charge(&mut self, _: &Candidate, _: &[Candidate], now: Duration) {
        self.0 = Some(now + DELAY);
    }
}

/// Two workers, two keys, and a scheduler that lets one item start in a second; a second is over at some moment.
fn a_limit_holds_whoever_looks() -> Model {
    Model::new("a_limit_holds_whoever_looks", "P10 P14", 3)
        .iterations(537)
        .reaches(&["one", "both"])
        .scenario(|| {
            let (clock, ran) = (ManualClock::new(), Log::new());
            let builder = ShardedThreadPool::builder(Noter(ran.clone())).clock(clock.clone());
            let builder = builder.scheduler(Rationed::default());
            let (pool, workers) = builder.shards(1).threads_per_shard(2).stepped().unwrap();
            pool.submit(1, 1).unwrap();
            pool.submit(2, 2).unwrap();
            let workers = workers.into_iter().map(|mut worker| {
                thread::spawn(move || {
                    let stepped = worker.step();
                    (worker, stepped)
                })
            });
            let workers: Vec<_> = workers.collect();
            clock.advance(DELAY);
            let (mut workers, stepped): (Vec<_>, Vec<_>) =
                workers.into_iter().map(|worker| worker.join().unwrap()).unzip();
            match stepped.iter().filter(|&&stepped| stepped == Step::Ran).count() {
                1 => {
                    mark("one");
                    // The other may start a second after the first: now, or when one more is over.
                    if workers[0].step() == Step::Idle {
                        clock.advance(DELAY);
                        assert_eq!(workers[1].step(), Step::Ran);
                    }
                }
                2 => mark("both"),
                _ => unreachable!("the first may start at once"),
            }
            assert_eq!(ran.sorted(), [1, 2]);
        })
}

/// Whoever decides meanwhile: nothing is lost, and items of one key and class keep their order.
fn another_scheduler_against_submit() -> Model {
    Model::new("another_scheduler_against_submit", "P1 P2", 3)
        .iterations(1_932)
        .reaches(&["in order", "higher first"])
        .scenario(|| {
            struct Pairs(Log<u8>);
            impl Handler for Pairs {
                type Key = ();
                type Item = u8;
                fn class(item: &u8) -> Class {
                    Class(*item / 10)
                }
                fn handle(&self, _: Lease<'_, (), u8>, item: u8) {
                    self.0.add(item);
                }
            }
            let (clock, ran) = (ManualClock::new(), Log::new());
            let builder = ShardedThreadPool::builder(Pairs(ran.clone())).clock(clock);
            let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
            let control = {
                let pool = pool.clone();
                thread::spawn(move || {
                    pool.set_scheduler(Highest);
                })
            };
            let submitter = {
                let pool = pool.clone();
                thread::spawn(move || {
                    for item in [10, 20, 11] {
                        pool.submit((), item).unwrap();
                    }
                })
            };
            let _ = workers[0].step();
            control.join().unwrap();
            submitter.join().unwrap();
            while workers[0].step() == Step::Ran {}
            pool.set_scheduler(Fifo);
            match ran.take()[..] {
                [10, 20, 11] => mark("in order"),
                [20, 10, 11] => mark("higher first"),
                ref wrong => panic!("P2: {wrong:?}"),
            }
        })
}

/// Higher classes first.
#[derive(Clone, Debug)]
struct Highest;

impl Scheduler for Highest {
    fn choose(&mut self, candidates: &[Candidate], _: Duration) -> Class {
        candidates[candidates.len() - 1].class
    }
}
