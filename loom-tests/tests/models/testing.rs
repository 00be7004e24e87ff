//! What dependants make models with, `keylane::testing`: does it show all orders, and add none of its own?
//!
//! That the checkers reject what they are for is asked in `tests/rejects.rs`.

use crate::harness::{Log, Model};
use keylane::testing::{Balance, Conservation, Exclusion, Fate, ManualClock, Order, mark, settle};
use keylane::{Handler, Lease, ShardedThreadPool, Step};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        a_look_at_the_clock_against_its_advance(),
        the_clock_orders_nothing_else(),
        permits_out_at_once(),
        checkers_pass_a_right_pool(),
    ]
}

const TICK: Duration = Duration::from_secs(1);

/// Each of two looks comes before the advance or after it, and time does not go back.
fn a_look_at_the_clock_against_its_advance() -> Model {
    Model::new("a_look_at_the_clock_against_its_advance", "", 2)
        .iterations(9)
        .reaches(&["before", "between", "after"])
        .scenario(|| {
            let clock = ManualClock::new();
            let advance = {
                let clock = clock.clone();
                thread::spawn(move || clock.advance(TICK))
            };
            match (clock.now(), clock.now()) {
                (TICK, TICK) => mark("before"),
                (Duration::ZERO, TICK) => mark("between"),
                (Duration::ZERO, Duration::ZERO) => mark("after"),
                looks => panic!("{looks:?}"),
            }
            advance.join().unwrap();
            assert_eq!(clock.now(), TICK);
        })
}

/// Who sees the time that another has set may still not see what it wrote before: a clock that synchronised would
/// hide that.
fn the_clock_orders_nothing_else() -> Model {
    Model::new("the_clock_orders_nothing_else", "", 2).iterations(4).reaches(&["seen", "not seen"]).scenario(
        || {
            let (clock, written) = (ManualClock::new(), Arc::new(AtomicUsize::new(0)));
            {
                let (clock, written) = (clock.clone(), Arc::clone(&written));
                thread::spawn(move || {
                    written.store(1, Ordering::Relaxed);
                    clock.advance(TICK);
                });
            }
            if clock.now() == TICK {
                mark(if written.load(Ordering::Relaxed) == 1 { "seen" } else { "not seen" });
            }
        },
    )
}

/// Two permits that nothing orders: both out at once, and one after the other.
fn permits_out_at_once() -> Model {
    Model::new("permits_out_at_once", "D8", 2).iterations(30).reaches(&["one", "two"]).scenario(|| {
        let balance = Balance::new(2);
        let other = {
            let balance = balance.clone();
            thread::spawn(move || {
                balance.acquired(1);
                balance.returned(1);
            })
        };
        balance.acquired(1);
        mark(if balance.out() == 2 { "two" } else { "one" });
        balance.returned(1);
        other.join().unwrap();
        balance.check_quiet();
    })
}

/// All of them around a pool that keeps its promises, two submitters and two workers.
fn checkers_pass_a_right_pool() -> Model {
    #[derive(Clone, Default)]
    struct Checked {
        exclusion: Exclusion<u8>,
        order: Order<u8>,
        conservation: Conservation,
        begun: Log<u64>,
    }
    impl Checked {
        fn submit(&self, number: u64, call: impl FnOnce() -> bool) {
            let call = || if call() { Ok(()) } else { Err(()) };
            self.order.submit(&0, number, || self.conservation.offer(number, call)).unwrap();
        }
    }
    impl Handler for Checked {
        type Key = u8;
        type Item = u64;
        fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, number: u64) {
            let _inside = self.exclusion.enter(&key);
            self.order.began(&key, number);
            self.conservation.met(number, Fate::Ran);
            self.begun.add(number);
        }
    }

    Model::new("checkers_pass_a_right_pool", "P1 P2 P3", 2)
        .iterations(169)
        .reaches(&["the other's first", "the other's second", "ran early"])
        .scenario(|| {
            let checked = Checked::default();
            let (pool, mut workers) =
                ShardedThreadPool::builder(checked.clone()).shards(1).threads_per_shard(1).stepped().unwrap();
            let other = {
                let (pool, checked) = (pool.clone(), checked.clone());
                thread::spawn(move || checked.submit(2, || pool.submit(0, 2).is_ok()))
            };
            checked.submit(1, || pool.submit(0, 1).is_ok());
            if workers[0].step() == Step::Ran {
                mark("ran early");
            }
            other.join().unwrap();
            settle(&mut workers);
            mark(if checked.begun.take() == [1, 2] { "the other's second" } else { "the other's first" });
            checked.exclusion.check();
            checked.order.check();
            checked.conservation.check();
        })
}
