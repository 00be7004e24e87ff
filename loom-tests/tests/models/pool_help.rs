//! Workers that serve another shard beside their own: is one woken wherever something can run, and does it end?

use crate::harness::{Log, Model, Plain};
use keylane::internals::{Bell, mark};
use keylane::testing::ManualClock;
use keylane::{
    Clock, Handler, Lease, PoolHandle, ShardedThreadPool, ShardedThreadPoolBuilder, Step, Stop, Worker,
};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        who_sleeps_elsewhere_is_woken(),
        one_busy_the_other_helps(),
        woken_at_two_shards_at_once(),
        stopped_while_it_sits_down(),
        a_guest_runs_the_last(),
        both_take_from_one_shard(),
        paused_while_it_helps(),
        who_helps_looks_out(),
    ]
}

/// Each shard has a plain cell; an item counts it up, and then rings or waits.
struct Cells {
    cells: Arc<[Plain<u32>; 2]>,
    ran: Log<u32>,
    bell: Arc<Bell>,
}

/// The shard, and something that makes its hash be that.
type Key = (usize, u32);

const RINGS: u32 = 50;
const WAITS: u32 = 60;

impl Handler for Cells {
    type Key = Key;
    type Item = u32;

    fn handle(&self, key: Lease<'_, Key, u32>, item: u32) {
        if item < RINGS {
            let cell = &self.cells[key.0];
            cell.set(cell.get() + 1);
        }
        self.ran.add(item);
        match item {
            RINGS => self.bell.ring(),
            WAITS => self.bell.wait(),
            _ => {}
        }
    }
}

struct Its {
    pool: PoolHandle<Cells>,
    /// Of the first shard, and of the other.
    workers: [Worker<Cells>; 2],
    /// Two of the first shard, and one of the other.
    keys: [Key; 3],
    ran: Log<u32>,
    bell: Arc<Bell>,
}

fn its(build: impl FnOnce(ShardedThreadPoolBuilder<Cells>) -> ShardedThreadPoolBuilder<Cells>) -> Its {
    let (ran, bell) = (Log::new(), Arc::new(Bell::new()));
    let cells = Arc::new([Plain::new(0), Plain::new(0)]);
    let builder =
        build(ShardedThreadPool::builder(Cells { cells, ran: ran.clone(), bell: Arc::clone(&bell) }));
    // All others, which is one.
    let (pool, workers) = builder.shards(2).threads_per_shard(1).help(usize::MAX).stepped().unwrap();
    let key = |shard, number| {
        let keys = (0..).map(|salt| (shard, salt));
        keys.filter(|key| pool.shard_of(key) == shard).nth(number).unwrap()
    };
    let keys = [key(0, 0), key(0, 1), key(1, 0)];
    let Ok(workers) = workers.try_into() else { panic!("one worker of each") };
    Its { pool, workers, keys, ran, bell }
}

fn exhaust(worker: &mut Worker<Cells>) {
    while worker.step() == Step::Ran {}
}

/// A shard whose own worker does nothing gets an item, and a worker of the other may be about to sleep at both.
fn who_sleeps_elsewhere_is_woken() -> Model {
    Model::new("who_sleeps_elsewhere_is_woken", "P5 P8", 2)
        .iterations(223_476)
        .reaches(&["slept", "worker helps", "rung before sleep"])
        .scenario(|| {
            let Its { pool, workers: [mut first, mut second], keys: [a, ..], ran, bell } =
                its(|builder| builder);
            let worker = thread::spawn(move || second.run());
            pool.submit(a, RINGS).unwrap();
            bell.wait();
            pool.shutdown(Stop::HandBack);
            worker.join().unwrap();
            exhaust(&mut first);
            assert_eq!(ran.take(), [RINGS]);
        })
}

/// Both workers run. An item of one shard waits for another item of that shard.
fn one_busy_the_other_helps() -> Model {
    Model::new("one_busy_the_other_helps", "P5 P8", 3)
        .bounded(2)
        .iterations(1_077)
        .reaches(&["worker helps"])
        .scenario(|| {
            let Its { pool, workers, keys: [a, b, _], ran, .. } = its(|builder| builder);
            pool.submit(a, WAITS).unwrap();
            let [first, second] = workers.map(|mut worker| thread::spawn(move || worker.run()));
            pool.submit(b, RINGS).unwrap();
            pool.shutdown(Stop::RunRemaining);
            first.join().unwrap();
            second.join().unwrap();
            let mut ran = ran.take();
            ran.sort_unstable();
            assert_eq!(ran, [RINGS, WAITS]);
        })
}

