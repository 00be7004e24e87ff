//! The system's clock.

use std::time::{Duration, Instant};

/// A moment, and how long ago it was. For reports: what a program does may not depend on it (V4), and no model asks it.
#[derive(Clone, Debug)]
pub struct Monotonic(Instant);

impl Default for Monotonic {
    /// Now.
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Monotonic {
    /// How long ago it was.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
