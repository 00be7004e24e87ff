//! When most busy keys are in one shard, the workers of others help (P5), and what holds of keys holds.

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use keylane::testing::ManualClock;
use keylane::{Handler, KeyGuard, Lease, ShardedThreadPool, Step, Stop};

use common::runner::{Runner, count, nothing};
use common::{bounded, hear, together};

/// So many keys of one shard.
fn keys(shard: usize, number: usize, shard_of: impl Fn(&usize) -> usize) -> Vec<usize> {
    (0..).filter(|key| shard_of(key) == shard).take(number).collect()
}

#[test]
fn all_workers_serve_one_shard_if_that_has_all_there_is() {
    bounded(|| {
        let builder = ShardedThreadPool::builder(Runner).shards(4).threads_per_shard(1).help(3);
        let pool = builder.start().unwrap();
        for round in 0..50 {
            // Four items of one shard that wait for each other.
            let barrier = Arc::new(Barrier::new(4));
            let (met, meeting) = channel();
            for key in keys(round % 4, 4, |key| pool.shard_of(key)) {
                let (barrier, met) = (Arc::clone(&barrier), met.clone());
                let task = move || {
                    barrier.wait();
                    met.send(std::thread::current().name().map(str::to_owned)).unwrap();
                };
                pool.submit(key, Box::new(task)).unwrap();
            }
            let names: BTreeSet<_> = (0..4).map(|_| hear(&meeting)).collect();
            assert_eq!(names.len(), 4, "each of the four threads has one");
        }
        pool.join().unwrap();
    });
}

#[test]
fn without_help_a_shard_is_on_its_own() {
    let (pool, mut workers) =
        ShardedThreadPool::builder(Runner).shards(2).threads_per_shard(1).stepped().unwrap();
    let key = keys(0, 1, |key| pool.shard_of(key))[0];
    pool.submit(key, nothing()).unwrap();
    assert_eq!((workers[1].step(), workers[0].step()), (Step::Idle, Step::Ran));
}

#[test]
fn who_helps_serves_the_next_shards_and_its_own_first() {
    let builder = ShardedThreadPool::builder(Runner).shards(3).threads_per_shard(1).help(1);
    let (pool, mut workers) = builder.stepped().unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let ran_now = || ran.swap(0, Ordering::SeqCst);
    for shard in 0..3 {
        pool.submit(keys(shard, 1, |key| pool.shard_of(key))[0], count(&ran)).unwrap();
    }
    // Its own, and then that of the next one, and not that of the one after it.
    assert_eq!([(); 3].map(|()| workers[2].step()), [Step::Ran, Step::Ran, Step::Idle]);
    assert_eq!(pool.snapshot().shards.iter().map(|shard| shard.ran).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!((ran_now(), workers[1].step(), workers[0].step()), (2, Step::Ran, Step::Idle));
    assert_eq!(ran_now(), 1);
    // A worker has stopped when all that it serves has.
    pool.submit(keys(1, 1, |key| pool.shard_of(key))[0], count(&ran)).unwrap();
    pool.shutdown(Stop::RunRemaining);
    assert_eq!((workers[2].step(), workers[0].step()), (Step::Stopped, Step::Ran));
    assert_eq!([(); 2].map(|()| workers[0].step()), [Step::Stopped; 2]);
    assert_eq!((workers[1].step(), ran_now()), (Step::Stopped, 1));
}

/// Keeps the key of each item that says so.
struct Keeper(Arc<Mutex<Vec<KeyGuard<usize, bool>>>>);

impl Handler for Keeper {
    type Key = usize;
    type Item = bool;
    fn handle(&self, key: Lease<'_, usize, bool>, keeps: bool) {
        if keeps {
            self.0.lock().unwrap().push(key.hold());
        }
    }
}

#[test]
fn who_helps_has_not_stopped_while_something_waits_where_it_helps() {
    let kept = Arc::default();
    let keeper = Keeper(Arc::clone(&kept));
    let builder = ShardedThreadPool::builder(keeper).shards(2).threads_per_shard(1).help(1);
    let (pool, mut workers) = builder.stepped().unwrap();
    let key = keys(0, 1, |key| pool.shard_of(key))[0];
    pool.submit(key, true).unwrap();
    pool.submit(key, false).unwrap();
    assert_eq!(workers[0].step(), Step::Ran);
    pool.shutdown(Stop::RunRemaining);
    assert_eq!(workers[1].step(), Step::Idle, "the other item may start yet");
    kept.lock().unwrap().clear();
    assert_eq!([(); 2].map(|()| workers[1].step()), [Step::Ran, Step::Stopped]);
}

#[test]
fn a_pause_a_drain_and_a_limit_are_for_who_helps_too() {
    bounded(|| {
        let builder = ShardedThreadPool::builder(Runner).shards(3).threads_per_shard(2).help(99);
        let pool = builder.start().unwrap();
        let hot = keys(1, 40, |key| pool.shard_of(key));
        let ran = Arc::new(AtomicUsize::new(0));
        together(3, |thread| {
            for round in 0..300 {
                hot.iter().skip(thread).step_by(3).for_each(|&key| pool.submit(key, count(&ran)).unwrap());
                if round % 30 == thread {
                    let paused = pool.pause().unwrap();
                    let before = ran.load(Ordering::SeqCst);
                    std::thread::yield_now();
                    assert_eq!(ran.load(Ordering::SeqCst), before, "P6");
                    drop(paused);
                    pool.drain().unwrap();
                    pool.set_threads_per_shard(1 + round % 3).unwrap();
                }
            }
        });
        pool.drain().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 300 * 40);
        let snapshot = pool.snapshot();
        assert!(
            snapshot.shards.iter().all(|shard| shard.asleep <= 3),
            "guests are not its own: {snapshot:?}"
        );
        pool.join().unwrap();
    });
}

