//! P6 and P7 with real threads: pauses that hold, drains that wait for all they should and nothing more.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use keylane::{ControlError, PoolHandle, ShardedThreadPool, Step, Stop};

use common::runner::{Runner, Task, begin_drain, count, hold, nothing, pool};
use common::{bounded, hear, together};

/// Submitters go on while another thread pauses and resumes, again and again.
#[test]
fn nothing_runs_while_paused_and_everything_after() {
    bounded(|| {
        const SUBMITTERS: usize = 2;
        const ITEMS: usize = 3_000;
        let pool = pool(3, 2);
        let paused = Arc::new(AtomicBool::new(false));
        let ran = Arc::new(AtomicUsize::new(0));
        together(SUBMITTERS + 1, |submitter| {
            if submitter == SUBMITTERS {
                for _ in 0..200 {
                    let guard = pool.pause().unwrap();
                    paused.store(true, Ordering::SeqCst);
                    let before = ran.load(Ordering::SeqCst);
                    std::thread::yield_now();
                    assert_eq!(ran.load(Ordering::SeqCst), before, "P6");
                    paused.store(false, Ordering::SeqCst);
                    drop(guard);
                }
                return;
            }
            for number in 0..ITEMS {
                let (paused, ran) = (Arc::clone(&paused), Arc::clone(&ran));
                let check = move || {
                    assert!(!paused.load(Ordering::SeqCst), "P6");
                    ran.fetch_add(1, Ordering::SeqCst);
                };
                pool.submit(number % 7, Box::new(check)).unwrap();
            }
        });
        let report = pool.join().unwrap();
        assert_eq!((ran.load(Ordering::SeqCst), report.panics), (SUBMITTERS * ITEMS, 0));
    });
}

#[test]
fn pauses_nest_whatever_the_order_of_their_ends() {
    bounded(|| {
        let pool = pool(3, 2);
        let may_run = Arc::new(AtomicBool::new(false));
        let (tell, told) = channel();
        let (first, second) = (pool.pause().unwrap(), pool.pause().unwrap());
        for key in 0..20 {
            let (may_run, tell) = (Arc::clone(&may_run), tell.clone());
            pool.submit(key, Box::new(move || tell.send(may_run.load(Ordering::SeqCst)).unwrap())).unwrap();
        }
        drop(first);
        let third = pool.pause().unwrap();
        drop(second);
        may_run.store(true, Ordering::SeqCst);
        drop(third);
        assert!((0..20).all(|_| hear(&told)), "an item ran before the last guard was dropped");
    });
}

#[test]
fn pausing_waits_for_the_handlers_that_run() {
    bounded(|| {
        let pool = pool(3, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        let release = hold(&pool, 0, count(&ran));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _guard = pool.pause().unwrap();
                assert_eq!(ran.load(Ordering::SeqCst), 1, "P6");
            });
            release.send(()).unwrap();
        });
    });
}

/// An item whose handler submits the next of its line, to a key that is likely in another shard (ceph's
/// drain looked at one shard after the other, and missed such children).
fn line(pool: PoolHandle<Runner>, length: usize, ran: Arc<AtomicUsize>) -> Task {
    Box::new(move || {
        ran.fetch_add(1, Ordering::SeqCst);
        if length > 1 {
            let next = line(pool.clone(), length - 1, ran);
            pool.submit(length * 7 % 31, next).unwrap();
        }
    })
}

#[test]
fn a_drain_waits_for_the_children_of_what_it_waits_for() {
    bounded(|| {
        let pool = pool(3, 2);
        for round in 0..300 {
            let ran = Arc::new(AtomicUsize::new(0));
            for key in 0..3 {
                pool.submit(key + round, line(pool.handle(), 20, Arc::clone(&ran))).unwrap();
            }
            pool.drain().unwrap();
            assert_eq!(ran.load(Ordering::SeqCst), 3 * 20, "P7");
        }
    });
}

