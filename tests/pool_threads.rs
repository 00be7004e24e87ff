//! P1-P5 with real threads: every item once, in its key's order, one at a time, and no worker idle in vain.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};

use keylane::testing::on_mark;
use keylane::{Handler, Lease, ShardedThreadPool, WorkerInfo};

use common::runner::{Runner, count, nothing, pool};
use common::{bounded, hear, together};

const KEYS: usize = 16;

/// What a key owns. Its handlers read and write it without any synchronisation of their own: the atomics are
/// relaxed, so that only the pool's hand-over makes them add up.
#[derive(Default)]
struct Account {
    occupied: AtomicBool,
    balance: AtomicUsize,
    booked: Mutex<Vec<(usize, usize)>>,
}

struct Bank(Arc<[Account; KEYS]>);

impl Handler for Bank {
    type Key = usize;
    /// Who submitted it, and as its how manieth.
    type Item = (usize, usize);

    fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, item: (usize, usize)) {
        let key = *key;
        let account = &self.0[key];
        assert!(!account.occupied.swap(true, Ordering::Relaxed), "P3: one item of a key at a time");
        let balance = account.balance.load(Ordering::Relaxed);
        account.booked.lock().unwrap().push(item);
        account.balance.store(balance + 1, Ordering::Relaxed);
        account.occupied.store(false, Ordering::Relaxed);
    }
}

#[test]
fn every_item_runs_once_in_the_order_of_its_key_and_sees_what_went_before() {
    const SUBMITTERS: usize = 4;
    const ITEMS: usize = 8_000;
    bounded(|| {
        let accounts: Arc<[Account; KEYS]> = Arc::default();
        let pool = ShardedThreadPool::builder(Bank(Arc::clone(&accounts)))
            .shards(2)
            .threads_per_shard(2)
            .start()
            .unwrap();
        together(SUBMITTERS, |submitter| {
            for number in 0..ITEMS {
                pool.submit(number * number % KEYS, (submitter, number)).unwrap();
            }
        });
        let report = pool.join().unwrap();
        assert_eq!((report.leftovers.len(), report.panics), (0, 0));

        let mut total = 0;
        for account in accounts.iter() {
            let booked = account.booked.lock().unwrap();
            assert_eq!(account.balance.load(Ordering::Relaxed), booked.len(), "P4");
            for submitter in 0..SUBMITTERS {
                let numbers: Vec<_> = booked.iter().filter(|one| one.0 == submitter).collect();
                assert!(numbers.is_sorted_by(|a, b| a < b), "P2");
            }
            total += booked.len();
        }
        assert_eq!(total, SUBMITTERS * ITEMS, "P1");
    });
}

/// The first item of the hot key will not end before an item of another key has run, and that one is
/// submitted last, behind a thousand of the hot key: if it waited for any of them, nobody would get on.
#[test]
fn a_hot_key_does_not_hold_up_the_others() {
    bounded(|| {
        const HOT: usize = 0;
        let pool = pool(1, 2);
        let ((go, may_go), (started, has_started)) = (channel(), channel());
        let wait_for_the_other = move || {
            started.send(()).unwrap();
            hear(&may_go);
        };
        pool.submit(HOT, Box::new(wait_for_the_other)).unwrap();
        hear(&has_started);
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..1_000 {
            pool.submit(HOT, count(&ran)).unwrap();
        }
        pool.submit(1, Box::new(move || go.send(()).unwrap())).unwrap();
        pool.drain().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 1_000);
    });
}

/// As many items as there are workers meet inside their handlers: each needs a worker of its own, so all of
/// the shard's must be up. Between rounds they may fall asleep.
#[test]
fn as_many_keys_run_at_once_as_there_are_workers() {
    bounded(|| {
        const WORKERS: usize = 4;
        let pool = pool(1, WORKERS);
        for _ in 0..1_000 {
            let meeting = Arc::new(Barrier::new(WORKERS + 1));
            for key in 0..WORKERS {
                let meeting = Arc::clone(&meeting);
                let meet = move || {
                    meeting.wait();
                };
                pool.submit(key, Box::new(meet)).unwrap();
            }
            meeting.wait();
        }
    });
}

/// One item at a time, each waited for: whenever one arrives, the workers sleep or are about to, or poll.
#[test]
fn each_item_wakes_a_worker() {
    bounded(|| {
        for polls in [0, 1, 100] {
            let builder = ShardedThreadPool::builder(Runner).shards(1).threads_per_shard(2).spin(polls);
            let pool = builder.start().unwrap();
            let (tell, told) = channel();
            for number in 0..2_000 {
                let tell = tell.clone();
                pool.submit(number % 3, Box::new(move || tell.send(number).unwrap())).unwrap();
                assert_eq!(hear(&told), number);
            }
        }
    });
}

/// One that is told to poll is woken before it sleeps: here it polls for longer than a test may take.
#[test]
fn a_worker_polls_before_it_sleeps_if_it_is_told() {
    bounded(|| {
        let (tell, marks) = channel();
        let listen = move |_: &WorkerInfo| {
            let tell = tell.clone();
            on_mark(move |label| {
                let _ = tell.send(label);
            });
        };
        let builder = ShardedThreadPool::builder(Runner).shards(1).threads_per_shard(1);
        let pool = builder.spin(u32::MAX).on_thread_start(listen).start().unwrap();
        while pool.snapshot().total().asleep < 1 {
            std::thread::yield_now();
        }
        pool.submit(1, nothing()).unwrap();
        while hear(&marks) != "rung while polling" {}
    });
}

/// What a Ceph OSD starts with, and what the documentation says.
#[test]
fn unless_told_otherwise_there_are_five_shards_of_two_workers() {
    let (pool, workers) = ShardedThreadPool::builder(Bank(Arc::default())).stepped().unwrap();
    let shards: Vec<_> = workers.iter().map(keylane::Worker::shard).collect();
    assert_eq!(shards, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    assert_eq!(pool.reclaim(workers).panics, 0, "a stepped pool contains no panics");
}

/// A thread is called after its pool, its shard and its number there.
#[test]
fn threads_are_named_after_their_pool() {
    struct Who(Mutex<std::sync::mpsc::Sender<Option<String>>>);
    impl Handler for Who {
        type Key = u8;
        type Item = ();
        fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, (): ()) {
            let name = std::thread::current().name().map(str::to_owned);
            self.0.lock().unwrap().send(name).unwrap();
        }
    }
    bounded(|| {
        let (says, said) = channel();
        let who = Who(Mutex::new(says));
        let pool =
            ShardedThreadPool::builder(who).name("osd").shards(1).threads_per_shard(1).start().unwrap();
        pool.submit(0, ()).unwrap();
        assert_eq!(hear(&said).as_deref(), Some("osd-0-0"));
    });
}
