//! Big programs on the public API, each with many threads and all the ways to stop, whose threads and random
//! numbers come from `crate::threads`: under shuttle here, native in the stress test of the repository.
//!
//! Each `run` is one execution. It draws a plan, lets the threads loose, and fails if a promise was broken.

pub mod gate;
pub mod ledger;
pub mod plan;
pub mod pool;
pub mod queue;
pub mod traffic;
