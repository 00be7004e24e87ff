//! A thread that runs a loop to its end, panics of callbacks notwithstanding, and gives it back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sync::thread;

/// A thread that owns a `L` while it runs.
#[derive(Debug)]
pub(crate) struct WorkerThread<L> {
    handle: thread::JoinHandle<(L, usize)>,
}

impl<L: Send + 'static> WorkerThread<L> {
    /// Starts a thread that calls `run` until it returns rather than unwinds.
    ///
    /// `run` must leave the loop fit to be run again when a callback panics: no lock of ours is held around
    /// callbacks (V5), so what unwinds has changed only what the callback itself changed.
    pub(crate) fn start(name: String, mut looped: L, run: fn(&mut L)) -> std::io::Result<Self> {
        let handle = thread::spawn(name, move || {
            let mut panics = 0;
            while let Err(payload) = catch_unwind(AssertUnwindSafe(|| run(&mut looped))) {
                panics += 1;
                // A payload is the user's, and so is its drop. One that panics in turn is left alone.
                if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    std::mem::forget(another);
                }
            }
            (looped, panics)
        })?;
        Ok(Self { handle })
    }

    /// Waits for the end; the loop, and how many callbacks panicked.
    pub(crate) fn join(self) -> (L, usize) {
        self.handle.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }
}
