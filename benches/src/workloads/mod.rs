//! What is asked.

pub mod w6;

/// How much work a question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A tenth: to see that all runs, not to compare.
    Quick,
    /// What takes long enough to be compared.
    Full,
}

impl Size {
    /// Of so many operations in full, how many there are.
    pub fn scale(self, full: u64) -> u64 {
        match self {
            Self::Quick => full.div_ceil(10),
            Self::Full => full,
        }
    }
}
