//! A thread that runs a loop to its end, panics of callbacks notwithstanding, and gives it back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sync::{Arc, Mutex, thread};

/// A thread that owns a `L` while it runs, or the last of several that had it in turn.
pub(crate) struct WorkerThread<L> {
    handle: thread::JoinHandle<Ended<L>>,
}

/// Where a loop goes on after a callback has panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterPanic {
    /// Where it was.
    GoOn,
    /// In a new thread of the same name. If that cannot be started: where it was.
    NewThread,
}

/// What each thread does first.
pub(crate) type Beginning = Box<dyn Fn() + Send>;

/// How a thread ended.
enum Ended<L> {
    /// With its loop.
    Done(Life<L>),
    /// This one has the loop now.
    Succeeded(WorkerThread<L>),
}

/// A loop from its start to its end, through however many threads.
struct Life<L> {
    looped: L,
    begin: Option<Beginning>,
    run: fn(&mut L),
    after_panic: AfterPanic,
    name: String,
    panics: usize,
}

impl<L: Send + 'static> WorkerThread<L> {
    /// Starts a thread that calls `run` until it returns rather than unwinds.
    ///
    /// `run` must leave the loop fit to be run again when a callback panics: no lock of ours is held around
    /// callbacks (V5), so what unwinds has changed only what the callback itself changed.
    pub(crate) fn start(
        name: String,
        looped: L,
        run: fn(&mut L),
        after_panic: AfterPanic,
    ) -> std::io::Result<Self> {
        Self::start_with(name, None, looped, run, after_panic)
    }

    /// The same, but each thread that has the loop in turn calls `begin` first. If that panics, it is counted, and the loop
    /// goes on in this thread all the same: in another one `begin` would panic again.
    pub(crate) fn start_with(
        name: String,
        begin: Option<Beginning>,
        looped: L,
        run: fn(&mut L),
        after_panic: AfterPanic,
    ) -> std::io::Result<Self> {
        let life = Life { looped, begin, run, after_panic, name: name.clone(), panics: 0 };
        let handle = thread::spawn(name, move || life.live())?;
        Ok(Self { handle })
    }

    /// Waits for the end; the loop, and how many callbacks panicked.
    pub(crate) fn join(mut self) -> (L, usize) {
        loop {
            match self.handle.join() {
                Ok(Ended::Done(life)) => return (life.looped, life.panics),
                Ok(Ended::Succeeded(successor)) => self = successor,
                Err(payload) => std::panic::resume_unwind(payload),
            }
        }
    }
}

impl<L: Send + 'static> Life<L> {
    fn live(mut self) -> Ended<L> {
        if let Some(Err(payload)) = self.begin.as_ref().map(|begin| catch_unwind(AssertUnwindSafe(begin))) {
            self.panics += 1;
            discard(payload);
        }
        while let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.run)(&mut self.looped))) {
            self.panics += 1;
            discard(payload);
            if self.after_panic == AfterPanic::NewThread {
                match self.move_on() {
                    Ok(successor) => return Ended::Succeeded(successor),
                    Err(still_here) => self = still_here,
                }
            }
        }
        Ended::Done(self)
    }

    /// Goes on in a new thread, or comes back if there cannot be one.
    fn move_on(self) -> Result<WorkerThread<L>, Self> {
        let name = self.name.clone();
        // Not in the thread's closure: that is lost if the thread cannot be started.
        let slot = Arc::new(Mutex::new(Some(self)));
        let life = Arc::clone(&slot);
        let body = move || {
            let life = life.lock().take().expect("taken once");
            life.live()
        };
        match thread::spawn(name, body) {
            Ok(handle) => Ok(WorkerThread { handle }),
            Err(_) => Err(slot.lock().take().expect("nobody has taken it")),
        }
    }
}

/// Drops what a callback panicked with. That is the user's, and so is its drop: one that panics in turn is left alone.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
}