#[test]
fn who_helps_looks_out_for_what_is_to_come() {
    bounded(|| {
        // It stands still while they are submitted, however long that takes.
        let clock = ManualClock::new();
        let builder = ShardedThreadPool::builder(Runner).clock(clock.clone()).help(1);
        let pool = builder.shards(2).threads_per_shard(1).start().unwrap();
        let [first, second] = keys(0, 2, |key| pool.shard_of(key))[..] else { unreachable!() };
        // The shard's own worker is busy.
        let release = common::runner::hold(&pool, first, nothing());
        let (did, done) = channel();
        for milliseconds in [3, 1, 2] {
            let did = did.clone();
            let task = Box::new(move || did.send(milliseconds).unwrap());
            pool.submit_after(Duration::from_millis(milliseconds), second, task).unwrap();
        }
        clock.advance(Duration::from_millis(3));
        assert_eq!([(); 3].map(|()| hear(&done)), [1, 2, 3], "P10");
        release.send(()).unwrap();
        pool.join().unwrap();
    });
}

#[test]
fn who_helps_sleeps_at_home_and_is_a_guest_elsewhere() {
    bounded(|| {
        let builder = ShardedThreadPool::builder(Runner).shards(3).threads_per_shard(2).help(2);
        let pool = builder.start().unwrap();
        // As soon as all have found nothing to do.
        while pool.snapshot().shards.iter().any(|shard| shard.asleep < 2) {
            std::thread::yield_now();
        }
        assert!(pool.snapshot().shards.iter().all(|shard| shard.asleep == 2));
        pool.join().unwrap();
    });
}

/// What a worker says of itself is of the shard whose item it runs.
#[test]
fn a_report_and_a_snapshot_are_of_the_items_shard() {
    struct Slow(ManualClock);
    impl Handler for Slow {
        type Key = usize;
        type Item = ();
        fn handle(&self, key: Lease<'_, usize, ()>, (): ()) {
            let running = key.pool::<Self>().running();
            assert_eq!((running.len(), running[0].what.shard), (1, 1));
            self.0.advance(Duration::from_secs(1));
            drop(key.hold());
        }
    }
    let clock = ManualClock::new();
    let builder =
        ShardedThreadPool::builder(Slow(clock.clone())).clock(clock).watch(Duration::from_secs(1), |_| ());
    let (pool, mut workers) = builder.shards(2).threads_per_shard(1).help(1).stepped().unwrap();
    let key = keys(1, 1, |key| pool.shard_of(key))[0];
    pool.submit(key, ()).unwrap();
    pool.submit(key, ()).unwrap();
    assert_eq!([(); 3].map(|()| workers[0].step()), [Step::Ran, Step::Ran, Step::Idle]);
    let ran: Vec<_> = pool.snapshot().shards.iter().map(|shard| shard.ran).collect();
    assert_eq!(ran, [0, 2]);
}
