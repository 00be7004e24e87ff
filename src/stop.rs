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
