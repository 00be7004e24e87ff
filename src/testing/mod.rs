//! For your own tests and models of code that uses keylane.
//!
//! With the feature `testing`, this module; with the feature `loom` and `--cfg keylane_loom` in `RUSTFLAGS`, the
//! same and [`Model`], which explores every interleaving of a scenario that steps keylane's queues and pools by
//! hand. It is what keylane's own models are made with.

#[cfg(keylane_loom)]
mod model;
#[cfg(keylane_loom)]
mod replay;

#[cfg(keylane_loom)]
pub use crate::sync::model::{Hints, note, times};
#[cfg(keylane_loom)]
pub use model::Model;

pub use crate::sync::mark;
