//! The steps of one interleaving, written down when it is replayed.

use std::cell::RefCell;
use std::panic::Location;

/// One step of one thread.
#[derive(Clone, Debug)]
pub struct Step {
    /// loom's number of the thread: 0 is the main one.
    pub thread: usize,
    /// Where in the sources.
    pub place: &'static Location<'static>,
    /// What was done, as a verb.
    pub what: String,
}

std::thread_local! {
    static STEPS: RefCell<Option<Vec<Step>>> = const { RefCell::new(None) };
}

/// Writes steps down from here on.
pub(super) fn start() {
    STEPS.with(|steps| *steps.borrow_mut() = Some(Vec::new()));
}

/// All steps since [`start`], and no more from here on.
pub(super) fn finish() -> Option<Vec<Step>> {
    STEPS.with(|steps| steps.borrow_mut().take())
}

/// Notes what this thread has just done, if somebody wants to know. loom changes threads before an operation and
/// never after it, so the order of the notes is the order of the operations.
#[track_caller]
pub(super) fn step(what: impl FnOnce() -> String) {
    step_at(Location::caller(), what);
}

/// The same for a step that belongs to another place than the caller's.
pub(super) fn step_at(place: &'static Location<'static>, what: impl FnOnce() -> String) {
    STEPS.with(|steps| {
        // While a panic unwinds destructors run that are no steps of the interleaving any more.
        if let Some(steps) = steps.borrow_mut().as_mut().filter(|_| !std::thread::panicking()) {
            steps.push(Step { thread: current(), place, what: what() });
        }
    });
}

/// Notes a step of the model itself: a call of the subject, its outcome.
#[track_caller]
pub fn note(what: impl FnOnce() -> String) {
    step(what);
}

/// loom tells a thread's number only through `Debug`: `ThreadId(1)`.
fn current() -> usize {
    let id = format!("{:?}", loom::thread::current().id());
    id.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or_default()
}
