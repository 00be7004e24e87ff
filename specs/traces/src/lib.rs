//! What keylane's threads do, held against `specs/`.
//!
//! With the feature `trace` the crate writes down each atomic operation and each critical section, at its place in the one
//! order of all. A module here runs a protocol, and says its notes over again as actions of the specification; the twin
//! ([`keylane_twin`]) then sees whether that is one of its behaviours. Nothing is left to be guessed: each action has its note,
//! and what the specification leaves open is in it.

pub mod baton;
pub mod ceph;
pub mod corrupted;
pub mod daemon;
pub mod gate;
pub mod inbox;
pub mod note;
pub mod pace;
pub mod pool;
pub mod queue;
pub mod testing;
pub mod threads;
pub mod trace;
