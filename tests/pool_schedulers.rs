//! Who is next, as a user sees it: classes, costs, schedulers, what is to come later (P10, P14).

mod common;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use common::hear;
use keylane::testing::ManualClock;
use keylane::{
    Bands, Candidate, Class, Clock, Handler, Lease, Mclock, Overtakes, PoolHandle, Scheduler,
    ShardedThreadPool, ShardedThreadPoolBuilder, Share, Step, Stop, Weighted, Worker,
};

/// What is done, of which class, at what cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Op {
    number: u32,
    class: u8,
    cost: u64,
}

struct Doer(Sender<Op>);

impl Handler for Doer {
    type Key = u32;
    type Item = Op;

    fn class(op: &Op) -> Class {
        Class(op.class)
    }

    fn cost(op: &Op) -> u64 {
        op.cost
    }

    fn handle(&self, key: Lease<'_, u32, Op>, op: Op) {
        assert_eq!(key.class(), Class(op.class));
        self.0.send(op).unwrap();
    }
}

type Pool = (PoolHandle<Doer>, Worker<Doer>, Receiver<Op>);

/// One worker, to be stepped.
fn pool(settings: impl FnOnce(ShardedThreadPoolBuilder<Doer>) -> ShardedThreadPoolBuilder<Doer>) -> Pool {
    let (did, done) = channel();
    let builder = settings(ShardedThreadPool::builder(Doer(did))).shards(1).threads_per_shard(1);
    let (pool, mut workers) = builder.stepped().unwrap();
    (pool, workers.pop().unwrap(), done)
}

fn run(worker: &mut Worker<Doer>, done: &Receiver<Op>, items: usize) -> Vec<Op> {
    (0..items).take_while(|_| worker.step() == Step::Ran).for_each(drop);
    done.try_iter().collect()
}

fn numbers(ops: &[Op]) -> Vec<u32> {
    ops.iter().map(|op| op.number).collect()
}

/// Of each of these classes, so many items, each of a key of its own.
fn fill(pool: &PoolHandle<Doer>, classes: &[(u8, u64)], items: u32) {
    for number in 0..items {
        for (&(class, cost), lane) in classes.iter().zip(0..) {
            pool.submit(number * 16 + lane, Op { number, class, cost }).unwrap();
        }
    }
}

#[test]
fn unless_told_otherwise_classes_do_not_matter() {
    let (pool, mut worker, done) = pool(|builder| builder);
    for (number, class) in [(0, 3), (1, 200), (2, 0)] {
        pool.submit(7, Op { number, class, cost: 9 }).unwrap();
        pool.submit(number, Op { number: 10 + number, class, cost: 9 }).unwrap();
    }
    assert_eq!(numbers(&run(&mut worker, &done, 9)), [0, 10, 11, 12, 1, 2]);
}

#[test]
fn bands_are_strict_above_and_share_bytes_below() {
    let even = Weighted::TokenBucket { max_tokens: 1 << 20, min_cost: 1 };
    let (pool, mut worker, done) = pool(|builder| builder.scheduler(Bands::new(64, even)));
    fill(&pool, &[(10, 4_000), (30, 1_000)], 400);
    pool.submit(1, Op { number: 1, class: 64, cost: 1 }).unwrap();
    let first = run(&mut worker, &done, 301);
    assert_eq!(first[0].class, 64);
    let bytes = |class| first.iter().filter(|op| op.class == class).map(|op| op.cost).sum::<u64>();
    let (low, high) = (bytes(10), bytes(30));
    assert!(low.abs_diff((low + high) / 4) < 2 * 4_000, "{low} and {high}: off by less than two charges");
}

