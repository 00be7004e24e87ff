//! Can a ring be lost, whichever of ring and wait comes first?

use crate::harness::{Model, Plain};
use keylane::internals::{Arc, Bell};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        ring_against_wait(),
        ring_against_spurious_wakes(),
        ring_and_wait_twice(),
        ring_and_wait_twice_spuriously(),
    ]
}

fn ring_against_wait() -> Model {
    Model::new("ring_against_wait", "D11 P5", 2)
        .iterations(8)
        .reaches(&["slept", "rung before sleep"])
        .scenario(ring_against_wait_scenario)
}

/// The same, with sleeps that end for no reason.
fn ring_against_spurious_wakes() -> Model {
    Model::new("ring_against_spurious_wakes", "D11 P5", 2)
        .iterations(52)
        .spurious_wakes(2)
        .reaches(&["slept", "woke for no reason"])
        .scenario(ring_against_wait_scenario)
}

fn ring_against_wait_scenario() {
    let bell = Arc::new(Bell::new());
    let cell = Arc::new(Plain::new(0));
    let ringer = {
        let (bell, cell) = (Arc::clone(&bell), Arc::clone(&cell));
        thread::spawn(move || {
            cell.set(1);
            bell.ring();
        })
    };
    bell.wait();
    assert_eq!(cell.get(), 1, "what the ringer wrote is visible to the sleeper");
    ringer.join().unwrap();
}

/// The bell is as good as new after a wait: the second sleep needs, and gets, a second ring.
fn ring_and_wait_twice() -> Model {
    Model::new("ring_and_wait_twice", "D11 P5", 2)
        .iterations(402)
        .reaches(&["slept", "rung before sleep"])
        .scenario(ring_and_wait_twice_scenario)
}

/// The same, with sleeps that end for no reason.
fn ring_and_wait_twice_spuriously() -> Model {
    Model::new("ring_and_wait_twice_spuriously", "D11 P5", 2)
        .iterations(3_980)
        .spurious_wakes(2)
        .reaches(&["slept", "woke for no reason"])
        .scenario(ring_and_wait_twice_scenario)
}

fn ring_and_wait_twice_scenario() {
    let (there, back) = (Arc::new(Bell::new()), Arc::new(Bell::new()));
    let cell = Arc::new(Plain::new(0));
    {
        let (there, back, cell) = (Arc::clone(&there), Arc::clone(&back), Arc::clone(&cell));
        thread::spawn(move || {
            there.wait();
            cell.set(cell.get() + 1);
            back.ring();
            there.wait();
            cell.set(cell.get() + 1);
            back.ring();
        });
    }
    for round in 1..=2 {
        there.ring();
        back.wait();
        assert_eq!(cell.get(), round, "the sleeper was let through once");
    }
}
