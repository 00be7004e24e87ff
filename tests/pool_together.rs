//! Items that need several keys at once (P1-P4, P9).

mod common;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};

use keylane::testing::ManualClock;
use keylane::{
    Bands, Class, ControlError, Handler, KeyGuard, Lease, OnItemPanic, PoolHandle, ShardedThreadPool,
    ShardedThreadPoolBuilder, Step, Stop, Worker,
};

use common::{bounded, hear, together};

/// What an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Log(u32),
    Panic,
    /// It submits an item with this number to all its keys, and one to the first.
    Submit(u32),
}

/// Notes which keys came with which item.
struct Store {
    did: Sender<(Vec<u32>, Act)>,
}

impl Handler for Store {
    type Key = u32;
    type Item = Act;

    fn class(act: &Act) -> Class {
        Class(if let Act::Log(number) = act { (number % 3) as u8 } else { 0 })
    }

    fn class_of_several() -> Class {
        Class(7)
    }

    fn handle(&self, keys: Lease<'_, u32, Act>, act: Act) {
        let all: Vec<u32> = keys.keys().copied().collect();
        assert_eq!(*keys, all[0], "it dereferences to the first");
        let pool: PoolHandle<Self> = keys.pool();
        self.did.send((all.clone(), act)).unwrap();
        match act {
            Act::Log(_) => {}
            Act::Panic => panic!("a bad item"),
            Act::Submit(number) => {
                pool.submit(all[0], Act::Log(number)).unwrap();
                pool.submit_together(all, Act::Log(number)).unwrap();
            }
        }
    }
}

struct Stepped {
    pool: PoolHandle<Store>,
    workers: Vec<Worker<Store>>,
    done: Receiver<(Vec<u32>, Act)>,
}

/// As many shards, of one worker each.
fn stepped(
    shards: usize,
    build: impl FnOnce(ShardedThreadPoolBuilder<Store>) -> ShardedThreadPoolBuilder<Store>,
) -> Stepped {
    let (did, done) = channel();
    let builder = build(ShardedThreadPool::builder(Store { did }));
    let (pool, workers) = builder.shards(shards).threads_per_shard(1).stepped().unwrap();
    Stepped { pool, workers, done }
}

impl Stepped {
    /// A key of that shard, the `number`th there.
    fn key(&self, shard: usize, number: usize) -> u32 {
        (0..).filter(|key| self.pool.shard_of(key) == shard).nth(number).unwrap()
    }

    fn together(&self, keys: &[u32], act: Act) {
        self.pool.submit_together(keys.to_vec(), act).unwrap();
    }

    /// Steps that shard until it is idle; what was done.
    fn run(&mut self, shard: usize) -> Vec<(Vec<u32>, Act)> {
        while self.workers[shard].step() == Step::Ran {}
        self.done.try_iter().collect()
    }
}

#[test]
fn it_runs_once_with_all_its_keys_where_the_last_turn_comes() {
    let mut its = stepped(2, |builder| builder);
    let (a, b) = (its.key(0, 0), its.key(1, 0));
    its.together(&[b, a, b], Act::Log(1));
    assert_eq!(its.run(0), [], "its turn has come in the first shard");
    assert_eq!(its.run(1), [(vec![b, a], Act::Log(1))]);
    assert_eq!((its.run(0), its.run(1)), (vec![], vec![]));
    its.together(&[a, b], Act::Log(2));
    assert_eq!(its.run(1), []);
    assert_eq!(its.run(0), [(vec![a, b], Act::Log(2))]);
    // One key, or one shard, is no special case.
    its.together(&[a], Act::Log(3));
    its.together(&[its.key(0, 1), its.key(0, 2), a], Act::Log(4));
    let (second, third) = (its.key(0, 1), its.key(0, 2));
    assert_eq!(its.run(0), [(vec![a], Act::Log(3)), (vec![second, third, a], Act::Log(4))]);
    its.pool.drain().unwrap();
}

#[test]
fn each_key_keeps_its_order() {
    let mut its = stepped(2, |builder| builder);
    let (a, b, other) = (its.key(0, 0), its.key(1, 0), its.key(0, 1));
    its.pool.submit(a, Act::Log(1)).unwrap();
    its.together(&[a, b], Act::Log(2));
    its.pool.submit(a, Act::Log(3)).unwrap();
    its.pool.submit(b, Act::Log(4)).unwrap();
    its.pool.submit(other, Act::Log(5)).unwrap();
    // The key is kept, and the worker goes on with another.
    assert_eq!(its.run(0), [(vec![a], Act::Log(1)), (vec![other], Act::Log(5))]);
    assert_eq!(its.run(1), [(vec![a, b], Act::Log(2)), (vec![b], Act::Log(4))]);
    assert_eq!(its.run(0), [(vec![a], Act::Log(3))]);
}

