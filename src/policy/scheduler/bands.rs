//! A strict band and a weighted one.

use core::time::Duration;

use super::{Candidate, Class, Scheduler};
use crate::policy::order::Weighted;
use crate::policy::shares::{Front, Shares};

/// Classes are priorities. Those from a cutoff on are the *strict band*: the highest goes first, always. Those below are the
/// *weighted band*: it has its turn while no item of the strict band could start, and shares that by priority and cost, in
/// bytes.
///
/// After Ceph's operation queue (`osd_op_queue` = `prioritized` or `wpq`); what differs is told at [`Weighted`]. By default
/// the cutoff is 196, as there since Octopus: with 64, as before, what replicas were asked to do was strict, and could starve
/// clients. What starves nobody here is the pool's [bound](crate::ShardedThreadPoolBuilder::passes), which stands above both
/// bands.
///
/// Clones decide by the same settings, and nobody has had anything yet: each shard shares by itself what its own workers do.
#[derive(Debug)]
pub struct Bands {
    strict_from: u8,
    weighted: Weighted,
    shares: Box<dyn Shares>,
    /// Of the weighted band; only for the length of a call.
    fronts: Vec<Front>,
}

impl Bands {
    /// Classes from `strict_from` on are strict, all if it is 0; the others share in the way of `weighted`.
    pub fn new(strict_from: u8, weighted: Weighted) -> Self {
        Self { strict_from, weighted, shares: weighted.shares(), fronts: Vec::new() }
    }

    fn look(&mut self, candidates: &[Candidate]) {
        let weighted = candidates.iter().filter(|candidate| candidate.class.0 < self.strict_from);
        self.fronts.clear();
        self.fronts.extend(weighted.map(front));
    }
}

impl Default for Bands {
    fn default() -> Self {
        Self::new(196, Weighted::default())
    }
}

impl Clone for Bands {
    fn clone(&self) -> Self {
        Self::new(self.strict_from, self.weighted)
    }
}

fn front(candidate: &Candidate) -> Front {
    Front { priority: candidate.class.0, cost: candidate.cost }
}

impl Scheduler for Bands {
    fn choose(&mut self, candidates: &[Candidate], _: Duration) -> Class {
        let highest = candidates[candidates.len() - 1].class;
        if highest.0 >= self.strict_from {
            return highest;
        }
        self.look(candidates);
        Class(self.shares.choose(&self.fronts))
    }

    fn charge(&mut self, taken: &Candidate, candidates: &[Candidate], _: Duration) {
        if taken.class.0 < self.strict_from {
            self.look(candidates);
            self.shares.charge(front(taken), &self.fronts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates<const N: usize>(classes: [(u8, u64); N]) -> [Candidate; N] {
        classes.map(|(class, cost)| Candidate { class: Class(class), cost, arrived: Duration::ZERO })
    }

    /// Chooses and charges, again and again, among the same.
    fn chosen(bands: &mut Bands, candidates: &[Candidate], times: usize) -> Vec<u8> {
        let mut choose = || {
            let class = bands.choose(candidates, Duration::ZERO);
            let taken = candidates.iter().find(|candidate| candidate.class == class).expect("one of them");
            bands.charge(taken, candidates, Duration::ZERO);
            class.0
        };
        (0..times).map(|_| choose()).collect()
    }

    const EVEN: Weighted = Weighted::TokenBucket { max_tokens: 100, min_cost: 1 };

    #[test]
    fn the_strict_band_goes_first_and_is_charged_to_nobody() {
        let mut bands = Bands::new(4, EVEN);
        assert_eq!(chosen(&mut bands, &candidates([(1, 4), (3, 4), (4, 4), (9, 4)]), 3), [9, 9, 9]);
        assert_eq!(chosen(&mut bands, &candidates([(1, 4), (3, 4), (4, 4)]), 2), [4, 4]);
        assert_eq!(
            chosen(&mut bands, &candidates([(1, 4), (3, 4)]), 5),
            [3, 3, 3, 3, 1],
            "as if it were new"
        );
        assert_eq!(
            chosen(&mut Bands::new(0, EVEN), &candidates([(0, 4), (3, 4)]), 2),
            [3, 3],
            "all are strict"
        );
    }

    #[test]
    fn who_goes_by_force_pays_like_others() {
        let mut bands = Bands::new(4, EVEN);
        let both = candidates([(1, 4), (3, 4), (9, 1)]);
        bands.charge(&both[0], &both, Duration::ZERO);
        assert_eq!(chosen(&mut bands, &both[..2], 8), [3, 3, 3, 3, 3, 3, 3, 1], "1 owed 3 then");
    }

    #[test]
    fn costs_count_and_a_clone_owes_nothing() {
        let mut bands = Bands::new(200, EVEN);
        let costly = candidates([(10, 40), (20, 10)]);
        let times = |chosen: Vec<u8>| chosen.iter().filter(|&&class| class == 20).count();
        let had = times(chosen(&mut bands, &costly, 900));
        assert!(had.abs_diff(800) <= 8, "20 has twice the bytes, 8 of 9 items: {had}");
        let fresh = chosen(&mut Bands::new(200, EVEN), &costly, 20);
        assert_eq!(chosen(&mut bands.clone(), &costly, 20), fresh);
    }

    #[test]
    fn the_default_is_cephs_since_octopus() {
        let Bands { strict_from, weighted, .. } = Bands::default();
        assert_eq!((strict_from, weighted), (196, Weighted::default()));
    }
}
