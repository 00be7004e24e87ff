//! A pool's figures add up at every moment, and commits run in order beside the items (P1, P11).

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keylane::testing::{ManualClock, on_mark};
use keylane::{Bands, Class, Handler, Lease, PoolHandle, ShardSnapshot, ShardedThreadPool, Step, Stop};

use common::together;

#[track_caller]
fn adds_up(shard: &ShardSnapshot) {
    let ShardSnapshot { accepted, to_come, waiting, running, ran, removed, handed_back, .. } = *shard;
    assert_eq!(accepted, to_come + waiting + running + ran + removed + handed_back, "{shard:?}");
    assert!(shard.busy() + shard.asleep as u64 <= shard.workers as u64, "{shard:?}");
    let commits = shard.commits;
    assert_eq!(commits.accepted, commits.waiting + commits.running + commits.ran + commits.handed_back);
    let sum = |of: fn(&keylane::ClassSnapshot) -> u64| shard.classes.iter().map(of).sum::<u64>();
    assert_eq!(sum(|class| class.accepted), accepted);
    assert_eq!(sum(|class| class.waiting), waiting + to_come);
    assert_eq!(sum(|class| class.running + class.ran), running + ran);
    assert_eq!(sum(|class| class.removed + class.handed_back), removed + handed_back);
}

/// What holds of a shard and not of a total, for shards commit beside each other.
#[track_caller]
fn commits_one_at_a_time(shard: &ShardSnapshot) {
    assert!(shard.commits.running <= 1, "P11");
}

/// Commits each item under its number.
struct Worker {
    committed: Arc<Mutex<Vec<u64>>>,
    next: Arc<AtomicU64>,
}

impl Handler for Worker {
    type Key = u64;
    type Item = u64;

    fn class(item: &u64) -> Class {
        Class((item % 3) as u8)
    }

    fn handle(&self, key: Lease<'_, u64, u64>, _: u64) {
        let (committed, next) = (Arc::clone(&self.committed), Arc::clone(&self.next));
        let number = next.fetch_add(1, Ordering::Relaxed);
        // The pool is only shut down once all items have run.
        key.pool::<Self>().commit(&key, move || committed.lock().unwrap().push(number)).unwrap();
    }
}

#[test]
fn figures_add_up_while_everything_happens() {
    const ITEMS: u64 = 5_000;
    let committed = Arc::new(Mutex::new(Vec::new()));
    let handler = Worker { committed: Arc::clone(&committed), next: Arc::default() };
    let builder = ShardedThreadPool::builder(handler).scheduler(Bands::default());
    let pool = builder.clock(keylane::MonotonicClock::new()).shards(2).threads_per_shard(2).start().unwrap();
    let over = AtomicBool::new(false);
    let removed = together(3, |thread| match thread {
        0 => {
            while !over.load(Ordering::Relaxed) {
                let snapshot = pool.snapshot();
                snapshot.shards.iter().for_each(adds_up);
                snapshot.shards.iter().for_each(commits_one_at_a_time);
                adds_up(&snapshot.total());
            }
            0
        }
        1 => {
            (0..ITEMS).for_each(|item| pool.submit(item % 64, item).unwrap());
            pool.drain().unwrap();
            over.store(true, Ordering::Relaxed);
            0
        }
        _ => {
            let mut removed = 0;
            while !over.load(Ordering::Relaxed) {
                removed += (0..64).map(|key| pool.remove(&key).len() as u64).sum::<u64>();
                drop(pool.pause().unwrap());
            }
            removed
        }
    });
    let handle = pool.handle();
    assert!(pool.join().unwrap().leftovers.is_empty());
    let total = handle.snapshot().total();
    adds_up(&total);
    assert_eq!((total.accepted, total.removed), (ITEMS, removed[2]));
    assert_eq!((total.ran, total.commits.ran), (ITEMS - removed[2], total.ran));
    assert_eq!((total.waiting, total.running, total.oldest), (0, 0, None));
    assert_eq!(committed.lock().unwrap().len() as u64, total.ran);
    let timed: u64 = total.classes.iter().map(|class| class.run.count).sum();
    assert_eq!(timed, total.ran);
}