#[test]
fn none_of_two_waits_for_the_other_whatever_lines_there_are() {
    let mut its = stepped(2, |builder| builder.scheduler(Bands::default()));
    let (a, b) = (its.key(0, 0), its.key(1, 0));
    for (number, keys) in [(0, [a, b]), (1, [b, a]), (2, [a, b])] {
        its.together(&keys, Act::Log(number));
    }
    let mut done = Vec::new();
    for shard in [0, 1, 0, 1, 0, 1] {
        done.extend(its.run(shard).into_iter().map(|(_, act)| act));
    }
    assert_eq!(done, [Act::Log(0), Act::Log(1), Act::Log(2)]);
}

#[test]
fn what_is_removed_frees_its_other_keys() {
    let mut its = stepped(2, |builder| builder);
    let (a, b) = (its.key(0, 0), its.key(1, 0));
    let behind = |its: &mut Stepped| {
        assert_eq!(its.run(1), [(vec![b], Act::Log(2))], "nothing keeps the other key");
        assert_eq!(its.run(0), [(vec![a], Act::Log(1))]);
        let total = its.pool.snapshot().total();
        assert_eq!(total.waiting, 0);
        its.pool.drain().unwrap();
    };
    // Queued at both; kept at the first; kept at the other.
    for (kept, removed) in [(None, a), (Some(0), a), (Some(1), a), (Some(0), b), (Some(1), b)] {
        its.together(&[a, b], Act::Log(0));
        its.pool.submit(a, Act::Log(1)).unwrap();
        its.pool.submit(b, Act::Log(2)).unwrap();
        if let Some(shard) = kept {
            assert_eq!(its.run(shard), []);
        }
        let (own, other) = if removed == a { (1, b) } else { (2, a) };
        assert_eq!(its.pool.remove(&removed), [Act::Log(0), Act::Log(own)]);
        its.pool.submit(removed, Act::Log(own)).unwrap();
        assert!(its.pool.remove(&removed).len() == 1 && its.pool.remove(&other).len() == 1, "it is gone");
        its.pool.submit(a, Act::Log(1)).unwrap();
        its.pool.submit(b, Act::Log(2)).unwrap();
        behind(&mut its);
    }
    // One that runs is not removed, and its keys stay its own.
    let snapshot = its.pool.snapshot();
    assert_eq!((snapshot.total().accepted, snapshot.total().ran), (5 * 7, 5 * 2));
}

#[test]
fn what_is_handed_back_comes_back_once() {
    for (paused, stop) in [(false, Stop::HandBack), (true, Stop::RunRemaining)] {
        let mut its = stepped(2, |builder| builder);
        let (a, b) = (its.key(0, 0), its.key(1, 0));
        its.pool.submit(b, Act::Log(0)).unwrap();
        its.together(&[a, b], Act::Log(1));
        its.together(&[b, a], Act::Log(2));
        its.pool.submit(a, Act::Log(3)).unwrap();
        assert_eq!(its.run(0), [], "kept for the first");
        let guard = paused.then(|| its.pool.pause().unwrap());
        its.pool.shutdown(stop);
        drop(guard);
        let refused = its.pool.submit_together(vec![b, a, b], Act::Log(4)).unwrap_err();
        assert_eq!(refused.into_parts(), (vec![b, a], Act::Log(4)));
        assert_eq!(its.pool.drain().unwrap_err(), ControlError::Stopped);
        assert_eq!((its.run(0), its.run(1)), (vec![], vec![]));
        let Stepped { pool, workers, .. } = its;
        let snapshot = pool.snapshot();
        assert_eq!((snapshot.total().handed_back, snapshot.total().waiting), (6, 0), "once for each key");
        let leftovers = pool.reclaim(workers).leftovers;
        assert_eq!(leftovers, [(a, Act::Log(1)), (a, Act::Log(2)), (a, Act::Log(3)), (b, Act::Log(0))]);
    }
}

#[test]
fn what_had_some_of_its_keys_comes_back_in_its_order() {
    let mut its = stepped(2, |builder| builder);
    let b = its.key(1, 0);
    let firsts: Vec<u32> = (0..16).rev().map(|number| its.key(0, number)).collect();
    for (&key, number) in firsts.iter().zip(0..) {
        its.together(&[key, b], Act::Log(number));
    }
    assert_eq!(its.run(0), [], "each has one of its keys");
    its.pool.shutdown(Stop::HandBack);
    let leftovers = its.pool.reclaim(its.workers).leftovers;
    assert!(leftovers.into_iter().eq(firsts.into_iter().zip((0..).map(Act::Log))));
}

