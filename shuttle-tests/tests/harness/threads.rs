//! What scenarios run on, over shuttle. The stress test has the same surface over std.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

use std::cell::Cell;
use std::sync::Mutex;

use shuttle::rand::{Rng, thread_rng};

pub use keylane::internals::mark;
pub use shuttle::sync::mpsc::{Receiver, Sender, channel};
pub use shuttle::thread::{ThreadId as Id, spawn};

/// This thread.
pub fn id() -> Id {
    shuttle::thread::current().id()
}

/// A moment at which another thread may go on.
pub fn step() {
    shuttle::thread::sleep(std::time::Duration::ZERO);
}

/// Whether this is the thread that an execution begins with.
pub fn starts_all() -> bool {
    shuttle::thread::current().name() == Some("main-thread")
}

/// One of the numbers below `bound`, drawn as part of the schedule.
pub fn below(bound: usize) -> usize {
    thread_rng().gen_range(0..bound)
}

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
}

/// The next tick of a clock that shuttle does not see. (All its threads are one to std.)
pub fn stamp() -> usize {
    NOW.set(NOW.get() + 1);
    NOW.get()
}

/// What no two threads may touch at the same time, and nothing here orders. shuttle sees no races; the stress
/// test has plain memory in its place.
#[derive(Debug, Default)]
pub struct Plain<T>(Mutex<T>);

impl<T> Plain<T> {
    pub fn with<R>(&self, access: impl FnOnce(&mut T) -> R) -> R {
        access(&mut self.0.try_lock().expect("accesses do not overlap"))
    }
}
