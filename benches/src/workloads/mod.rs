//! What is asked.

pub mod flood;
pub mod limits;
pub mod parcel;
pub mod percentiles;
pub mod processors;
pub mod w1;
pub mod w2;
pub mod w3;
pub mod w4;
pub mod w5;
pub mod w6;
pub mod w7;

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For tests: all contenders of all questions are through in seconds, and no figure means anything.
    Tiny,
    /// To see that everything runs, and about how fast.
    Quick,
    /// What is published.
    Full,
}

impl Size {
    /// So many of `full` operations: a tenth if it is to be quick.
    pub fn scale(self, full: u64) -> u64 {
        match self {
            Self::Tiny => (full / 1024).clamp(16, 1024),
            Self::Quick => full / 10,
            Self::Full => full,
        }
    }
}
