//! Is a pool's item reported while it runs, as what it is, and not when somebody knows that it is over?

use std::time::Duration;

use crate::harness::{Log, Model};
use keylane::internals::mark;
use keylane::testing::ManualClock;
use keylane::{
    Class, Handler, Lease, Patience, PoolHandle, Running, ShardedThreadPool, ShardedThreadPoolBuilder, Step,
    Task, Worker,
};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        report_against_an_item(),
        a_suspended_item_against_report(),
        what_is_drained_does_not_run(),
        a_watched_pool_ends(),
    ]
}

const GRACE: Duration = Duration::from_secs(5);

/// What an item does.
#[derive(Clone, Copy)]
enum Act {
    Nothing,
    /// It takes two graces; its own is twice that of others.
    Take,
    /// It waits for four graces on purpose.
    Park,
}

struct Slow(ManualClock);

impl Handler for Slow {
    type Key = char;
    type Item = Act;

    fn class(_: &Act) -> Class {
        Class(3)
    }

    fn patience(act: &Act) -> Patience {
        Patience { grace: matches!(act, Act::Take).then_some(2 * GRACE), fatal: None }
    }

    fn handle(&self, key: Lease<'_, char, Act>, act: Act) {
        match act {
            Act::Nothing => {}
            Act::Take => self.0.advance(2 * GRACE),
            Act::Park => {
                let _suspension = key.suspend_watch();
                self.0.advance(4 * GRACE);
            }
        }
    }
}

type Reports = Log<Running<Task<char>>>;

fn watched() -> (ShardedThreadPoolBuilder<Slow>, Reports) {
    let (clock, reports) = (ManualClock::new(), Reports::new());
    let report = {
        let reports = reports.clone();
        move |running: &Running<Task<char>>| reports.add(running.clone())
    };
    let builder = ShardedThreadPool::builder(Slow(clock.clone())).clock(clock).watch(GRACE, report);
    (builder.shards(1).threads_per_shard(1), reports)
}

fn stepped() -> (PoolHandle<Slow>, Worker<Slow>, Reports) {
    let (builder, reports) = watched();
    let (pool, mut workers) = builder.stepped().unwrap();
    (pool, workers.pop().unwrap(), reports)
}

/// An item takes as long as it may by its own patience.
fn report_against_an_item() -> Model {
    Model::new("report_against_an_item", "P13", 2)
        .iterations(31)
        .reaches(&["reported", "not reported", "was slow"])
        .scenario(|| {
            let (pool, mut worker, reports) = stepped();
            pool.submit('a', Act::Take).unwrap();
            let worker = thread::spawn(move || {
                assert_eq!(worker.step(), Step::Ran);
                worker
            });
            assert!(pool.report_slow().unwrap() <= GRACE);
            let _worker = worker.join().unwrap();
            match &reports.take()[..] {
                [] => mark("not reported"),
                [slow] => {
                    let Task { key, class, shard, .. } = slow.what;
                    assert_eq!((key, class, shard, slow.age, slow.reports), ('a', Class(3), 0, 2 * GRACE, 1));
                }
                more => panic!("one item was slow, and once: {more:?}"),
            }
            assert!(pool.running().is_empty(), "all is over");
            assert_eq!(pool.report_slow(), Some(GRACE), "and nothing is due");
        })
}

/// What a handler waits on purpose is never reported.
fn a_suspended_item_against_report() -> Model {
    Model::new("a_suspended_item_against_report", "P13", 2).iterations(58).reaches(&["overlooked"]).scenario(
        || {
            let (pool, mut worker, reports) = stepped();
            pool.submit('a', Act::Park).unwrap();
            let worker = thread::spawn(move || {
                assert_eq!(worker.step(), Step::Ran);
                worker
            });
            assert_eq!(pool.report_slow(), Some(GRACE));
            let _worker = worker.join().unwrap();
            assert!(reports.is_empty(), "never for what does not count");
        },
    )
}

/// Who has waited for an item does not see it run.
fn what_is_drained_does_not_run() -> Model {
    Model::new("what_is_drained_does_not_run", "P7 P13", 2)
        .iterations(120)
        .reaches(&["control waited"])
        .scenario(|| {
            let (pool, mut worker, _) = stepped();
            pool.submit('a', Act::Nothing).unwrap();
            let worker = thread::spawn(move || {
                assert_eq!(worker.step(), Step::Ran);
                worker
            });
            pool.drain_key(&'a').unwrap();
            assert!(pool.running().is_empty(), "what has been waited for is over");
            worker.join().unwrap();
        })
}

/// The watch thread ends with the pool, whatever it is at. (With deadlines that do not pass: who is not woken never ends.)
fn a_watched_pool_ends() -> Model {
    Model::new("a_watched_pool_ends", "P8 P13", 3).deadlines_never_pass().iterations(36_747).scenario(|| {
        let (builder, _) = watched();
        let pool = builder.start().unwrap();
        assert_eq!(pool.join().unwrap().panics, 0);
    })
}
