//! What of a pool's past makes a difference to what the model will say.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use keylane::Class;

use super::item::{Item, Moment, Place};
use super::{ItemId, PoolModel};

impl<K: Clone + Ord + Debug> PoolModel<K> {
    /// The same pool without what makes no difference any more: of moments only the order counts, and of what is over hardly
    /// anything. For whoever explores all that it can say.
    #[must_use]
    pub fn essence(mut self) -> Self {
        let mut first_turns = BTreeMap::new();
        for ((key, _), &turn) in &self.turns {
            let first = first_turns.entry(self.shard_of[key]).or_insert(turn);
            *first = turn.min(*first);
        }
        let any_key = self.shard_of.keys().next().cloned();
        // A drain that waits for an item's parents waits for the first of them.
        let firsts: Vec<_> = (0..self.items.len()).map(|id| self.first_parent(id)).collect();
        for (item, first) in self.items.iter_mut().zip(firsts) {
            let is_over = item.removed || (item.ended.is_some() && !item.held);
            // That a key had its turn matters to those who have waited for theirs since before.
            let first_turn = first_turns.get(&self.shard_of[&item.key]);
            let had_turn = item.started.filter(|started| first_turn.is_some_and(|turn| turn < started));
            item.parent = first;
            item.ended = item.ended.map(|_| 0);
            if item.started.is_some() {
                item.started = had_turn.or(Some(0));
                (item.place, item.arrived) = (Place::Back(0), Duration::ZERO);
            }
            if let (true, None, Some(key)) = (is_over, had_turn, &any_key) {
                (item.key, item.class, item.parent) = (key.clone(), Class::default(), None);
                (item.started, item.ended, item.removed) = (None, None, true);
                (item.place, item.arrived, item.since_scheduler) = (Place::Back(0), Duration::ZERO, 0);
            }
        }
        self.count_anew();
        self
    }

    /// Moments are compared within a line of a key, or with the turns of a shard: there they are counted from 1 on. Moment 0
    /// is before all.
    fn count_anew(&mut self) {
        let mut groups = BTreeMap::<_, Vec<&mut Moment>>::new();
        for Item { key, place, started, handed_back, .. } in &mut self.items {
            let shard = self.shard_of[key];
            let (is_front, stands) = match place {
                Place::Front(moment) => (true, Some(moment)),
                Place::Back(moment) => (false, Some(moment)),
                Place::Later { since, .. } => (false, since.as_mut()),
            };
            groups.entry(Compared::Places(&*key, is_front)).or_default().extend(stands);
            groups.entry(Compared::Returns(&*key)).or_default().extend(handed_back);
            groups.entry(Compared::Turns(shard)).or_default().extend(started);
        }
        for ((key, _), turn) in &mut self.turns {
            groups.entry(Compared::Turns(self.shard_of[key])).or_default().push(turn);
        }
        self.now = 0;
        for group in groups.into_values() {
            let moments: BTreeSet<_> =
                group.iter().map(|moment| **moment).filter(|&moment| moment > 0).collect();
            group.into_iter().for_each(|moment| *moment = moments.range(..=*moment).count() as Moment);
            self.now = self.now.max(moments.len() as Moment);
        }
    }

    fn first_parent(&self, id: ItemId) -> Option<ItemId> {
        std::iter::successors(self.items[id].parent, |&id| self.items[id].parent).last()
    }
}

/// What is compared with what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Compared<'a, K> {
    /// Places in the line of a key; those in front with each other.
    Places(&'a K, bool),
    /// When items of a key were handed back.
    Returns(&'a K),
    /// When keys of a shard had their turns, or have had them since.
    Turns(usize),
}
