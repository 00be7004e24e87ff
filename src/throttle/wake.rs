//! Who sleeps, and how they are told.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

use crate::lane::Bell;
use crate::sync::Arc;

/// How one that waits is told to look again.
#[derive(Debug)]
pub(crate) enum Wake {
    /// A thread sleeps on it.
    Bell(Arc<Bell>),
    /// A task's. What it does when woken, cloned or dropped is the user's code: never under a lock of ours (V5).
    Task(Waker),
}

impl Wake {
    fn wake(self) {
        match self {
            Self::Bell(bell) => bell.ring(),
            Self::Task(waker) => waker.wake(),
        }
    }
}

/// Those to be told, when the lock has been let go.
#[derive(Debug, Default)]
#[must_use = "whoever is in here sleeps until told"]
pub(crate) struct Wakes(Vec<Wake>);

impl Wakes {
    /// One more.
    pub fn add(&mut self, wake: impl IntoIterator<Item = Wake>) {
        self.0.extend(wake);
    }

    /// Tells all of them, in their order. If a waker panics, those behind it are told all the same; the first panic
    /// goes on then.
    pub fn tell(self) {
        let mut panicked = None;
        for wake in self.0 {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| wake.wake())) {
                panicked.get_or_insert(panic);
            }
        }
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }
}
