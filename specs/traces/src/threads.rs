//! Threads of the system. The tests of `loom-tests` and `shuttle-tests` run the same plans with simulated ones, and bring
//! their own of this.

pub use std::thread::spawn;

/// Whether threads change places by themselves.
pub const SIMULATED: bool = false;