#[test]
fn times_are_those_of_the_clock() {
    struct Slow(ManualClock);
    impl Handler for Slow {
        type Key = u8;
        type Item = u64;
        fn handle(&self, _: Lease<'_, u8, u64>, seconds: u64) {
            self.0.advance(Duration::from_secs(seconds));
        }
    }
    let clock = ManualClock::new();
    let builder = ShardedThreadPool::builder(Slow(clock.clone())).clock(clock.clone());
    let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
    pool.submit(1, 3).unwrap();
    clock.advance(Duration::from_secs(1));
    pool.submit(1, 5).unwrap();
    assert_eq!(pool.snapshot().shards[0].oldest, Some(Duration::from_secs(1)));
    while workers[0].step() == Step::Ran {}
    let shard = pool.snapshot().total();
    let class = &shard.classes[0];
    assert_eq!((class.wait.count, class.wait.total.as_secs(), class.wait.max.as_secs()), (2, 1 + 3, 3));
    assert_eq!((class.run.total.as_secs(), class.run.max.as_secs()), (8, 5));
    assert_eq!((class.wait.mean().as_secs(), class.run.mean().as_secs(), shard.oldest), (2, 4, None));
}

#[test]
fn shards_are_told_together() {
    let clock = ManualClock::new();
    let builder = ShardedThreadPool::builder(Nothing).clock(clock.clone()).shards(3).threads_per_shard(1);
    let (pool, workers) = builder.stepped().unwrap();
    let key = |shard| (0..).find(|key| pool.shard_of(key) == shard).unwrap();
    for shard in [1, 0, 2] {
        pool.submit(key(shard), ()).unwrap();
        clock.advance(Duration::from_secs(7));
    }
    let snapshot = pool.snapshot();
    let ages = [14, 21, 7].map(|seconds| Some(Duration::from_secs(seconds)));
    assert!(snapshot.shards.iter().map(|shard| shard.oldest).eq(ages));
    assert_eq!(snapshot.total().oldest, ages[1]);
    assert_eq!(snapshot.total().classes[0].run.mean(), Duration::ZERO, "nothing has run");
    pool.commit(&0, || ()).unwrap();
    pool.commit(&0, || ()).unwrap();
    pool.submit_after(Duration::from_secs(1), key(0), ()).unwrap();
    let total = pool.snapshot().total();
    adds_up(&total);
    assert_eq!((total.commits.waiting, total.waiting, total.to_come), (2, 3, 1));
    assert_eq!(pool.remove(&key(0)).len(), 2);
    pool.shutdown(Stop::HandBack);
    let total = pool.snapshot().total();
    adds_up(&total);
    assert_eq!((total.oldest, total.handed_back, total.commits.handed_back), (None, 2, 2));
    assert_eq!(pool.reclaim(workers).leftovers.len(), 2);
    adds_up(&pool.snapshot().total());
}

#[test]
fn who_looks_at_figures_tells_nobody_to_wake_a_worker() {
    let (pool, _workers) =
        ShardedThreadPool::builder(Nothing).shards(1).threads_per_shard(1).stepped().unwrap();
    // Nothing has arrived, and the worker is up.
    assert_eq!(pool.snapshot().total().waiting, 0);
    let woke = Arc::new(Mutex::new(false));
    let marked = Arc::clone(&woke);
    on_mark(move |label| *marked.lock().unwrap() |= label == "woke the consumer");
    pool.submit(0, ()).unwrap();
    assert!(!*woke.lock().unwrap());
}

