//! The one module that knows whether this is a model.

#[cfg(keylane_loom)]
pub use keylane::testing::{loom::sync::Mutex, note};
#[cfg(not(keylane_loom))]
pub use std::sync::Mutex;

/// Notes a step for who reads a replayed interleaving. Nothing, natively.
#[cfg(not(keylane_loom))]
#[inline(always)]
pub fn note(_what: impl FnOnce() -> String) {}
