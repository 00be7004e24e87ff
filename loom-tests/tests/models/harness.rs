//! What the models share: helpers that add nothing loom could see, unless they say so.

use std::sync::{Arc, Mutex};

use keylane::internals::Word;

pub use keylane::testing::{Model, Plain};

/// A record of what happened, in an order that loom neither sees nor adds to: std types, so that the subject
/// alone must synchronise. Only its content at the end means anything.
#[derive(Debug, Default)]
pub struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Log<T> {
    pub fn new() -> Self {
        Self(Arc::default())
    }

    pub fn add(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }

    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl<T: Ord> Log<T> {
    pub fn sorted(&self) -> Vec<T> {
        let mut entries = self.take();
        entries.sort();
        entries
    }
}

/// An order that loom sees: two stamps are dependent, so both of their orders are explored. With a std clock
/// real-time order would not be. It also synchronises, so it goes into models that ask about order, and never
/// into those that ask about visibility.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Word>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(Word::new(0)))
    }

    /// The next tick.
    pub fn stamp(&self) -> usize {
        self.0.fetch_add(1)
    }
}