#[test]
fn who_sleeps_and_was_woken_and_what_is_committed_now() {
    common::bounded(|| {
        let pool = ShardedThreadPool::builder(Nothing).shards(2).threads_per_shard(2).start().unwrap();
        while pool.snapshot().total().asleep < 4 {
            std::thread::yield_now();
        }
        let before = pool.snapshot().total();
        adds_up(&before);
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (may_end, told) = std::sync::mpsc::channel::<()>();
        let callback = move || {
            begun.send(()).unwrap();
            common::hear(&told);
        };
        pool.commit(&0, callback).unwrap();
        common::hear(&has_begun);
        let during = pool.snapshot().total();
        adds_up(&during);
        assert_eq!((during.commits.accepted, during.commits.running), (1, 1));
        assert_eq!((during.asleep, during.wakes), (3, before.wakes + 1));
        may_end.send(()).unwrap();
        pool.join().unwrap();
    });
}

/// Without items.
struct Nothing;
impl Handler for Nothing {
    type Key = u8;
    type Item = ();
    fn handle(&self, _: Lease<'_, u8, ()>, (): ()) {}
}

#[test]
fn commits_of_many_threads_run_one_at_a_time_and_in_each_threads_order() {
    const EACH: u64 = 2_000;
    let pool = ShardedThreadPool::builder(Nothing).shards(1).threads_per_shard(3).start().unwrap();
    let (ran, busy) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    together(3, |thread| {
        for number in 0..EACH {
            let (ran, busy) = (Arc::clone(&ran), Arc::clone(&busy));
            let callback = move || {
                assert!(!busy.swap(true, Ordering::Relaxed), "P11: one at a time");
                ran.lock().unwrap().push((thread, number));
                busy.store(false, Ordering::Relaxed);
            };
            pool.commit(&0, callback).unwrap();
        }
    });
    pool.drain().unwrap();
    let ran = ran.lock().unwrap();
    for thread in 0..3 {
        let of_it = ran.iter().filter(|(of, _)| *of == thread).map(|&(_, number)| number);
        assert!(of_it.eq(0..EACH), "P11: in order");
    }
    drop(ran);
    assert_eq!(pool.join().unwrap().panics, 0);
}

#[test]
fn commits_come_back_or_are_refused() {
    let committed = Arc::new(AtomicU64::new(0));
    let add = |pool: &PoolHandle<Nothing>, number| {
        let committed = Arc::clone(&committed);
        pool.commit(&0, move || _ = committed.fetch_add(number, Ordering::Relaxed))
    };
    let (pool, mut workers) =
        ShardedThreadPool::builder(Nothing).shards(1).threads_per_shard(1).stepped().unwrap();
    add(&pool, 1).unwrap();
    assert_eq!((workers[0].step(), workers[0].step()), (Step::Ran, Step::Idle));
    add(&pool, 10).unwrap();
    add(&pool, 100).unwrap();
    pool.shutdown(Stop::RunRemaining);
    assert_eq!(workers[0].step(), Step::Ran);
    let refused = add(&pool, 1_000).unwrap_err();
    assert_eq!(refused.to_string(), "the pool has been shut down");
    pool.shutdown(Stop::HandBack);
    assert_eq!(workers[0].step(), Step::Stopped);
    let back = pool.reclaim(workers).commits;
    assert_eq!((back.len(), committed.load(Ordering::Relaxed)), (1, 11));
    back.into_iter().for_each(keylane::Commit::run);
    refused.into_commit().run();
    assert_eq!(committed.load(Ordering::Relaxed), 1_111);
}

#[test]
fn a_commit_that_panics_is_over() {
    let pool = ShardedThreadPool::builder(Nothing).shards(1).threads_per_shard(1).start().unwrap();
    pool.commit(&0, || panic!("as it should")).unwrap();
    let after = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&after);
    pool.commit(&0, move || told.store(true, Ordering::Relaxed)).unwrap();
    pool.drain().unwrap();
    assert!(after.load(Ordering::Relaxed));
    assert_eq!(pool.join().unwrap().panics, 1);
}
