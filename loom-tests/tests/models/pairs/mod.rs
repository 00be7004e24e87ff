//! Each pair of operations that two threads can do at once, as a model: made from one table for each object.
//!
//! The rule of the names: `OBJECT.OPERATION.OPERATION.STATE`. The rule of the models: from that state two threads do
//! one operation each; then the object is emptied; and the history of all calls must have an explanation by the
//! sequential reference model. Each must see both orders of the two operations and their overlap. The triples that matter
//! are made in the same way, from a list. What one thread does for long, run a loop, is paired with the others in
//! `sleeper.rs`.
//!
//! `pins.txt` beside this file holds how many interleavings each has.

mod gate;
mod inbox;
mod pool;
mod queue;
mod rows;
mod sleeper;
mod throttle;

use std::collections::BTreeMap;

use keylane::testing::{Model, mark};

use crate::history::JUDGED;

pub use rows::every_operation_has_its_row;

/// Every pair of every object.
pub fn models() -> Vec<Model> {
    let pins: BTreeMap<&str, u64> = include_str!("pins.txt")
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, pin)| (name, pin.parse().expect("a pin is a number")))
        .collect();
    let pin = |model: Model| {
        let pinned = pins.get(model.name()).copied().unwrap_or(0);
        model.iterations(pinned)
    };
    [inbox::models(), queue::models(), sleeper::models(), pool::models(), throttle::models(), gate::models()]
        .into_iter()
        .flatten()
        .map(pin)
        .collect()
}

/// How many models have histories that the twins judge: of most operations they know.
pub fn the_twins_judge() -> Result<(), String> {
    let expected = [("DispatchQueue", 426), ("EpochGate", 156), ("Inbox", 90), ("ShardedPool", 166)];
    let judged = JUDGED.lock().unwrap();
    match judged.iter().map(|(&module, &models)| (module, models)).eq(expected) {
        true => Ok(()),
        false => Err(format!("the twins judge {judged:?}, and not {expected:?}")),
    }
}

const FIRST: &str = "first, then second";
const SECOND: &str = "second, then first";
const OVERLAP: &str = "both at once";

/// When an operation was invoked and when it returned.
type Span = (usize, usize);

/// Marks how the operations lay to each other.
fn mark_order(spans: &[Span]) {
    let before = |one: Span, other: Span| one.1 < other.0;
    let overlap = |one: Span, other: Span| !before(one, other) && !before(other, one);
    if spans.iter().all(|&one| spans.iter().all(|&other| overlap(one, other))) {
        mark(OVERLAP);
    } else if let [second, first] = *spans {
        mark(if before(first, second) { FIRST } else { SECOND });
    }
}

/// All unordered pairs, those of an operation with itself included.
fn pairs<T: Copy>(all: &[T]) -> impl Iterator<Item = (T, T)> {
    all.iter().enumerate().flat_map(move |(at, &one)| all[at..].iter().map(move |&other| (one, other)))
}