#[test]
fn a_class_is_passed_over_no_more_often_than_allowed() {
    let strict = Bands::new(0, Weighted::default());
    for most in [0, 1, 5] {
        let settings = |builder: ShardedThreadPoolBuilder<_>| {
            builder.scheduler(strict.clone()).passes(Overtakes::AtMost(most))
        };
        let (pool, mut worker, done) = pool(settings);
        fill(&pool, &[(1, 1), (2, 1), (3, 1)], 50);
        let order = run(&mut worker, &done, 60);
        for class in 1..=3 {
            let turns: Vec<_> =
                (0..).zip(&order).filter(|(_, op)| op.class == class).map(|(at, _)| at).collect();
            let gaps = turns.windows(2).map(|pair| pair[1] - pair[0] - 1);
            // Two classes may be overdue at once: the other one goes first.
            assert!(gaps.max().unwrap_or(0) <= most + 2, "class {class} of {order:?}");
        }
    }
    let (pool, mut worker, done) =
        pool(|builder| builder.scheduler(strict.clone()).passes(Overtakes::Unbounded));
    fill(&pool, &[(1, 1), (3, 1)], 50);
    assert!(run(&mut worker, &done, 50).iter().all(|op| op.class == 3));
}

#[test]
fn a_scheduler_is_changed_while_items_wait() {
    let (pool, mut worker, done) = pool(|builder| builder);
    for (number, class) in [(0, 1), (1, 2), (2, 1), (3, 2)] {
        pool.submit(7, Op { number, class, cost: 1 }).unwrap();
    }
    pool.set_scheduler(Bands::new(0, Weighted::default()));
    assert_eq!(numbers(&run(&mut worker, &done, 2)), [1, 3]);
    pool.submit(7, Op { number: 4, class: 2, cost: 1 }).unwrap();
    assert_eq!(numbers(&run(&mut worker, &done, 9)), [4, 0, 2]);
}

/// Runs items, each of a class, that take as many milliseconds as they cost, and tells of them.
struct Server {
    clock: ManualClock,
    did: Sender<(u8, u64)>,
}

impl Handler for Server {
    type Key = u32;
    type Item = (u8, u64);

    fn class(&(class, _): &(u8, u64)) -> Class {
        Class(class)
    }

    fn cost(&(_, cost): &(u8, u64)) -> u64 {
        cost
    }

    fn handle(&self, _: Lease<'_, u32, (u8, u64)>, (class, cost): (u8, u64)) {
        self.clock.advance(Duration::from_millis(cost));
        self.did.send((class, cost)).unwrap();
    }
}

/// Serves four classes that always have work for a second, by workers of so many shards whose turns are drawn; how much of the
/// second each class had, in thousandths, measured after a first second.
fn served(scheduler: Mclock, shards: usize) -> [u64; 4] {
    let (clock, (did, done)) = (ManualClock::new(), channel());
    let builder = ShardedThreadPool::builder(Server { clock: clock.clone(), did });
    let builder = builder.scheduler(scheduler).clock(clock.clone()).shards(shards).threads_per_shard(1);
    let (pool, mut workers) = builder.stepped().unwrap();
    for key in 0..4_000 {
        pool.submit_batch(key, (0..4).map(|class| (class, 1 + u64::from(key % 3))).collect()).unwrap();
    }
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    let mut serve_until = |second: u64| {
        while clock.now() < Duration::from_secs(second) {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            if workers[(dice % shards as u64) as usize].step() != Step::Ran {
                clock.advance(Duration::from_micros(100));
            }
        }
        let mut had = [0; 4];
        done.try_iter().for_each(|(class, cost)| had[usize::from(class)] += cost);
        had
    };
    serve_until(1);
    serve_until(2)
}

#[test]
fn shares_of_a_second_are_what_mclock_promises() {
    for shards in [1, 3] {
        // Of 1000 units a second: 500 reserved; at most 100; the rest one to three.
        let shares = [
            (Class(0), Share::weighted(1).reserving(500)),
            (Class(1), Share::weighted(9).at_most(100)),
            (Class(2), Share::weighted(1)),
            (Class(3), Share::weighted(3)),
        ];
        let scheduler = Mclock::new(shares, Share::default()).unwrap();
        let had = served(scheduler, shards);
        for (had, ideal) in had.into_iter().zip([500_u64, 100, 100, 300]) {
            assert!(had.abs_diff(ideal) <= 50, "{had} where {ideal} is ideal: off by more than 5 % of all");
        }
    }
}

