//! What ships, under sampled schedules. `README.md` beside this package says how to read, repeat and enlarge it.

extern crate keylane_shuttle as keylane;

mod harness;
#[path = "../scenarios/mod.rs"]
mod scenarios;
#[path = "harness/threads.rs"]
mod threads;

use harness::Sampling;
use scenarios::{pool, queue};

const POOL: Sampling = Sampling {
    name: "pool_small",
    guarantees: &["P1", "P2", "P3", "P5", "P6", "P7", "P8"],
    threads: pool::Size::SMALL.threads(),
    messages: pool::Size::SMALL.messages(),
    wide: false,
    reaches: &[],
};

const QUEUE: Sampling = Sampling {
    name: "queue_small",
    guarantees: &["D1", "D2", "D5", "D6", "D10", "D11", "D12"],
    threads: queue::Size::SMALL.threads(),
    messages: queue::Size::SMALL.messages(),
    wide: false,
    reaches: &[],
};

#[test]
fn pool_small() {
    POOL.check(|| pool::run(pool::Size::SMALL));
}

#[test]
fn pool_wide() {
    let (threads, messages) = (pool::Size::WIDE.threads(), pool::Size::WIDE.messages());
    Sampling { name: "pool_wide", threads, messages, wide: true, ..POOL }
        .check(|| pool::run(pool::Size::WIDE));
}

#[test]
fn queue_small() {
    QUEUE.check(|| queue::run(queue::Size::SMALL));
}

#[test]
fn queue_wide() {
    let (threads, messages) = (queue::Size::WIDE.threads(), queue::Size::WIDE.messages());
    Sampling { name: "queue_wide", threads, messages, wide: true, ..QUEUE }
        .check(|| queue::run(queue::Size::WIDE));
}
