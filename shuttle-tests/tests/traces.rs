//! What ships, under sampled schedules, is what the specifications say. `README.md` beside this package says how to read,
//! repeat and enlarge it.

extern crate keylane_shuttle as keylane;

#[path = "../followed/mod.rs"]
mod followed;
mod harness;
#[path = "harness/threads.rs"]
mod threads;

use std::io::Write;

use followed::Followed;
use harness::{FOLLOWED, SCHEDULERS, SCHEDULES, Sampling};

/// So many are followed of each plan, unless `KEYLANE_SCHEDULES` says otherwise.
const USUAL: usize = SCHEDULES / FOLLOWED * SCHEDULERS.len();

const INBOX: Sampling = Sampling {
    name: "inbox",
    guarantees: &["D1", "D2", "D11"],
    threads: 10,
    messages: 24,
    one_in: FOLLOWED,
    reaches: &["slept", "rung before sleep"],
};

const BATON: Sampling = Sampling {
    name: "baton",
    guarantees: &["P1", "P5", "P8"],
    threads: 9,
    messages: 12,
    one_in: FOLLOWED,
    reaches: &["slept", "rung before sleep", "worker woke"],
};

const POOL: Sampling = Sampling {
    name: "pool",
    guarantees: &["P1", "P2", "P3", "P6", "P7", "P8", "P11"],
    threads: 11,
    messages: 11,
    one_in: FOLLOWED,
    reaches: &["slept", "control waited", "pause refused", "drained, but not at once"],
};

const QUEUE: Sampling = Sampling {
    name: "queue",
    guarantees: &["D1", "D2", "D3", "D5", "D7", "D8", "D9", "D10", "D11"],
    threads: 8,
    messages: 19,
    one_in: FOLLOWED,
    reaches: &["slept", "queued behind", "visit refused", "discarded", "stands in line"],
};

const GATE: Sampling = Sampling {
    name: "gate",
    guarantees: &["E1", "E2", "E3", "E4", "E5"],
    threads: 8,
    messages: 16,
    one_in: FOLLOWED,
    reaches: &["waits for an epoch", "left to who delivers", "released", "appeared meanwhile"],
};

/// Samples, and says what it was made of: each schedule was followed, and there were so many kinds of actions at least.
fn follow(sampling: Sampling, scenario: fn(), kinds: usize) {
    sampling.check(scenario);
    let Sampling { name, threads, .. } = sampling;
    let Followed { schedules, actions } = followed::take_followed();
    let number: usize = actions.values().sum();
    let each: Vec<_> = actions.iter().map(|(action, times)| format!("{action} {times}")).collect();
    // Past libtest's capture, on purpose: the line is part of the result.
    let _ = writeln!(
        std::io::stdout(),
        "followed {name}: {schedules} schedules of {threads} threads, {number} actions: {}",
        each.join(", ")
    );
    // Fewer than usual may well miss some.
    assert!(actions.len() >= kinds || schedules < USUAL, "{name}: {} kinds of actions", actions.len());
}

#[test]
fn inbox() {
    follow(INBOX, followed::follow_inbox, 7);
}

#[test]
fn baton() {
    follow(BATON, followed::follow_baton, 16);
}

#[test]
fn pool() {
    follow(POOL, followed::follow_pool, 23);
}

#[test]
fn queue() {
    follow(QUEUE, followed::follow_queue, 27);
}

#[test]
fn gate() {
    follow(GATE, followed::follow_gate, 10);
}