#[test]
fn a_pool_that_runs_what_remains_runs_these() {
    let mut its = stepped(3, |builder| builder);
    let keys = [0, 1, 2].map(|shard| its.key(shard, 0));
    its.together(&keys, Act::Log(1));
    its.pool.submit(keys[0], Act::Log(2)).unwrap();
    assert_eq!(its.run(0), []);
    its.pool.shutdown(Stop::RunRemaining);
    assert_eq!(its.workers[0].step(), Step::Idle, "something waits behind the key that is kept");
    assert_eq!((its.run(1), its.run(2)), (vec![], vec![(keys.to_vec(), Act::Log(1))]));
    assert_eq!(its.run(0), [(vec![keys[0]], Act::Log(2))]);
    assert!(its.workers.iter_mut().all(|worker| worker.step() == Step::Stopped));
    its.pool.drain().unwrap();
    assert!(its.pool.reclaim(its.workers).leftovers.is_empty());
}

#[test]
fn a_pause_and_a_drain_know_it() {
    let mut its = stepped(2, |builder| builder);
    let (a, b) = (its.key(0, 0), its.key(1, 0));
    its.together(&[a, b], Act::Submit(1));
    assert_eq!(its.run(0), []);
    let paused = its.pool.pause().unwrap();
    assert_eq!((its.run(0), its.run(1)), (vec![], vec![]), "P6");
    drop(paused);
    assert_eq!(its.run(1), [(vec![a, b], Act::Submit(1))]);
    let rest = [its.run(0), its.run(1)].concat();
    assert_eq!(rest, [(vec![a], Act::Log(1)), (vec![a, b], Act::Log(1))], "what it submits is submitted");
    for key in [a, b] {
        its.pool.drain_key(&key).unwrap();
    }
    its.pool.drain().unwrap();
}

#[test]
fn a_guard_holds_all_the_keys() {
    let (did, done) = channel();
    let (keep, kept) = channel();
    struct Keeper(Sender<(Vec<u32>, u32)>, Sender<KeyGuard<u32, u32>>);
    impl Handler for Keeper {
        type Key = u32;
        type Item = u32;
        fn handle(&self, keys: Lease<'_, u32, u32>, item: u32) {
            self.0.send((keys.keys().copied().collect(), item)).unwrap();
            if item == 0 {
                let all: Vec<u32> = keys.keys().copied().collect();
                let guard = keys.hold();
                assert_eq!((*guard.key(), guard.keys().copied().collect::<Vec<_>>()), (all[0], all));
                self.1.send(guard).unwrap();
            }
        }
    }
    let builder = ShardedThreadPool::builder(Keeper(did, keep)).shards(2).threads_per_shard(1);
    let (pool, mut workers) = builder.stepped().unwrap();
    let key = |shard| (0..).find(|key| pool.shard_of(key) == shard).unwrap();
    let (a, b) = (key(0), key(1));
    let run = |workers: &mut Vec<Worker<Keeper>>| {
        for round in 0..4 {
            while workers[round % 2].step() == Step::Ran {}
        }
        done.try_iter().collect::<Vec<_>>()
    };
    pool.submit_together(vec![a, b], 0).unwrap();
    pool.submit(a, 1).unwrap();
    pool.submit(b, 2).unwrap();
    assert_eq!(run(&mut workers), [(vec![a, b], 0)]);
    let guard = hear(&kept);
    guard.put_back(3).unwrap();
    pool.submit_together(vec![b, a], 4).unwrap();
    assert_eq!(run(&mut workers), [], "P3");
    drop(guard);
    let mut ran = run(&mut workers);
    assert_eq!(ran.remove(0), (vec![a, b], 3), "what was put back goes first");
    ran.sort();
    assert_eq!(ran, [(vec![a], 1), (vec![b], 2), (vec![b, a], 4)]);
    // The guard of a pool that is stopped holds nothing up, and what it puts back comes back.
    pool.submit_together(vec![a, b], 0).unwrap();
    assert_eq!(run(&mut workers).len(), 1);
    let guard = hear(&kept);
    pool.shutdown(Stop::RunRemaining);
    assert!(workers.iter_mut().all(|worker| worker.step() == Step::Stopped));
    let refused = guard.put_back(9).unwrap_err();
    assert_eq!(refused.into_parts(), (a, 9));
    drop(guard);
    assert_eq!(pool.snapshot().total().waiting, 0);
    pool.drain().unwrap();
}

