//! What ships, under sampled schedules. `README.md` beside this package says how to read, repeat and enlarge it.

extern crate keylane_shuttle as keylane;

mod harness;
#[path = "../scenarios/mod.rs"]
mod scenarios;
#[path = "harness/threads.rs"]
mod threads;

use harness::{Sampling, WIDE};
use scenarios::{gate, pool, queue, traffic};

const POOL: Sampling = Sampling {
    name: "pool_small",
    guarantees: &["P1", "P2", "P3", "P5", "P6", "P7", "P8", "P11"],
    threads: pool::Size::SMALL.threads(),
    messages: pool::Size::SMALL.messages(),
    one_in: 1,
    reaches: &[
        "rung before sleep",
        "rung while polling",
        "slept",
        "worker woke",
        "worker helps",
        "claimed",
        "claimed all",
        "claimed too late",
        "arrived while settling",
        "control waited",
        "pause refused",
        "drained, but not at once",
        "drain stranded",
        "closed twice",
    ],
};

const QUEUE: Sampling = Sampling {
    name: "queue_small",
    guarantees: &["D1", "D2", "D5", "D6", "D10", "D11", "D12"],
    threads: queue::Size::SMALL.threads(),
    messages: queue::Size::SMALL.messages(),
    one_in: 1,
    reaches: &[
        "rung before sleep",
        "slept",
        "queued behind",
        "visit refused",
        "visited past closing",
        "waited for a visitor",
        "last visitor rang",
        "local fast",
        "local queued",
        "closed twice",
    ],
};

const WIDE_POOL: Sampling = Sampling {
    name: "pool_wide",
    threads: pool::Size::WIDE.threads(),
    messages: pool::Size::WIDE.messages(),
    one_in: WIDE,
    reaches: &["slept", "pause refused", "drained, but not at once", "drain stranded"],
    ..POOL
};

const WIDE_QUEUE: Sampling = Sampling {
    name: "queue_wide",
    threads: queue::Size::WIDE.threads(),
    messages: queue::Size::WIDE.messages(),
    one_in: WIDE,
    reaches: &["slept", "queued behind", "visit refused", "closed twice"],
    ..QUEUE
};

const TRAFFIC: Sampling = Sampling {
    name: "traffic_small",
    guarantees: &["D1", "D7", "D8", "D9", "D11"],
    threads: traffic::Size::SMALL.threads(),
    messages: traffic::Size::SMALL.messages(),
    one_in: 1,
    reaches: &[
        "slept",
        "rung before sleep",
        "discarded",
        "queued behind",
        "stands in line",
        "granted in line",
        "timed out in line",
    ],
};

const WIDE_TRAFFIC: Sampling = Sampling {
    name: "traffic_wide",
    threads: traffic::Size::WIDE.threads(),
    messages: traffic::Size::WIDE.messages(),
    one_in: WIDE,
    reaches: &["slept", "discarded", "granted in line"],
    ..TRAFFIC
};

const GATE: Sampling = Sampling {
    name: "gate_small",
    guarantees: &["E1", "E2", "E3", "E4", "E5"],
    threads: gate::Size::SMALL.threads(),
    messages: gate::Size::SMALL.messages(),
    one_in: 1,
    reaches: &[
        "waits for an epoch",
        "left to who delivers",
        "released",
        "appeared meanwhile",
        "behind those set aside",
        "rejoined",
        "reset while a callback runs",
        "set aside after a reset",
        "a callback panicked",
        "published too late",
        "dropped with its session",
        "waited to the end",
    ],
};

const WIDE_GATE: Sampling = Sampling {
    name: "gate_wide",
    threads: gate::Size::WIDE.threads(),
    messages: gate::Size::WIDE.messages(),
    one_in: WIDE,
    reaches: &[
        "left to who delivers",
        "released",
        "behind those set aside",
        "rejoined",
        "a callback panicked",
    ],
    ..GATE
};

#[test]
fn pool_small() {
    POOL.check(|| pool::run(pool::Size::SMALL));
}

#[test]
fn pool_wide() {
    WIDE_POOL.check(|| pool::run(pool::Size::WIDE));
}

#[test]
fn queue_small() {
    QUEUE.check(|| queue::run(queue::Size::SMALL));
}

#[test]
fn traffic_small() {
    TRAFFIC.check(|| traffic::run(traffic::Size::SMALL));
}

#[test]
fn traffic_wide() {
    WIDE_TRAFFIC.check(|| traffic::run(traffic::Size::WIDE));
}

#[test]
fn queue_wide() {
    WIDE_QUEUE.check(|| queue::run(queue::Size::WIDE));
}

#[test]
fn gate_small() {
    GATE.check(|| gate::run(gate::Size::SMALL));
}

#[test]
fn gate_wide() {
    WIDE_GATE.check(|| gate::run(gate::Size::WIDE));
}
