//! Items that need several keys, as one shard sees them: claims that stand in line, and keys that are kept.

use core::time::Duration;
use std::collections::HashMap;
use std::hash::Hash;

use crate::inside::Generation;
use crate::policy::{End, Place, Queued, Why};
use crate::pool::lives::Tag;
use crate::pool::shard::{Core, Job, Outcome, Running, Stander, Waiting};
use crate::pool::together::{Claimed, Fate, Together};
use crate::pool::work::Load;
use crate::stop::OnItemPanic;
use crate::sync::{Arc, mark};

/// A claim whose turn has come: its key is kept for the item, until that is over.
pub(super) struct Kept<K, I> {
    pub(super) together: Arc<Together<K, I>>,
    pub(super) tag: Tag,
    /// When it was submitted, if anybody looked at the clock.
    pub(super) arrived: Duration,
}

impl<K: Clone + Eq + Hash, I> Core<K, I> {
    /// Queues one claim of an item, behind what has arrived or in front.
    pub(in crate::pool) fn admit_claim(
        &mut self,
        key: K,
        claim: Queued<Arc<Together<K, I>>>,
        end: End,
        parent: Generation,
    ) {
        let Queued { item: together, class, cost, arrived } = claim;
        let item = Waiting { stander: Stander::Claim(together), tag: self.lives.begin(Some(parent)) };
        self.tally.accept(class);
        self.tally.queue(self.stamps.then_some(arrived));
        self.policy.push(key, Queued { item, class, cost, arrived }, end);
    }

    /// A claim's turn has come. If it was the item's last, that starts.
    pub(super) fn claim(&mut self, key: K, place: Place, kept: Kept<K, I>) -> Option<Job<K, I>> {
        let Kept { ref together, tag, arrived } = kept;
        let class = together.class;
        match together.claim(self.stamps.then_some(self.now)) {
            Claimed::All(load) => {
                mark("claimed all");
                let job = Job::Together(
                    load,
                    self.start(key.clone(), place, class, tag, arrived),
                    Arc::clone(together),
                );
                self.kept.insert(key, kept);
                Some(job)
            }
            Claimed::NotYet => {
                mark("claimed");
                self.kept.insert(key, kept);
                None
            }
            Claimed::Over(fate) => {
                mark("claimed too late");
                self.end_claim(&key, &kept, fate);
                self.policy.let_go(&key, place, Why::Runs);
                self.tell();
                None
            }
        }
    }

    /// The item of a claim, whose turn has come or not, will never start.
    pub(super) fn end_claim(&mut self, key: &K, claim: &Kept<K, I>, fate: Fate) {
        self.tally.unqueue(self.stamps.then_some(claim.arrived));
        self.meet(key, claim.together.class, claim.tag, fate);
    }

    /// The item was called off: `key` is not kept for it any longer, and its claim waits no more.
    pub(in crate::pool) fn give_up(&mut self, key: &K, together: &Arc<Together<K, I>>) {
        let Some(fate) = together.fate() else { return };
        if self.kept.get(key).is_some_and(|kept| Arc::ptr_eq(&kept.together, together)) {
            mark("gave up a key");
            let kept = self.unkeep(key);
            self.end_claim(key, &kept, fate);
            self.policy.let_go(key, Place::ANYWHERE, Why::Runs);
        } else {
            let is_it = |waiting: &Waiting<K, I>| matches!(&waiting.stander, Stander::Claim(other) if Arc::ptr_eq(other, together));
            let Some(queued) = self.policy.take_one(key, together.class, is_it) else { return };
            mark("gave up a place");
            let Queued { item: Waiting { tag, .. }, arrived, .. } = queued;
            self.end_claim(key, &Kept { together: Arc::clone(together), tag, arrived }, fate);
        }
        self.tell();
    }

    /// Takes the item for which `key` is kept, if it has not started.
    pub(super) fn call_off_kept(&mut self, key: &K, fate: Fate) -> Option<Load<I>> {
        let together = Arc::clone(&self.kept.get(key)?.together);
        let load = together.call_off(fate)?;
        self.give_up(key, &together);
        self.called_off.push(together);
        Some(load)
    }

    /// Takes what has been called off here, for other shards to [give up](Self::give_up) its keys.
    pub(in crate::pool) fn take_called_off(&mut self) -> Vec<Arc<Together<K, I>>> {
        std::mem::take(&mut self.called_off)
    }

    /// The item that `key` was kept for has come to its end; it ran on a worker that has been counted elsewhere.
    pub(in crate::pool) fn finish_elsewhere(&mut self, key: &K, outcome: Outcome) {
        let Kept { together, arrived, .. } = self.kept.get(key).expect("kept until here");
        let (started, class) = (together.started(), together.class);
        self.tally.unqueue(self.stamps.then_some(*arrived));
        self.tally.start(class, started.map(|started| started.saturating_sub(*arrived)));
        self.tally.finish(class, started.map(|started| self.clock.now().saturating_sub(started)));
        if outcome == Outcome::Panicked(OnItemPanic::PoisonKey) {
            self.poison(key);
        }
        self.let_go_kept(key, Why::Runs);
    }

    /// What has several keys lets go of one.
    pub(in crate::pool) fn let_go_kept(&mut self, key: &K, why: Why) {
        let left = self.policy.let_go(key, Place::ANYWHERE, why);
        if !left.has(Why::Runs) && !left.has(Why::Held) {
            let kept = self.unkeep(key);
            self.lives.bury(key, kept.tag);
        }
        self.tell();
    }

    fn unkeep(&mut self, key: &K) -> Kept<K, I> {
        let kept = self.kept.remove(key).expect("kept until here");
        if self.kept.is_empty() {
            // What a burst has made large is given back.
            self.kept = HashMap::new();
        }
        kept
    }

    /// The handler of an item that has several keys, this one and others, has come to its end.
    pub(in crate::pool) fn finish_here(
        &mut self,
        running: &Running<K>,
        together: &Together<K, I>,
        shard: usize,
        outcome: Outcome,
    ) {
        self.end(running, outcome);
        self.let_go_kept(&running.key, Why::Runs);
        for place in &together.places {
            if place.shard == shard && place.key != running.key {
                self.finish_elsewhere(&place.key, outcome);
            }
        }
    }

    /// What has some of its keys will not get the others.
    pub(super) fn hand_back_kept(&mut self) {
        let mut kept: Vec<_> = self.kept.iter().map(|(key, kept)| (kept.tag.number, key.clone())).collect();
        kept.sort_unstable_by_key(|&(number, _)| number);
        for (_, key) in kept {
            match self.call_off_kept(&key, Fate::HandedBack) {
                Some(load) => self.handed_back.push((key, load)),
                None => {
                    let together = Arc::clone(&self.kept[&key].together);
                    self.give_up(&key, &together);
                }
            }
        }
    }
}
