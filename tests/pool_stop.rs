//! P8 with real threads: a pool ends from every state, and every item it took has a fate (P1).

mod common;

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use keylane::{ControlError, Handler, Lease, ShardedThreadPool, Step, Stop, Worker};

use common::runner::{Runner, begin_drain, count, hold, nothing, pool};
use common::{bounded, hear, together};

/// Submitters go on until they are refused while another thread shuts down.
fn stop_in_the_middle(stop: Stop) {
    const SUBMITTERS: usize = 3;
    let pool = pool(2, 2);
    let ran = Arc::new(AtomicUsize::new(0));
    let returned = AtomicBool::new(false);
    let accepted: Vec<usize> = together(SUBMITTERS + 1, |submitter| {
        if submitter == SUBMITTERS {
            pool.shutdown(stop);
            returned.store(true, Ordering::SeqCst);
            return 0;
        }
        for number in 0.. {
            let late = returned.load(Ordering::SeqCst);
            match pool.submit(number % 5, count(&ran)) {
                Ok(()) => assert!(!late, "P8: a late item was accepted"),
                Err(refused) => {
                    assert_eq!(refused.into_parts().0, number % 5);
                    return number;
                }
            }
        }
        unreachable!("shut down some time");
    });
    let report = pool.join().unwrap();
    assert!(stop == Stop::HandBack || report.leftovers.is_empty(), "nothing comes back from running it all");
    let fates = ran.load(Ordering::SeqCst) + report.leftovers.len();
    assert_eq!(fates, accepted.iter().sum::<usize>(), "P1");
}

#[test]
fn stopping_in_the_middle_runs_what_was_accepted() {
    bounded(|| (0..50).for_each(|_| stop_in_the_middle(Stop::RunRemaining)));
}

#[test]
fn stopping_in_the_middle_hands_back_what_has_not_run() {
    bounded(|| (0..50).for_each(|_| stop_in_the_middle(Stop::HandBack)));
}

#[test]
fn what_is_handed_back_keeps_the_order_of_each_key() {
    bounded(|| {
        let pool = pool(1, 2);
        let said = Arc::new(Mutex::new(Vec::new()));
        let releases = [hold(&pool, 0, nothing()), hold(&pool, 1, nothing())];
        for number in 0..30 {
            let said = Arc::clone(&said);
            pool.submit(number % 3, Box::new(move || said.lock().unwrap().push(number))).unwrap();
        }
        pool.shutdown(Stop::HandBack);
        releases.iter().for_each(|release| release.send(()).unwrap());
        let leftovers = pool.join().unwrap().leftovers;
        assert_eq!((leftovers.len(), said.lock().unwrap().len()), (30, 0));
        // A stable sort: each key's items stay as they came.
        let mut by_key = leftovers;
        by_key.sort_by_key(|(key, _)| *key);
        by_key.into_iter().for_each(|(_, task)| task());
        let expected: Vec<_> = (0..3).flat_map(|key| (0..10).map(move |turn| turn * 3 + key)).collect();
        assert_eq!(*said.lock().unwrap(), expected);
    });
}

#[test]
fn a_paused_pool_ends_and_hands_back() {
    for stop in [Stop::RunRemaining, Stop::HandBack] {
        bounded(move || {
            let pool = pool(3, 2);
            let ran = Arc::new(AtomicUsize::new(0));
            let guards = (pool.pause().unwrap(), pool.pause().unwrap());
            for key in 0..50 {
                pool.submit(key, count(&ran)).unwrap();
            }
            pool.shutdown(stop);
            drop(guards.0);
            let report = pool.join().unwrap();
            drop(guards.1);
            assert_eq!((report.leftovers.len(), ran.load(Ordering::SeqCst)), (50, 0));
        });
    }
}

/// Whether it sleeps by then, or is only about to.
#[test]
fn a_drain_ends_when_what_it_waits_for_is_handed_back() {
    bounded(|| {
        for _ in 0..100 {
            let builder = ShardedThreadPool::builder(Runner).shards(1).threads_per_shard(1);
            let (pool, workers) = builder.stepped().unwrap();
            pool.submit(0, nothing()).unwrap();
            let drain = begin_drain(&pool);
            (0..10).for_each(|_| thread::yield_now());
            pool.shutdown(Stop::HandBack);
            assert_eq!(drain.join().unwrap(), Err(ControlError::Stopped));
            assert_eq!(pool.reclaim(workers).leftovers.len(), 1);
        }
    });
}

#[test]
fn a_drain_ends_well_when_the_rest_is_run() {
    bounded(|| {
        let pool = pool(2, 1);
        let ran = Arc::new(AtomicUsize::new(0));
        let release = hold(&pool, 0, count(&ran));
        (0..100).for_each(|key| pool.submit(key, count(&ran)).unwrap());
        thread::scope(|scope| {
            let drain = scope.spawn(|| {
                let outcome = pool.drain();
                (outcome, ran.load(Ordering::SeqCst))
            });
            pool.shutdown(Stop::RunRemaining);
            release.send(()).unwrap();
            assert_eq!(drain.join().unwrap(), (Ok(()), 101));
        });
    });
}