#[test]
fn a_panic_concerns_all_its_keys() {
    let mut its = stepped(2, |builder| builder.on_panic(OnItemPanic::PoisonKey));
    let (a, b, c) = (its.key(0, 0), its.key(1, 0), its.key(1, 1));
    its.together(&[a, b], Act::Panic);
    its.pool.submit(a, Act::Log(1)).unwrap();
    its.pool.submit(b, Act::Log(2)).unwrap();
    assert_eq!(its.run(0), []);
    catch_unwind(AssertUnwindSafe(|| its.workers[1].step())).unwrap_err();
    assert_eq!(its.done.try_iter().count(), 1);
    let poisoned = BTreeSet::from_iter(its.pool.poisoned());
    assert_eq!(poisoned, BTreeSet::from([a, b]));
    assert_eq!((its.run(0), its.run(1)), (vec![], vec![]));
    assert_eq!(its.pool.snapshot().total().panicked, 1, "one handler panicked");
    assert!(its.pool.heal(&a));
    assert_eq!(its.run(0), [(vec![a], Act::Log(1))]);

    // What needs a poisoned key comes back at the end, and its other keys go on.
    its.together(&[b, c, a], Act::Log(3));
    its.pool.submit(c, Act::Log(4)).unwrap();
    its.pool.submit(a, Act::Log(5)).unwrap();
    assert_eq!((its.run(0), its.run(1)), (vec![], vec![]));
    its.pool.shutdown(Stop::RunRemaining);
    assert_eq!(its.run(0), [(vec![a], Act::Log(5))]);
    assert_eq!(its.run(1), [(vec![c], Act::Log(4))]);
    assert_eq!(its.pool.reclaim(its.workers).leftovers, [(b, Act::Log(2)), (b, Act::Log(3))]);
}

#[test]
fn a_panic_after_the_stop_frees_what_waits_for_its_keys() {
    let mut its = stepped(2, |builder| builder.on_panic(OnItemPanic::PoisonKey));
    let (a, b) = (its.key(0, 0), its.key(1, 0));
    its.pool.submit(b, Act::Panic).unwrap();
    its.together(&[a, b], Act::Log(1));
    its.pool.submit(a, Act::Log(2)).unwrap();
    assert_eq!(its.run(0), []);
    its.pool.shutdown(Stop::RunRemaining);
    catch_unwind(AssertUnwindSafe(|| its.workers[1].step())).unwrap_err();
    assert_eq!(its.done.try_iter().count(), 1);
    assert_eq!(its.run(0), [(vec![a], Act::Log(2))]);
    assert!(its.workers.iter_mut().all(|worker| worker.step() == Step::Stopped));
    assert_eq!(its.pool.reclaim(its.workers).leftovers, [(b, Act::Log(1))]);
}

#[test]
fn a_panic_after_the_stop_frees_what_is_kept_for_those_behind() {
    let mut its = stepped(2, |builder| builder.on_panic(OnItemPanic::PoisonKey));
    let (a, b, c) = (its.key(0, 0), its.key(1, 0), its.key(1, 1));
    its.pool.submit(b, Act::Log(0)).unwrap();
    its.together(&[a, b], Act::Panic);
    // It has its other key before the one that panics has all of its own.
    its.together(&[c, a], Act::Log(1));
    its.pool.submit(c, Act::Log(2)).unwrap();
    assert_eq!(its.run(0), []);
    assert_eq!(its.workers[1].step(), Step::Ran);
    its.pool.shutdown(Stop::RunRemaining);
    catch_unwind(AssertUnwindSafe(|| its.workers[1].step())).unwrap_err();
    assert_eq!(its.done.try_iter().count(), 2);
    assert_eq!(its.run(1), [(vec![c], Act::Log(2))], "its other key goes on");
    assert!(its.workers.iter_mut().all(|worker| worker.step() == Step::Stopped));
    assert_eq!(its.pool.reclaim(its.workers).leftovers, [(a, Act::Log(1))]);
}

#[test]
fn what_never_started_has_no_age() {
    let clock = ManualClock::new();
    let mut its = stepped(2, |builder| builder.clock(clock.clone()));
    let (a, b) = (its.key(0, 0), its.key(1, 0));
    let ages =
        |its: &Stepped| its.pool.snapshot().shards.iter().map(|shard| shard.oldest).collect::<Vec<_>>();
    for kept in [false, true] {
        its.together(&[a, b], Act::Log(1));
        if kept {
            assert_eq!(its.run(0), []);
        }
        clock.advance(std::time::Duration::from_secs(3));
        assert_eq!(ages(&its), [Some(std::time::Duration::from_secs(3)); 2]);
        assert_eq!(its.pool.remove(&b), [Act::Log(1)]);
        assert_eq!(ages(&its), [None; 2]);
    }
}

