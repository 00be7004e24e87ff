//! What becomes of accepted work when a primitive is stopped.

/// What to do at shutdown with what has been accepted and not yet started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// Run it all, then end. Nothing accepted is lost and nothing comes back.
    RunRemaining,
    /// Start nothing more; hand it back to the caller of `join`, in order.
    HandBack,
}

/// What one step of a hand-driven loop or worker did.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Ran one message or item to its end.
    Ran,
    /// Found nothing to run, for now.
    Idle,
    /// Found that it has been stopped and that nothing is left to do. Stays so.
    Stopped,
}

/// What becomes of a pool when one of its handlers panics. The item counts as run, and the panic is counted, always.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnItemPanic {
    /// The key's next item runs as if nothing had happened, and the thread goes on.
    #[default]
    Isolate,
    /// The key is held until it is [healed](crate::PoolHandle::heal): what it has waiting, and is yet to get, does not run
    /// before, though it may be [removed](crate::PoolHandle::remove). A drain of that waits. When the pool is shut down it
    /// comes back, whichever way.
    PoisonKey,
    /// As [`Isolate`](Self::Isolate), and the thread ends and another takes its place, under the same name: what the thread
    /// had for itself, its thread-locals, is as new.
    RestartThread,
    /// The pool is shut down with [`Stop::HandBack`] before the key goes on: nothing more is begun on what the panic may have
    /// left half done.
    Stop,
}

/// What becomes of a queue when one of its callbacks panics. (A callback on the caller's own thread, a fast one, panics
/// there all the same.)
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnPanic {
    /// The message counts as dispatched, the panic is counted, and the queue goes on.
    #[default]
    Isolate,
    /// The same, and the queue is shut down with [`Stop::HandBack`] before the unwinding goes on: nothing more is begun
    /// on what the panic may have left half done.
    Stop,
}