/// Each of the two shards wakes the one who sleeps at both; it runs both items, or one of them after it has slept again.
fn woken_at_two_shards_at_once() -> Model {
    Model::new("woken_at_two_shards_at_once", "P1 P5", 2)
        .bounded(3)
        .iterations(1_519)
        .reaches(&["slept", "worker helps", "worker woke"])
        .scenario(|| {
            let Its { pool, workers: [_first, mut second], keys: [a, _, c], ran, bell } =
                its(|builder| builder);
            let worker = thread::spawn(move || second.run());
            pool.submit(a, 1).unwrap();
            pool.submit(c, RINGS).unwrap();
            bell.wait();
            pool.shutdown(Stop::RunRemaining);
            worker.join().unwrap();
            let mut ran = ran.take();
            ran.sort_unstable();
            assert_eq!(ran, [1, RINGS]);
        })
}

/// The pool is stopped between its sitting down here and there.
fn stopped_while_it_sits_down() -> Model {
    Model::new("stopped_while_it_sits_down", "P8", 2)
        .iterations(2_543)
        .reaches(&["slept", "rung before sleep"])
        .scenario(|| {
            let Its { pool, workers: [first, mut second], .. } = its(|builder| builder);
            let worker = thread::spawn(move || {
                second.run();
                second
            });
            pool.shutdown(Stop::HandBack);
            let second = worker.join().unwrap();
            assert!(pool.reclaim(vec![first, second]).leftovers.is_empty());
        })
}

/// An item waits behind the one that runs, the shard's own worker sits down, and the guest runs them both.
fn a_guest_runs_the_last() -> Model {
    Model::new("a_guest_runs_the_last", "P5 P8", 2)
        .iterations(4_475)
        .reaches(&["worker helps", "slept"])
        .scenario(|| {
            let Its { pool, workers: [mut first, mut second], keys: [a, ..], ran, .. } =
                its(|builder| builder);
            pool.submit_batch(a, vec![1, 2]).unwrap();
            pool.shutdown(Stop::RunRemaining);
            let guest = thread::spawn(move || second.run());
            first.run();
            guest.join().unwrap();
            assert_eq!(ran.take(), [1, 2]);
        })
}

/// Both take from the same shard, and from the same key: one at a time, and in order.
fn both_take_from_one_shard() -> Model {
    Model::new("both_take_from_one_shard", "P2 P3 P4", 2).iterations(4_871).scenario(|| {
        let Its { pool, workers: [mut first, mut second], keys: [a, ..], ran, .. } = its(|builder| builder);
        pool.submit_batch(a, vec![1, 2, 3]).unwrap();
        let worker = thread::spawn(move || {
            exhaust(&mut second);
            second
        });
        exhaust(&mut first);
        let mut second = worker.join().unwrap();
        exhaust(&mut second);
        assert_eq!(ran.take(), [1, 2, 3], "P2");
    })
}

/// A pause waits for who helps, too.
fn paused_while_it_helps() -> Model {
    Model::new("paused_while_it_helps", "P6", 2)
        .iterations(272)
        .reaches(&["paused before", "paused after"])
        .scenario(|| {
            let Its { pool, workers: [_first, mut second], keys: [a, ..], ran, .. } = its(|builder| builder);
            pool.submit(a, 1).unwrap();
            let worker = thread::spawn(move || {
                exhaust(&mut second);
                second
            });
            let guard = pool.pause().unwrap();
            let before = ran.is_empty();
            mark(if before { "paused before" } else { "paused after" });
            assert_eq!(ran.is_empty(), before, "P6");
            drop(guard);
            let mut second = worker.join().unwrap();
            exhaust(&mut second);
            assert_eq!(ran.take(), [1]);
        })
}

/// A second passes each time that somebody looks.
struct Ticks(ManualClock);

impl Clock for Ticks {
    fn now(&self) -> Duration {
        self.0.advance(Duration::from_secs(1));
        self.0.now()
    }
}

/// The other shard's worker does nothing, and an item is to come there: who sleeps at both looks out for it.
fn who_helps_looks_out() -> Model {
    Model::new("who_helps_looks_out", "P5 P10", 2)
        .bounded(3)
        .iterations(1_204)
        .reaches(&["on the lookout", "gave up"])
        .scenario(|| {
            let clock = Ticks(ManualClock::new());
            let Its { pool, workers: [_first, mut second], keys: [a, ..], ran, bell } =
                its(|builder| builder.clock(clock));
            pool.submit_after(Duration::from_secs(12), a, RINGS).unwrap();
            let worker = thread::spawn(move || second.run());
            bell.wait();
            pool.shutdown(Stop::HandBack);
            worker.join().unwrap();
            assert_eq!(ran.take(), [RINGS]);
        })
}
