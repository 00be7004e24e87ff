//! What only checkers use of loom.

use std::sync::{Mutex, PoisonError};

use loom::cell::Cell;
use loom::sync::atomic::{AtomicUsize, Ordering};

/// Something that happens before or after the other moments of the same instance, and says nothing else.
#[derive(Debug, Default)]
pub struct Moment(AtomicUsize);

impl Moment {
    /// One of its own. Make it before the threads that use it.
    pub fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// It happens.
    pub fn pass(&self) {
        // loom can take no step while a panic unwinds.
        if !std::thread::panicking() {
            // ORDERING: Relaxed, on purpose: a read-modify-write, so that loom explores both orders of any two; and
            // without acquire or release, so that it adds no edge that the subject lacks.
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A plain, non-atomic cell that loom checks: two accesses, one of them a write, that are not ordered by
/// happens-before fail the model. It orders nothing itself.
///
/// Put one where code relies on being alone, as a handler does with the state of its key (P3, P4).
#[derive(Debug, Default)]
pub struct Plain<T>(
    /// loom's cell cannot be shared, and a lock that loom does not see changes that without unsafe code.
    Mutex<Cell<T>>,
);

impl<T: Copy> Plain<T> {
    /// A cell holding `value`. In a model: make it before the threads that use it.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self(Mutex::new(Cell::new(value)))
    }

    /// Reads it.
    #[track_caller]
    pub fn get(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get()
    }

    /// Writes it.
    #[track_caller]
    pub fn set(&self, new: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).set(new);
    }
}
