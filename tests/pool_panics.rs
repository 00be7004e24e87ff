//! Panics of handlers: what becomes of the item, its key, its thread and the pool, as chosen (P12).

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};

use keylane::{ControlError, Handler, Lease, OnItemPanic, ShardedThreadPool, Step, Stop};

/// Tells of each item that it runs, and panics at the bad ones.
struct Fragile(Sender<(u8, i32)>);

impl Handler for Fragile {
    type Key = u8;
    type Item = i32;

    fn handle(&self, key: Lease<'_, u8, i32>, item: i32) {
        self.0.send((*key, item)).unwrap();
        assert!(item >= 0, "a bad item");
    }
}

#[test]
fn isolated_the_keys_next_item_runs() {
    let (ran, told) = channel();
    let pool = ShardedThreadPool::builder(Fragile(ran)).shards(1).threads_per_shard(1).start().unwrap();
    pool.submit_batch(1, vec![-1, 2]).unwrap();
    pool.drain().unwrap();
    let report = pool.join().unwrap();
    assert_eq!((report.panics, report.leftovers.len()), (1, 0));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(1, -1), (1, 2)]);
}

#[test]
fn a_poisoned_key_waits_to_be_healed_and_others_do_not() {
    let (ran, told) = channel();
    let builder = ShardedThreadPool::builder(Fragile(ran)).on_panic(OnItemPanic::PoisonKey);
    let pool = builder.shards(1).threads_per_shard(2).start().unwrap();
    pool.submit_batch(1, vec![-1, 2]).unwrap();
    pool.submit(2, 3).unwrap();
    pool.drain_key(&2).unwrap();
    while pool.poisoned().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(pool.poisoned(), [1]);
    pool.submit(1, 4).unwrap();
    assert_eq!(pool.remove(&1), [2, 4], "it still has them");
    pool.submit_batch(1, vec![5, 6]).unwrap();
    assert!(pool.heal(&1) && !pool.heal(&1) && !pool.heal(&2));
    pool.drain().unwrap();
    assert!(pool.poisoned().is_empty());
    let mut of_key: Vec<_> = told.try_iter().filter(|&(key, _)| key == 1).map(|(_, item)| item).collect();
    assert_eq!(of_key, [-1, 5, 6]);
    of_key.clear();
    assert_eq!(pool.join().unwrap().panics, 1);
}

#[test]
fn a_stopped_pool_hands_back_what_is_behind_a_poisoned_key() {
    for panics_last in [false, true] {
        let (ran, _told) = channel();
        let builder = ShardedThreadPool::builder(Fragile(ran)).on_panic(OnItemPanic::PoisonKey);
        let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
        pool.submit_batch(1, vec![-1, 2, 3]).unwrap();
        pool.submit(2, 4).unwrap();
        if panics_last {
            pool.shutdown(Stop::RunRemaining);
        }
        catch_unwind(AssertUnwindSafe(|| workers[0].step())).unwrap_err();
        pool.shutdown(Stop::RunRemaining);
        assert_eq!(
            (workers[0].step(), workers[0].step()),
            (Step::Ran, Step::Stopped),
            "the other key goes on"
        );
        assert_eq!(pool.drain(), Err(ControlError::Stopped));
        assert_eq!(pool.drain_key(&1), Err(ControlError::Stopped));
        assert_eq!(pool.reclaim(workers).leftovers, [(1, 2), (1, 3)]);
    }
}

#[test]
fn a_key_that_is_held_as_well_goes_on_when_both_are_over() {
    struct Holder(Sender<keylane::KeyGuard<u8, i32>>);
    impl Handler for Holder {
        type Key = u8;
        type Item = i32;
        fn handle(&self, key: Lease<'_, u8, i32>, item: i32) {
            if item < 0 {
                self.0.send(key.hold()).unwrap();
                panic!("a bad item");
            }
        }
    }
    for heals_first in [false, true] {
        let (keep, kept) = channel();
        let builder = ShardedThreadPool::builder(Holder(keep)).on_panic(OnItemPanic::PoisonKey);
        let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
        pool.submit_batch(1, vec![-1, 2]).unwrap();
        catch_unwind(AssertUnwindSafe(|| workers[0].step())).unwrap_err();
        let guard = kept.recv().unwrap();
        if heals_first {
            assert!(pool.heal(&1));
            assert_eq!(workers[0].step(), Step::Idle, "still held");
            drop(guard);
        } else {
            drop(guard);
            assert_eq!(workers[0].step(), Step::Idle, "still poisoned");
            assert!(pool.heal(&1));
        }
        assert_eq!(workers[0].step(), Step::Ran);
        pool.drain().unwrap();
    }
}

#[test]
fn a_restarted_thread_has_new_thread_locals_and_the_old_name() {
    thread_local! {
        static DIRT: Cell<u32> = const { Cell::new(0) };
    }
    struct Dirty(Sender<(u32, Option<String>)>);
    impl Handler for Dirty {
        type Key = u8;
        type Item = bool;
        fn handle(&self, _: Lease<'_, u8, bool>, panics: bool) {
            self.0.send((DIRT.replace(7), std::thread::current().name().map(str::to_owned))).unwrap();
            assert!(!panics, "as asked");
        }
    }
    for (on_panic, then) in [(OnItemPanic::RestartThread, 0), (OnItemPanic::Isolate, 7)] {
        let (ran, told) = channel();
        let builder = ShardedThreadPool::builder(Dirty(ran)).name("dirty").on_panic(on_panic);
        let pool = builder.shards(1).threads_per_shard(1).start().unwrap();
        pool.submit_batch(0, vec![true, true, false]).unwrap();
        assert_eq!(pool.join().unwrap().panics, 2);
        let seen: Vec<_> = told.try_iter().collect();
        assert_eq!(seen, [0, then, then].map(|dirt| (dirt, Some("dirty-0-0".to_owned()))));
    }
}

#[test]
fn a_pool_that_is_to_stop_begins_nothing_more() {
    let (ran, told) = channel();
    let builder = ShardedThreadPool::builder(Fragile(ran)).on_panic(OnItemPanic::Stop);
    let pool = builder.shards(2).threads_per_shard(1).start().unwrap();
    let paused = pool.pause().unwrap();
    pool.submit_batch(1, vec![-1, 2, 3]).unwrap();
    drop(paused);
    let report = pool.join().unwrap();
    assert_eq!((report.panics, report.leftovers), (1, vec![(1, 2), (1, 3)]));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(1, -1)]);
}
