//! What is asked.

pub mod w3;
pub mod w7;

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// To see that everything runs, and about how fast.
    Quick,
    /// What is published.
    Full,
}

impl Size {
    /// So many of `full` operations: a tenth if it is to be quick.
    pub fn scale(self, full: u64) -> u64 {
        match self {
            Self::Quick => full / 10,
            Self::Full => full,
        }
    }
}
