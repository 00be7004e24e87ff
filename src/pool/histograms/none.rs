//! No histograms.

use core::time::Duration;

/// Nobody wants any.
#[derive(Clone, Debug)]
pub struct Wanted;

impl Wanted {
    /// None.
    pub fn none() -> Self {
        Self
    }

    /// Those of a class of which there has been nothing.
    pub fn begin(&self) -> Kept {
        Kept
    }
}

/// Nothing.
#[derive(Debug)]
pub struct Kept;

impl Kept {
    /// Nothing.
    #[inline(always)]
    pub fn wait(&mut self, _: Duration) {}

    /// Nothing.
    #[inline(always)]
    pub fn run(&mut self, _: Duration) {}
}
