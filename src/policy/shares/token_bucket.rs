//! Shares by tokens, after Ceph's `PrioritizedQueue` (`common/PrioritizedQueue.h`, Jewel).

use super::{Front, Shares};

/// Whoever is taken pays its cost in tokens, and all that wait get that many between them, in proportion to
/// their priorities. The lowest priority that can pay is next; if none can, the highest is, and runs up a
/// debt.
///
/// So a balance is what its priority is owed: its share of what was taken while it waited, less what it had
/// of that. Let k priorities start even and wait throughout, and C be the largest charge. Those below the
/// highest never owe, since they pay only what they have. Together they are owed less than k C: that grows
/// only while none of them can pay. The highest owes just as much. Hence no share is ever off by k C.
///
/// Where Ceph differs:
/// * A message of the largest cost could never pay, because it takes more than its cost: from low priorities
///   it starved. Here as much suffices.
/// * A priority that runs empty loses its tokens, so one that often does gets less than its share. Here it
///   keeps them, and its debts.
/// * What a bucket cannot hold is lost, which shifts the shares where costs come near its size. Here there is
///   room for all that the argument above allows.
/// * The highest takes without paying, and owes nothing once a higher one comes.
/// * Each gets one token more than its part, so priority 0 has 1 token for each message, whatever the cost.
#[derive(Debug)]
pub struct TokenBucket {
    max_tokens: i128,
    min_cost: i128,
    tokens: [i128; 256],
}

/// How many of its parts make a token, so that rounding off a part is nothing.
const TOKEN: i128 = 1 << 32;

impl TokenBucket {
    /// Both in bytes; a message that costs nothing is charged as one byte.
    pub fn new(max_tokens: u64, min_cost: u64) -> Self {
        let max_tokens = i128::from(max_tokens.max(1));
        let min_cost = i128::from(min_cost.max(1)).min(max_tokens);
        Self { max_tokens: max_tokens * TOKEN, min_cost: min_cost * TOKEN, tokens: [0; 256] }
    }

    fn price(&self, front: Front) -> i128 {
        (i128::from(front.cost) * TOKEN).clamp(self.min_cost, self.max_tokens)
    }
}

impl Shares for TokenBucket {
    fn choose(&mut self, fronts: &[Front]) -> u8 {
        let can_pay = |front: &&Front| self.tokens[usize::from(front.priority)] >= self.price(**front);
        fronts.iter().find(can_pay).or(fronts.last()).expect("something waits").priority
    }

