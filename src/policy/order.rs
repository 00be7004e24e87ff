//! How a queue orders what waits: the settings.

/// In which order a queue takes what waits.
///
/// Priorities from `strict_from` on are the *strict band*: the highest goes first, always. Those below are
/// the *weighted band*: it has its turn while the strict band is empty, and shares that by priority and cost.
/// Within one priority, of either band, sources take turns. Across both bands no message is overtaken more
/// often than `overtakes` allows.
///
/// The default is that of Ceph's messenger (Jewel), plus the bound, which Ceph has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The lowest priority of the strict band; 0 makes all of them strict. 64 by default.
    pub strict_from: u8,
    /// Who is next among the priorities of the weighted band.
    pub weighted: Weighted,
    /// How often a message may be overtaken.
    pub overtakes: Overtakes,
}

impl Default for Order {
    fn default() -> Self {
        Self { strict_from: 64, weighted: Weighted::default(), overtakes: Overtakes::default() }
    }
}

/// How the priorities of the weighted band share: each gets bytes in proportion to its number. Priority 0
/// counts as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weighted {
    /// After Ceph's `PrioritizedQueue`. Deterministic. If k priorities start even and wait throughout, none is
    /// ever off its share by k times the largest charge, but for what the bound on overtaking enforces.
    TokenBucket {
        /// Bytes: a message of more is charged as if it were of this many. Ceph's messenger has 16 MiB.
        max_tokens: u64,
        /// Bytes: a message of fewer is charged as if it were of this many, for handling it is not free
        /// either; at most `max_tokens` is charged all the same. Ceph's messenger has 64 KiB.
        min_cost: u64,
    },
    /// After Ceph's `WeightedPriorityQueue`: drawn at random, so that no pattern of arrivals can arrange
    /// itself with it. The shares are exact on average; after n messages they are off by about the largest
    /// cost times the square root of n. A message of fewer than 64 KiB is charged as if it were of that many.
    Lottery {
        /// Equal seeds and equal arrivals give equal picks.
        seed: u64,
    },
}

impl Default for Weighted {
    fn default() -> Self {
        Self::TokenBucket { max_tokens: 16 << 20, min_cost: 64 << 10 }
    }
}

/// How often a message may be overtaken: how many that arrived after it may be picked before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overtakes {
    /// So many times, and then it is next, whatever else waits. 0 is the order of arrival. Costs 4 bytes for
    /// each message between the oldest that waits and the latest: at most those that wait, those that have
    /// overtaken it, as many again that were discarded, and some hundred that are gone.
    AtMost(u64),
    /// Any number of times: higher priorities can starve lower ones.
    Unbounded,
}

impl Default for Overtakes {
    fn default() -> Self {
        Self::AtMost(65_536)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_that_of_cephs_messenger_with_a_bound() {
        let Order { strict_from, weighted, overtakes } = Order::default();
        assert_eq!(strict_from, 64);
        assert_eq!(weighted, Weighted::TokenBucket { max_tokens: 16_777_216, min_cost: 65_536 });
        assert_eq!(overtakes, Overtakes::AtMost(65_536));
    }
}
