//! What checkers write down, and when: seen by nobody but them.
//!
//! A checker that synchronised would hide the races of its subject. So what it writes is under std's lock, of which
//! loom knows nothing; and the moment at which it writes is a step that loom interleaves with the other moments of the
//! same witness, but that orders nothing else.

use std::sync::{Mutex, PoisonError};

use super::imp::Moment;

/// A value under a lock that models do not see. (Natively it is a lock like any other.)
#[derive(Debug, Default)]
pub struct Unseen<T>(Mutex<T>);

impl<T> Unseen<T> {
    /// A lock around `value`.
    pub fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Looks at it or changes it. `look` must take no step of a model: the lock would be held while others run.
    pub fn with<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The same, and each look is a step: models explore all orders of the looks at one witness.
#[derive(Debug, Default)]
pub struct Witness<T> {
    moment: Moment,
    value: Unseen<T>,
}

impl<T> Witness<T> {
    /// A witness of `value`. In a model: make it before the threads that use it.
    pub fn new(value: T) -> Self {
        Self { moment: Moment::new(), value: Unseen::new(value) }
    }

    /// Looks at it or changes it, at a moment. loom changes threads before a step and never after it, so the order of
    /// the looks is the order of the moments.
    pub fn at_a_moment<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        self.moment.pass();
        self.value.with(look)
    }
}