#[test]
fn shares_change_while_a_pool_runs() {
    let one = |weight| Share::weighted(weight);
    let shares = [(Class(0), one(1)), (Class(1), one(1)), (Class(2), one(1)), (Class(3), one(1))];
    let scheduler = Mclock::new(shares, Share::default()).unwrap();
    let handle = scheduler.clone();
    assert!(served(scheduler.clone(), 1).into_iter().all(|had| had.abs_diff(250) <= 20));
    handle.set_share(Class(2), one(1).at_most(40)).unwrap();
    let had = served(scheduler, 1);
    assert!(had[2].abs_diff(40) <= 10 && had[0].abs_diff(320) <= 20, "{had:?}");
}

/// So many of each class in a second, at equal distances.
#[derive(Clone, Debug)]
struct Paced {
    every: Duration,
    next: Duration,
}

impl Scheduler for Paced {
    fn asks_the_time(&self) -> bool {
        true
    }

    fn may_start(&self, _: &Candidate, now: Duration) -> Result<(), Duration> {
        if self.next > now { Err(self.next) } else { Ok(()) }
    }

    fn choose(&mut self, candidates: &[Candidate], _: Duration) -> Class {
        candidates[0].class
    }

    fn charge(&mut self, _: &Candidate, _: &[Candidate], now: Duration) {
        self.next = now + self.every;
    }
}

#[test]
fn threads_sleep_until_a_limit_lets_them_go_on() {
    const EVERY: Duration = Duration::from_millis(3);
    let (did, done) = channel();
    let paced = Paced { every: EVERY, next: Duration::ZERO };
    let builder = ShardedThreadPool::builder(Doer(did)).scheduler(paced).shards(1).threads_per_shard(3);
    let begun = Instant::now();
    let pool = builder.start().unwrap();
    for number in 0..5 {
        pool.submit(number, Op { number, class: 0, cost: 1 }).unwrap();
    }
    let did: Vec<_> = (0..5).map(|_| done.recv().unwrap()).collect();
    assert!(begun.elapsed() >= 4 * EVERY, "P10: none is early");
    assert_eq!(numbers(&did), [0, 1, 2, 3, 4]);
    assert!(pool.join().unwrap().leftovers.is_empty());
}

/// Lets one class wait, for longer than any test.
#[derive(Clone, Debug)]
struct Holds(Class);

impl Scheduler for Holds {
    fn asks_the_time(&self) -> bool {
        true
    }

    fn may_start(&self, candidate: &Candidate, now: Duration) -> Result<(), Duration> {
        if candidate.class == self.0 { Err(now + Duration::from_secs(1_000_000)) } else { Ok(()) }
    }

    fn choose(&mut self, candidates: &[Candidate], _: Duration) -> Class {
        candidates[0].class
    }

    fn charge(&mut self, candidate: &Candidate, _: &[Candidate], _: Duration) {
        assert_eq!(candidate.cost, 1, "what it costs unless somebody says otherwise");
    }
}

#[test]
fn who_looks_out_does_so_for_what_is_sooner() {
    struct Plain(Sender<u8>);
    impl Handler for Plain {
        type Key = u8;
        type Item = u8;
        fn class(class: &u8) -> Class {
            Class(*class)
        }
        fn handle(&self, _: Lease<'_, u8, u8>, class: u8) {
            self.0.send(class).unwrap();
        }
    }
    common::bounded(|| {
        let (did, done) = channel();
        let builder = ShardedThreadPool::builder(Plain(did)).scheduler(Holds(Class(1)));
        let pool = builder.shards(1).threads_per_shard(1).start().unwrap();
        pool.submit(1, 1).unwrap();
        pool.submit_after(Duration::from_millis(10), 2, 2).unwrap();
        assert_eq!(common::hear(&done), 2, "though the other is far away");
        assert_eq!(pool.remove(&1), [1]);
        pool.join().unwrap();
    });
}

