//! What the watch thread runs.

use crate::sync::{Arc, mark};
use crate::watch::watchman::Watchman;

/// Looks again and again until the watchman is closed.
pub struct WatchLoop<W>(Arc<Watchman<W>>);

impl<W: Clone> WatchLoop<W> {
    /// A loop for one thread.
    pub fn new(watchman: Arc<Watchman<W>>) -> Self {
        Self(watchman)
    }

    /// Looks, sleeps until something may be due, and so on. Panics if a report does, and can be called again then: the
    /// report counts as made.
    pub fn run(&mut self) {
        while !self.0.sleep(self.0.look()) {
            mark("looks again");
        }
    }
}