#[test]
fn figures_count_it_once_for_each_key_and_add_up() {
    let clock = ManualClock::new();
    let mut its = stepped(2, |builder| builder.clock(clock.clone()));
    let (a, b) = (its.key(0, 0), its.key(1, 0));
    let seconds = std::time::Duration::from_secs;
    its.together(&[a, b], Act::Log(1));
    clock.advance(seconds(3));
    assert_eq!(its.run(0), []);
    assert_eq!(its.pool.snapshot().shards[0].waiting, 1, "it has not started");
    clock.advance(seconds(2));
    assert_eq!(its.run(1).len(), 1);
    let snapshot = its.pool.snapshot();
    for shard in &snapshot.shards {
        assert_eq!((shard.accepted, shard.ran, shard.waiting, shard.running), (1, 1, 0, 0));
        let class = &shard.classes[0];
        assert_eq!((class.class, class.wait.count, class.wait.total), (Class(7), 1, seconds(5)));
        assert_eq!((class.run.count, class.run.total), (1, seconds(0)));
        assert_eq!(shard.oldest, None);
    }
}

#[test]
#[should_panic(expected = "an item needs a key")]
fn it_needs_a_key() {
    let its = stepped(1, |builder| builder);
    its.together(&[], Act::Log(1));
}

/// Money goes from account to account, and never gets lost: each transfer has both accounts to itself.
#[test]
fn transfers_between_threads() {
    const ACCOUNTS: u64 = 6;
    struct Bank {
        accounts: Vec<(AtomicU64, AtomicBool)>,
        ran: AtomicU64,
    }
    struct Teller(Arc<Bank>);
    impl Handler for Teller {
        type Key = u64;
        type Item = u64;
        fn handle(&self, keys: Lease<'_, u64, u64>, amount: u64) {
            let keys: Vec<_> = keys.keys().map(|&key| usize::try_from(key).unwrap()).collect();
            for &key in &keys {
                assert!(!self.0.accounts[key].1.swap(true, Ordering::Relaxed), "P3");
            }
            if let [from, .., to] = keys[..] {
                // Not one step: what somebody else did in between would be lost.
                let [from, to] = [from, to].map(|key| &self.0.accounts[key].0);
                let (less, more) = (from.load(Ordering::Relaxed), to.load(Ordering::Relaxed));
                std::thread::yield_now();
                from.store(less.wrapping_sub(amount), Ordering::Relaxed);
                to.store(more.wrapping_add(amount), Ordering::Relaxed);
            }
            for &key in &keys {
                self.0.accounts[key].1.store(false, Ordering::Relaxed);
            }
            self.0.ran.fetch_add(1, Ordering::Relaxed);
        }
    }
    bounded(|| {
        let accounts = (0..ACCOUNTS).map(|_| Default::default()).collect();
        let bank = Arc::new(Bank { accounts, ran: AtomicU64::new(0) });
        let builder = ShardedThreadPool::builder(Teller(Arc::clone(&bank))).shards(3).threads_per_shard(2);
        let pool = builder.start().unwrap();
        let ready = Barrier::new(4);
        let removed = AtomicU64::new(0);
        together(4, |thread| {
            ready.wait();
            for round in 0..1_000_u64 {
                let from = (thread as u64 + round) % ACCOUNTS;
                let keys = vec![from, (from + 1 + round % 5) % ACCOUNTS, (from + round / 7) % ACCOUNTS];
                pool.submit_together(keys, round).unwrap();
                if round % 50 == 0 {
                    removed.fetch_add(pool.remove(&from).len() as u64, Ordering::Relaxed);
                    drop(pool.pause().unwrap());
                    pool.drain().unwrap();
                }
            }
        });
        pool.drain().unwrap();
        let ran = bank.ran.load(Ordering::Relaxed);
        assert_eq!(ran + removed.load(Ordering::Relaxed), 4_000, "P1");
        let sum = bank
            .accounts
            .iter()
            .fold(0_u64, |sum, (account, _)| sum.wrapping_add(account.load(Ordering::Relaxed)));
        assert_eq!(sum, 0, "no transfer saw half of another");
        assert!(pool.join().unwrap().leftovers.is_empty());
    });
}