#[test]
fn panics_are_counted_and_lose_nothing() {
    bounded(|| {
        let pool = pool(2, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        for number in 0..300 {
            let first = count(&ran);
            let task = move || {
                first();
                if number % 3 == 0 {
                    resume_unwind(Box::new("planned"));
                }
            };
            pool.submit(number % 7, Box::new(task)).unwrap();
        }
        pool.drain().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 300);
        drop(pool.pause().unwrap());
        let report = pool.join().unwrap();
        assert_eq!((report.panics, report.leftovers.len()), (100, 0));
    });
}

#[test]
fn dropping_the_pool_runs_everything() {
    bounded(|| {
        let pool = pool(2, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        let release = hold(&pool, 0, nothing());
        (0..1_000).for_each(|key| pool.submit(key % 9, count(&ran)).unwrap());
        release.send(()).unwrap();
        drop(pool);
        assert_eq!(ran.load(Ordering::SeqCst), 1_000);
    });
}

#[test]
fn a_handler_may_stop_its_pool_but_not_wait_for_it() {
    type Place = Arc<Mutex<Option<ShardedThreadPool<Runner>>>>;
    type End = fn(ShardedThreadPool<Runner>) -> Option<ControlError>;
    let ends: [(End, Option<ControlError>); 2] = [
        (|pool| pool.join().err(), Some(ControlError::FromCallback)),
        (
            |pool| {
                drop(pool);
                None
            },
            None,
        ),
    ];
    for (end, expected) in ends {
        bounded(move || {
            let owned = pool(2, 1);
            let handle = owned.handle();
            let place: Place = Arc::new(Mutex::new(Some(owned)));
            let (tell, told) = channel();
            let inside = {
                let (tell, handle) = (tell.clone(), handle.clone());
                move || {
                    let outcome = end(place.lock().unwrap().take().unwrap());
                    let refused = handle.submit(0, Box::new(|| {})).is_err();
                    tell.send((outcome, refused)).unwrap();
                }
            };
            let release = hold(&handle, 0, nothing());
            handle.submit(0, Box::new(inside)).unwrap();
            handle.submit(0, Box::new(move || tell.send((None, false)).unwrap())).unwrap();
            release.send(()).unwrap();
            assert_eq!(hear(&told), (expected, true));
            assert_eq!(hear(&told), (None, false), "its threads run the rest, and end by themselves");
        });
    }
}

/// Threads own the handler, and a joined pool has none.
#[test]
fn nothing_is_left_of_a_pool_that_was_joined() {
    struct Holder(#[expect(dead_code, reason = "it is held")] Arc<()>);
    impl Handler for Holder {
        type Key = u8;
        type Item = ();
        fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, (): ()) {}
    }
    bounded(|| {
        let held = Arc::new(());
        let pool = ShardedThreadPool::builder(Holder(Arc::clone(&held))).start().unwrap();
        let guard = pool.pause().unwrap();
        pool.submit(0, ()).unwrap();
        drop(guard);
        assert!(pool.join().unwrap().leftovers.is_empty());
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

/// A worker that is missing might be running an item: what it would have to be told is that it may not.
#[test]
#[should_panic(expected = "not all the workers of this pool")]
fn reclaiming_without_all_the_workers_is_refused() {
    let (pool, mut workers) = ShardedThreadPool::builder(Runner).stepped().unwrap();
    workers.pop();
    drop(pool.reclaim(workers));
}

#[test]
#[should_panic(expected = "not all the workers of this pool")]
fn reclaiming_with_another_pools_worker_is_refused() {
    let builder = || ShardedThreadPool::builder(Runner).shards(1).threads_per_shard(2).stepped().unwrap();
    let ((pool, mut workers), (_, mut others)) = (builder(), builder());
    workers[1] = others.pop().unwrap();
    drop(pool.reclaim(workers));
}

/// A stopped pool runs what remains. A worker that finds nothing because the rest waits behind a running key
/// is idle, and has stopped only when nothing is left; and that stays so.
#[test]
fn a_worker_that_has_stopped_stays_so() {
    let builder = ShardedThreadPool::builder(Runner).shards(1).threads_per_shard(2);
    let (pool, mut workers) = builder.stepped().unwrap();
    let second: Arc<Mutex<Worker<Runner>>> = Arc::new(Mutex::new(workers.pop().unwrap()));
    let (handle, also) = (pool.clone(), Arc::clone(&second));
    let first_item = move || {
        handle.shutdown(Stop::RunRemaining);
        assert_eq!(also.lock().unwrap().step(), Step::Idle);
    };
    pool.submit(0, Box::new(first_item)).unwrap();
    pool.submit(0, Box::new(|| {})).unwrap();
    assert_eq!(workers[0].step(), Step::Ran);
    let steps = [(); 3].map(|()| second.lock().unwrap().step());
    assert_eq!(steps, [Step::Ran, Step::Stopped, Step::Stopped]);
}

/// What a shutdown would hand back is dropped with the owner that could have asked for it; and nothing of it
/// runs, since the pause is still in force.
#[test]
fn dropping_a_paused_pool_drops_what_it_has() {
    bounded(|| {
        let pool = pool(1, 1);
        let held = Arc::new(());
        let ran = Arc::new(AtomicUsize::new(0));
        let guard = pool.pause().unwrap();
        let (theirs, counted) = (Arc::clone(&held), count(&ran));
        let item = move || {
            let _held = theirs;
            counted();
        };
        pool.submit(0, Box::new(item)).unwrap();
        drop(pool);
        assert_eq!(ran.load(Ordering::SeqCst), 0);
        assert_eq!(Arc::strong_count(&held), 1, "dropped");
        drop(guard);
    });
}