/// Stepped by hand, so that what runs when is exact.
#[test]
fn a_drain_is_not_held_up_by_what_is_submitted_later() {
    bounded(|| {
        let builder = ShardedThreadPool::builder(Runner).shards(1).threads_per_shard(1);
        let (pool, mut workers) = builder.stepped().unwrap();
        pool.submit(0, nothing()).unwrap();
        let drain = begin_drain(&pool);
        pool.submit(0, nothing()).unwrap();
        pool.submit(1, nothing()).unwrap();
        assert_eq!(workers[0].step(), Step::Ran);
        assert_eq!(drain.join().unwrap(), Ok(()), "two items are left, and none of its business");
    });
}

/// Two kinds of thread, one rule: a drain has seen what its own thread submitted before, and returns although
/// the others never stop submitting.
#[test]
fn drains_end_under_a_flow_of_submissions() {
    bounded(|| {
        const DRAINERS: usize = 2;
        let pool = pool(3, 2);
        let draining = AtomicUsize::new(DRAINERS);
        let submitted = AtomicUsize::new(0);
        let flowed = Arc::new(AtomicUsize::new(0));
        together(DRAINERS + 1, |thread| {
            if thread == DRAINERS {
                // A step ahead of the workers, not miles: what is bounded is the test's memory, not the flow.
                while draining.load(Ordering::SeqCst) > 0 {
                    if submitted.load(Ordering::SeqCst) < flowed.load(Ordering::SeqCst) + 64 {
                        let number = submitted.fetch_add(1, Ordering::SeqCst);
                        pool.submit(number % 11, count(&flowed)).unwrap();
                    } else {
                        std::thread::yield_now();
                    }
                }
                return;
            }
            for _ in 0..100 {
                let ran = Arc::new(AtomicUsize::new(0));
                for key in 0..10 {
                    pool.submit(key, count(&ran)).unwrap();
                }
                pool.drain().unwrap();
                assert_eq!(ran.load(Ordering::SeqCst), 10, "P7");
            }
            draining.fetch_sub(1, Ordering::SeqCst);
        });
    });
}

#[test]
fn handlers_cannot_wait_for_handlers() {
    bounded(|| {
        let pool = pool(3, 2);
        let (tell, told) = channel();
        let inside = pool.handle();
        let ask = move || {
            tell.send((inside.pause().err(), inside.drain().err())).unwrap();
        };
        pool.submit(0, Box::new(ask)).unwrap();
        assert_eq!(hear(&told), (Some(ControlError::FromCallback), Some(ControlError::FromCallback)));
    });
}

/// The handler of one pool is nobody special to another.
#[test]
fn handlers_may_wait_for_another_pool() {
    bounded(|| {
        let (outer, inner) = (pool(3, 2), pool(3, 2));
        let (tell, told) = channel();
        let handle = inner.handle();
        let ask = move || {
            let ran = Arc::new(AtomicBool::new(false));
            let also = Arc::clone(&ran);
            handle.submit(0, Box::new(move || also.store(true, Ordering::SeqCst))).unwrap();
            handle.drain().unwrap();
            drop(handle.pause().unwrap());
            tell.send(ran.load(Ordering::SeqCst)).unwrap();
        };
        outer.submit(0, Box::new(ask)).unwrap();
        assert!(hear(&told));
    });
}

#[test]
fn a_pool_that_has_stopped_is_drained_and_cannot_be_paused() {
    bounded(|| {
        let pool = pool(3, 2);
        pool.shutdown(Stop::RunRemaining);
        assert_eq!(pool.drain(), Ok(()));
        assert_eq!(pool.pause().err(), Some(ControlError::Stopped));
    });
}

/// The drain is woken when the pool is stopped, and looks again; by then `reclaim` (or `join`) has taken the
/// items away, and a shard without items looks drained.
#[test]
fn a_drain_whose_items_are_handed_back_says_so() {
    bounded(|| {
        let (pool, workers) = ShardedThreadPool::builder(Runner).shards(1).stepped().unwrap();
        pool.submit(0, nothing()).unwrap();
        let drain = begin_drain(&pool);
        pool.submit(0, nothing()).unwrap(); // of a later generation, and handed back with it
        assert_eq!(pool.reclaim(workers).leftovers.len(), 2);
        assert_eq!(drain.join().unwrap(), Err(ControlError::Stopped));
    });
}
