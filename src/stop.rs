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