    fn charge(&mut self, taken: Front, fronts: &[Front]) {
        let price = self.price(taken);
        let total: i128 = fronts.iter().map(|front| i128::from(front.weight())).sum();
        // Only picks by force come here, and sets that change.
        let limit = self.max_tokens * fronts.len() as i128;
        self.tokens[usize::from(taken.priority)] -= price;
        for front in fronts {
            let balance = &mut self.tokens[usize::from(front.priority)];
            *balance = (*balance + price * i128::from(front.weight()) / total).clamp(-limit, limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::split_mix::SplitMix64;

    fn fronts<const K: usize>(fronts: [(u8, u64); K]) -> [Front; K] {
        fronts.map(|(priority, cost)| Front { priority, cost })
    }

    /// The priorities of the next `picks`, while `fronts` wait.
    fn next(bucket: &mut TokenBucket, fronts: &[Front], picks: usize) -> Vec<u8> {
        let mut pick = || {
            let priority = bucket.choose(fronts);
            let taken = *fronts.iter().find(|front| front.priority == priority).expect("it is one of them");
            bucket.charge(taken, fronts);
            priority
        };
        (0..picks).map(|_| pick()).collect()
    }

    #[test]
    fn the_lowest_that_can_pay_is_next_and_the_highest_needs_not() {
        let mut bucket = TokenBucket::new(100, 1);
        assert_eq!(next(&mut bucket, &fronts([(1, 4), (3, 4)]), 12), [3, 3, 3, 3, 1, 3, 3, 3, 1, 3, 3, 3]);
        let mut bucket = TokenBucket::new(100, 1);
        assert_eq!(next(&mut bucket, &fronts([(1, 4), (2, 4), (5, 4)]), 10), [5, 5, 5, 5, 2, 5, 5, 5, 1, 2]);
    }

    /// Whoever waits, whatever it costs: what each has had, less its share of all, after each pick.
    fn is_never_off_by(most: i128, weights: &[u8], mut cost: impl FnMut(usize) -> u64, picks: usize) -> bool {
        let mut bucket = TokenBucket::new(LARGEST, SMALLEST);
        let of = |priority, cost| Front { priority, cost };
        let mut waiting: Vec<_> =
            weights.iter().enumerate().map(|(at, &of_it)| of(of_it, cost(at))).collect();
        let total: i128 = waiting.iter().map(|front| i128::from(front.weight())).sum();
        let mut had = vec![0; waiting.len()];
        (0..picks).all(|_| {
            let priority = bucket.choose(&waiting);
            let taken = waiting.iter().position(|front| front.priority == priority).expect("it waits");
            bucket.charge(waiting[taken], &waiting);
            had[taken] += i128::from(waiting[taken].cost.clamp(SMALLEST, LARGEST));
            waiting[taken].cost = cost(taken);
            let all: i128 = had.iter().sum();
            // All times the total weight, so that it is exact.
            had.iter()
                .zip(&waiting)
                .all(|(had, front)| (had * total - all * i128::from(front.weight())).abs() < most * total)
        })
    }

    const SMALLEST: u64 = 4096;
    const LARGEST: u64 = 1 << 20;

    #[test]
    fn no_share_is_off_by_more_than_stated_in_the_long_run() {
        let mut random = SplitMix64::new(7);
        // Low priorities have larger messages; some are below the smallest charge, some above the largest.
        let cost = |at: usize| random.draw() % ((LARGEST + 9000) >> (2 * at));
        assert!(is_never_off_by(5 * i128::from(LARGEST), &[0, 1, 3, 10, 63], cost, 200_000));
    }

    proptest! {
        #[test]
        fn no_share_is_off_by_more_than_stated(
            weights in proptest::collection::btree_set(any::<u8>(), 1..20),
            costs in proptest::collection::vec(prop_oneof![Just(0), Just(LARGEST), 0..LARGEST], 500),
        ) {
            let weights = Vec::from_iter(weights);
            let mut costs = costs.iter().copied().cycle();
            let most = weights.len() as i128 * i128::from(LARGEST);
            prop_assert!(is_never_off_by(most, &weights, |_| costs.next().unwrap_or(0), 500));
        }
    }

    #[test]
    fn a_priority_that_runs_empty_keeps_its_tokens_and_its_debts() {
        let mut bucket = TokenBucket::new(100, 1);
        let both = fronts([(1, 4), (3, 4)]);
        assert_eq!(next(&mut bucket, &both, 4), [3, 3, 3, 3]);
        assert_eq!(next(&mut bucket, &both[1..], 9), [3; 9], "alone it pays itself");
        assert_eq!(next(&mut bucket, &both, 1), [1]);
        // 3 owes 1 now, and gets 1 for each message of 8. So it can pay 4 after five of them.
        assert_eq!(next(&mut bucket, &fronts([(3, 4), (21, 8)]), 6), [21, 21, 21, 21, 21, 3]);
    }

    #[test]
    fn what_is_taken_by_force_is_charged_up_to_a_limit() {
        let mut bucket = TokenBucket::new(4, 1);
        let both = fronts([(1, 4), (3, 4)]);
        (0..100).for_each(|_| bucket.charge(both[1], &both));
        // Owed 2 times 4 at most: that is two at once, and one for each fourth.
        assert_eq!(next(&mut bucket, &both, 8), [1, 1, 3, 3, 1, 3, 3, 3]);
        (0..100).for_each(|_| bucket.charge(both[0], &both));
        assert_eq!(next(&mut bucket, &both, 13), [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1]);
    }

    #[test]
    fn costs_are_charged_within_their_limits() {
        let price = |max_tokens, min_cost, cost| {
            TokenBucket::new(max_tokens, min_cost).price(Front { priority: 1, cost }) / TOKEN
        };
        assert_eq!(
            [0, 9, 10, 11, 99, 100, 101].map(|cost| price(100, 10, cost)),
            [10, 10, 10, 11, 99, 100, 100]
        );
        assert_eq!([0, 9].map(|cost| price(5, 10, cost)), [5, 5]);
        assert_eq!([0, 9].map(|cost| price(0, 0, cost)), [1, 1]);
        assert_eq!(price(u64::MAX, 0, u64::MAX), i128::from(u64::MAX));
    }
}
