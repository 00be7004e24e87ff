//! Who is next among priorities that share.

mod lottery;
mod token_bucket;

use std::fmt::Debug;

use crate::policy::order::Weighted;
use lottery::Lottery;
use token_bucket::TokenBucket;

/// A priority of which something waits, and what is next of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Front {
    /// The priority.
    pub priority: u8,
    /// Of the next message of it, in bytes.
    pub cost: u64,
}

impl Front {
    /// Its part in a sharing. Ceph's lottery never draws priority 0 while another waits; here it counts as 1.
    fn weight(self) -> u8 {
        self.priority.max(1)
    }
}

/// A way to share.
pub trait Shares: Debug + Send {
    /// Which of `fronts` is next. They are by rising priority, and at least one.
    fn choose(&mut self, fronts: &[Front]) -> u8;

    /// `taken` is taken, chosen or by force, while `fronts` waited; its priority is one of theirs.
    fn charge(&mut self, taken: Front, fronts: &[Front]);
}

impl Weighted {
    /// What shares in this way; nobody has had anything yet.
    pub(super) fn shares(self) -> Box<dyn Shares> {
        match self {
            Self::TokenBucket { max_tokens, min_cost } => Box::new(TokenBucket::new(max_tokens, min_cost)),
            Self::Lottery { seed } => Box::new(Lottery::new(seed)),
        }
    }
}
