//! What a model decides before an exploration and reads after it.
//!
//! One exploration runs on one OS thread, so plain std thread-locals hold it without loom seeing (or ordering)
//! anything.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// loom itself, for the threads and locks of a dependant's own code: two versions of it would not see each other.
pub use ::loom;

pub use super::checking::Plain;
pub use super::explore::{Exploration, Explored, MAX_THREADS, Position, explore};
pub use super::steps::Step;

/// The two extremes a hint may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hints {
    /// The value the word was born with: the stalest possible.
    Oldest,
    /// The value it holds now.
    Newest,
}

std::thread_local! {
    static HINTS: Cell<Hints> = const { Cell::new(Hints::Oldest) };
    static DEADLINES_PASS: Cell<bool> = const { Cell::new(true) };
    static MARKS: RefCell<BTreeMap<&'static str, usize>> = const { RefCell::new(BTreeMap::new()) };
    /// Bit n says that the n-th sleep of an execution ends for no reason; what is left of it in this one.
    static SPURIOUS: Cell<u32> = const { Cell::new(0) };
}

/// Chooses what hints answer in the explorations that follow on this thread.
pub(super) fn set_hints(hints: Hints) {
    HINTS.with(|cell| cell.set(hints));
}

pub(super) fn hints() -> Hints {
    HINTS.with(Cell::get)
}

/// Chooses whether deadlines may pass in the explorations that follow on this thread.
pub(super) fn set_deadlines(pass: bool) {
    DEADLINES_PASS.with(|cell| cell.set(pass));
}

pub(super) fn deadlines_pass() -> bool {
    DEADLINES_PASS.with(Cell::get)
}

/// Begins an execution in which the sleeps whose bits are set end for no reason.
pub(super) fn plan_wakes(plan: u32) {
    SPURIOUS.with(|cell| cell.set(plan));
}

/// Whether the sleep that begins now is to end for no reason.
pub(super) fn wakes_for_no_reason() -> bool {
    SPURIOUS.with(|cell| {
        let plan = cell.get();
        cell.set(plan >> 1);
        plan & 1 == 1
    })
}

pub(super) fn record(label: &'static str) {
    MARKS.with(|marks| *marks.borrow_mut().entry(label).or_insert(0) += 1);
}

/// How often the branch called `label` has been taken in this exploration, in all interleavings so far.
pub fn times(label: &'static str) -> usize {
    MARKS.with(|marks| marks.borrow().get(label).copied().unwrap_or(0))
}

/// Returns, and forgets, how often each branch was taken since the last call on this thread.
pub(super) fn take_marks() -> BTreeMap<&'static str, usize> {
    MARKS.with(|marks| std::mem::take(&mut *marks.borrow_mut()))
}