#[test]
fn what_is_to_come_later_comes_then() {
    let clock = ManualClock::new();
    let (pool, mut worker, done) = pool(|builder| builder.clock(clock.clone()));
    let op = |number| Op { number, class: 0, cost: 1 };
    let after = |seconds, number| pool.submit_after(Duration::from_secs(seconds), 1, op(number)).unwrap();
    after(2, 2);
    after(1, 1);
    after(2, 3);
    after(9, 9);
    after(0, 0);
    pool.submit(1, op(10)).unwrap();
    assert_eq!(pool.snapshot().total().to_come, 4);
    assert_eq!(
        numbers(&run(&mut worker, &done, 9)),
        [0, 10],
        "what is due stands where it would have been submitted"
    );
    clock.advance(Duration::from_millis(1_999));
    assert_eq!(numbers(&run(&mut worker, &done, 9)), [1]);
    clock.advance(Duration::from_millis(1));
    assert_eq!(numbers(&run(&mut worker, &done, 9)), [2, 3]);
    pool.submit(1, op(11)).unwrap();
    assert_eq!(numbers(&pool.remove(&1)), [11, 9], "what is to come comes last");
    after(5, 5);
    pool.shutdown(Stop::RunRemaining);
    assert_eq!(worker.step(), Step::Stopped);
    assert_eq!(pool.reclaim(vec![worker]).leftovers, [(1, op(5))]);
}

#[test]
fn threads_sleep_until_what_is_to_come_is_due() {
    let (did, done) = channel();
    let pool = ShardedThreadPool::builder(Doer(did)).shards(1).threads_per_shard(2).start().unwrap();
    let begun = Instant::now();
    for (number, milliseconds) in [(3, 30), (1, 10), (2, 20)] {
        let op = Op { number, class: 0, cost: 1 };
        pool.submit_after(Duration::from_millis(milliseconds), number, op).unwrap();
    }
    // In which order they are due is for how long these submits took to say.
    for _ in 0..3 {
        let due = Duration::from_millis(hear(&done).number.into()) * 10;
        assert!(begun.elapsed() >= due, "P10: not early");
    }
    pool.submit_after(Duration::MAX, 1, Op { number: 4, class: 0, cost: 1 }).unwrap();
    assert_eq!(pool.join().unwrap().leftovers.len(), 1, "a time that never comes keeps nobody");
}

/// A clock that goes on by a nanosecond whenever somebody looks: what is due comes due at each of a worker's looks, in one
/// round or another.
struct EachLookIsLater(AtomicU64);

impl Clock for EachLookIsLater {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.fetch_add(1, Relaxed))
    }
}

#[test]
fn what_becomes_due_while_a_worker_lies_down_is_run() {
    for looks in 1..=20 {
        let (did, done) = channel();
        let clock = EachLookIsLater(AtomicU64::new(0));
        let builder = ShardedThreadPool::builder(Doer(did)).clock(clock).shards(1).threads_per_shard(1);
        let pool = builder.start().unwrap();
        let op = Op { number: looks, class: 0, cost: 1 };
        pool.submit_after(Duration::from_nanos(looks.into()), 0, op).unwrap();
        assert_eq!(hear(&done), op);
    }
}

#[test]
fn what_may_start_while_a_worker_lies_down_is_run() {
    for looks in 1..=20 {
        let (did, done) = channel();
        let clock = EachLookIsLater(AtomicU64::new(0));
        let paced = Paced { every: Duration::from_nanos(looks), next: Duration::ZERO };
        let builder = ShardedThreadPool::builder(Doer(did)).clock(clock).scheduler(paced);
        let pool = builder.shards(1).threads_per_shard(1).start().unwrap();
        for number in 0..3 {
            pool.submit(0, Op { number, class: 0, cost: 1 }).unwrap();
        }
        assert_eq!([hear(&done), hear(&done), hear(&done)].map(|op| op.number), [0, 1, 2]);
    }
}
