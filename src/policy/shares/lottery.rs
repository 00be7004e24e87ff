//! Shares by lot, after Ceph's `WeightedPriorityQueue` (`common/WeightedPriorityQueue.h`, Jewel).

use super::{Front, Shares};
use crate::policy::split_mix::SplitMix64;

/// Bytes that the smallest message is charged: handling one is not free. Ceph's `osd_op_pq_min_cost`.
const MIN_COST: u64 = 64 << 10;

/// The next priority is drawn with odds of its weight divided by its message's cost.
///
/// So of the bytes taken at one draw each priority can expect its weight's part, whatever the costs; what it
/// has had strays from that by chance alone.
///
/// Where Ceph differs: it draws by weight and then accepts with odds that fall with the cost, linearly, to a
/// tenth for the largest it has ever seen; else it draws again. So the odds jump when a larger message than
/// ever comes and never go back, messages count more than bytes, and priority 0 is not drawn while another
/// waits. What such drawing again and again comes to can be had by one draw, as here.
#[derive(Debug)]
pub struct Lottery {
    random: SplitMix64,
}

impl Lottery {
    /// Equal seeds draw equally.
    pub fn new(seed: u64) -> Self {
        Self { random: SplitMix64::new(seed) }
    }
}

/// Out of 2^64: at least 1, and so few that those of all priorities add up to no more than 2^63.
fn odds(front: &Front) -> u128 {
    (u128::from(front.weight()) << 64) / u128::from(front.cost.max(MIN_COST))
}

/// Whose the ticket is, if each has as many as its odds are.
fn holder(mut ticket: u128, fronts: &[Front]) -> u8 {
    let holds = |front: &&Front| {
        let odds = odds(front);
        let hers = ticket < odds;
        ticket = ticket.saturating_sub(odds);
        hers
    };
    fronts.iter().find(holds).expect("each ticket is somebody's").priority
}

impl Shares for Lottery {
    fn choose(&mut self, fronts: &[Front]) -> u8 {
        let tickets: u128 = fronts.iter().map(odds).sum();
        holder((u128::from(self.random.draw()) * tickets) >> 64, fronts)
    }

    /// It remembers nothing.
    fn charge(&mut self, _: Front, _: &[Front]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_go_with_the_weight_and_against_the_cost() {
        let odds = |priority, cost| odds(&Front { priority, cost });
        assert_eq!(odds(3, 1 << 20), 3 << 44);
        assert_eq!(odds(0, 1 << 20), 1 << 44, "priority 0 is drawn too");
        assert_eq!((odds(1, 0), odds(1, MIN_COST), odds(1, 2 * MIN_COST)), (1 << 48, 1 << 48, 1 << 47));
        assert_eq!(odds(1, u64::MAX), 1);
    }

    #[test]
    fn each_has_as_many_tickets_as_its_odds_are() {
        let fronts =
            [(1, 1 << 63), (2, 1 << 63), (3, 1 << 63)].map(|(priority, cost)| Front { priority, cost });
        let holders: Vec<_> = (0..12).map(|ticket| holder(ticket, &fronts)).collect();
        assert_eq!(holders, [1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3]);
    }

    #[test]
    fn in_the_long_run_bytes_are_as_the_weights() {
        const PRIORITIES: [u8; 4] = [0, 2, 10, 63];
        let mut random = SplitMix64::new(11);
        let mut lottery = Lottery::new(5);
        let mut waiting = PRIORITIES.map(|priority| Front { priority, cost: 1 << 17 });
        let mut had = [0.0; PRIORITIES.len()];
        for _ in 0..1_000_000 {
            let priority = lottery.choose(&waiting);
            let taken = PRIORITIES.iter().position(|&other| other == priority).expect("it waits");
            had[taken] += waiting[taken].cost as f64;
            // Low priorities have messages of up to 4 MiB, the highest of up to 512 KiB.
            waiting[taken].cost = MIN_COST + random.draw() % (1 << (22 - taken));
        }
        let all: f64 = had.iter().sum();
        for (had, priority) in had.iter().zip(PRIORITIES) {
            let ideal = all * f64::from(priority.max(1)) / 76.0;
            assert!((had / ideal - 1.0).abs() < 0.03, "{priority} had {had} and not {ideal}");
        }
    }

    #[test]
    fn equal_seeds_draw_equally() {
        let fronts = [(1, 0), (2, 0)].map(|(priority, cost)| Front { priority, cost });
        let drawn = |seed| {
            let mut lottery = Lottery::new(seed);
            (0..64).map(|_| lottery.choose(&fronts)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}
