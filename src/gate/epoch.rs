//! The two numbers that a gate speaks of.

use std::fmt;

/// Numbers the published maps (Ceph: epoch_t). Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a session of one gate. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u64);

impl SessionId {
    /// Comes before all others.
    pub(super) const FIRST: Self = Self(1);

    /// The one after this.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Its number; they count from 1 in each gate.
    pub fn get(self) -> u64 {
        self.0
    }
}
