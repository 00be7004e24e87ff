//! What ships, under sampled schedules, is what the specifications say. `README.md` beside this package says how to read,
//! repeat and enlarge it.

extern crate keylane_shuttle as keylane;

#[path = "../followed/mod.rs"]
mod followed;
mod harness;
#[path = "harness/threads.rs"]
mod threads;

use std::io::Write;

use harness::Sampling;

const INBOX: Sampling = Sampling {
    name: "inbox",
    guarantees: &["D1", "D2", "D11"],
    threads: 10,
    messages: 24,
    wide: false,
    reaches: &["slept", "rung before sleep"],
};

const BATON: Sampling = Sampling {
    name: "baton",
    guarantees: &["P1", "P5", "P8"],
    threads: 9,
    messages: 12,
    wide: false,
    reaches: &["slept", "rung before sleep", "worker woke"],
};

const POOL: Sampling = Sampling {
    name: "pool",
    guarantees: &["P1", "P2", "P3", "P6", "P7", "P8", "P11"],
    threads: 11,
    messages: 11,
    wide: false,
    reaches: &["slept", "control waited", "pause refused", "drained, but not at once"],
};

const QUEUE: Sampling = Sampling {
    name: "queue",
    guarantees: &["D1", "D2", "D3", "D5", "D7", "D8", "D9", "D10", "D11"],
    threads: 8,
    messages: 19,
    wide: false,
    reaches: &["slept", "queued behind", "visit refused", "discarded", "stands in line"],
};

const GATE: Sampling = Sampling {
    name: "gate",
    guarantees: &["E1", "E2", "E3", "E4", "E5"],
    threads: 8,
    messages: 16,
    wide: false,
    reaches: &["waits for an epoch", "left to who delivers", "released", "appeared meanwhile"],
};

/// Samples, and says what it was made of: each schedule was followed, and of each of these kinds of actions there was one.
fn follow(sampling: Sampling, scenario: fn()) {
    sampling.check(scenario);
    let taken = followed::taken();
    let actions: usize = taken.values().sum();
    let kinds: Vec<_> = taken.iter().map(|(name, times)| format!("{name} {times}")).collect();
    // Past libtest's capture, on purpose: the line is part of the result.
    let _ =
        writeln!(std::io::stdout(), "followed {}: {actions} actions: {}", sampling.name, kinds.join(", "));
}

#[test]
fn inbox() {
    follow(INBOX, followed::follow_inbox);
}

#[test]
fn baton() {
    follow(BATON, followed::follow_baton);
}

#[test]
fn pool() {
    follow(POOL, followed::follow_pool);
}

#[test]
fn queue() {
    follow(QUEUE, followed::follow_queue);
}

#[test]
fn gate() {
    follow(GATE, followed::follow_gate);
}
