//! Pausing without waiting, and more and fewer threads, while everything runs (P5, P6, P8).

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use keylane::{BuildError, ControlError, Handler, Lease, ResizeError, ShardedThreadPool, Stop};

use common::runner::{count, nothing, pool};
use common::{bounded, hear, together};

#[test]
fn threads_are_added_and_the_new_ones_run_items() {
    bounded(|| {
        let pool = pool(1, 1);
        let (met, meeting) = channel();
        // Two items that wait for each other need two threads.
        let barrier = Arc::new(std::sync::Barrier::new(2));
        for key in 0..2 {
            let (barrier, met) = (Arc::clone(&barrier), met.clone());
            pool.submit(
                key,
                Box::new(move || {
                    barrier.wait();
                    met.send(std::thread::current().name().map(str::to_owned)).unwrap();
                }),
            )
            .unwrap();
        }
        assert!(meeting.try_recv().is_err());
        pool.set_threads_per_shard(2).unwrap();
        let names = BTreeSet::from([hear(&meeting), hear(&meeting)]);
        assert_eq!(names, ["keylane-0-0", "keylane-0-1"].map(|name| Some(name.to_owned())).into());
        pool.join().unwrap();
    });
}

#[test]
fn threads_that_are_too_many_end_and_the_last_goes_on() {
    bounded(|| {
        let pool = pool(2, 4);
        let ran = Arc::new(AtomicUsize::new(0));
        for threads in [1, 3, 2, 1, 4, 1] {
            pool.set_threads_per_shard(threads).unwrap();
            (0..100).for_each(|key| pool.submit(key, count(&ran)).unwrap());
            pool.drain().unwrap();
        }
        assert_eq!(ran.load(Ordering::SeqCst), 600);
        let report = pool.join().unwrap();
        assert!(report.leftovers.is_empty());
    });
}

/// Tells that its thread has ended.
struct Ends(std::sync::mpsc::Sender<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

std::thread_local! {
    static ENDS: std::cell::RefCell<Option<Ends>> = const { std::cell::RefCell::new(None) };
}

#[test]
fn threads_that_are_too_many_end_though_they_sleep() {
    bounded(|| {
        let pool = pool(1, 3);
        let (ended, ends) = channel();
        let barrier = Arc::new(std::sync::Barrier::new(3));
        for key in 0..3 {
            let (barrier, ended) = (Arc::clone(&barrier), ended.clone());
            let task = move || {
                ENDS.set(Some(Ends(ended)));
                barrier.wait();
            };
            pool.submit(key, Box::new(task)).unwrap();
        }
        pool.drain().unwrap();
        while pool.snapshot().shards[0].asleep < 3 {
            std::thread::yield_now();
        }
        pool.set_threads_per_shard(1).unwrap();
        (0..2).for_each(|_| hear(&ends));
        assert!(ends.try_recv().is_err(), "one goes on");
        pool.join().unwrap();
        hear(&ends);
    });
}

#[test]
fn a_pool_is_resized_while_it_is_paused_drained_and_shut_down() {
    bounded(|| {
        let pool = pool(3, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        together(4, |thread| match thread {
            0 => (0..2_000).for_each(|key| pool.submit(key, count(&ran)).unwrap()),
            1 => (0..200).for_each(|round| pool.set_threads_per_shard(1 + round % 3).unwrap()),
            2 => (0..100).for_each(|_| drop(pool.pause().unwrap())),
            _ => (0..100).for_each(|_| pool.drain().unwrap()),
        });
        pool.drain().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 2_000);
        pool.shutdown(Stop::RunRemaining);
        assert!(matches!(pool.set_threads_per_shard(1), Err(ResizeError::Stopped)));
        assert!(matches!(pool.set_threads_per_shard(0), Err(ResizeError::NoThreads)));
        pool.join().unwrap();
    });
}

#[test]
fn a_handler_may_pause_and_resize_its_own_pool() {
    bounded(|| {
        let pool = Arc::new(pool(1, 1));
        let (done, is_done) = channel();
        let inside = Arc::clone(&pool);
        let task = move || {
            assert_eq!(inside.pause().unwrap_err(), ControlError::FromCallback);
            let paused = inside.pause_new().unwrap();
            inside.set_threads_per_shard(2).unwrap();
            inside.set_threads_per_shard(1).unwrap();
            done.send(paused).unwrap();
        };
        pool.submit(1, Box::new(task)).unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let paused = hear(&is_done);
        pool.submit(2, count(&ran)).unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 0, "P6");
        drop(paused);
        pool.drain().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn pause_new_does_not_wait_and_lets_nothing_start() {
    bounded(|| {
        let pool = pool(1, 2);
        let release = common::runner::hold(&pool, 1, nothing());
        let paused = pool.pause_new().unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        pool.submit(2, count(&ran)).unwrap();
        release.send(()).unwrap();
        let waited = pool.pause().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 0, "P6");
        drop(waited);
        assert_eq!(ran.load(Ordering::SeqCst), 0, "it nests");
        drop(paused);
        pool.drain().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
        pool.shutdown(Stop::HandBack);
        assert_eq!(pool.pause_new().unwrap_err(), ControlError::Stopped);
        pool.join().unwrap();
    });
}

/// In the child, that it is one.
const ROOM: &str = "KEYLANE_TEST_LITTLE_ROOM";

/// Does something only where there is no room for many threads.
#[test]
fn child_that_has_little_room() {
    struct Counts(Arc<AtomicUsize>, Arc<AtomicUsize>);
    impl Handler for Counts {
        type Key = usize;
        type Item = ();
        fn handle(&self, _: Lease<'_, usize, ()>, (): ()) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    impl Drop for Counts {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    if std::env::var_os(ROOM).is_none() {
        return;
    }
    let (ran, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let builder = |threads| {
        let counts = Counts(Arc::clone(&ran), Arc::clone(&dropped));
        ShardedThreadPool::builder(counts).shards(2).threads_per_shard(threads)
    };
    assert!(matches!(builder(10_000).start(), Err(BuildError::Thread(_))));
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "those that had been started have ended");

    let pool = builder(1).start().unwrap();
    let run = |items: usize| {
        let before = ran.load(Ordering::SeqCst);
        (0..items).for_each(|key| pool.submit(key, ()).unwrap());
        pool.drain().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst) - before, items);
    };
    run(100);
    assert!(matches!(pool.set_threads_per_shard(10_000), Err(ResizeError::Thread(_))));
    run(100);
    // What could be started serves, and can be told to end.
    pool.set_threads_per_shard(1).unwrap();
    run(100);
    assert!(pool.join().unwrap().leftovers.is_empty());
    println!("went on");
}

#[test]
#[cfg(unix)]
fn a_thread_that_cannot_be_started_is_an_error_and_the_others_serve() {
    let exe = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new("sh");
    // Little room, and large stacks: some ten threads.
    child.args(["-c", r#"ulimit -v 1000000 && exec "$0" --exact child_that_has_little_room --nocapture"#]);
    child.arg(exe).env(ROOM, "yes").env("RUST_MIN_STACK", (64 << 20).to_string());
    let ended = child.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(said.contains("went on"), "{said}\n{}", String::from_utf8_lossy(&ended.stderr));
}
