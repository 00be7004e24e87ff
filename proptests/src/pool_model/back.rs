//! What comes back: what is removed (P9), and what a pool that has been shut down leaves (P8).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use keylane::Stop;

use super::item::Item;
use super::{ItemId, PoolModel};

impl<K: Clone + Ord + Debug> PoolModel<K> {
    /// `remove`: what comes back, in one of the orders that are [allowed](Self::may_come_back) (P9).
    pub fn remove(&mut self, key: &K) -> Vec<ItemId> {
        let removed = self.in_order(self.waiting().filter(|&id| self.items[id].key == *key).collect());
        removed.iter().for_each(|&id| self.items[id].removed = true);
        self.settle();
        removed
    }

    /// Whether these items of a key, which were taken together, may come back in this order: each line in its own, and what
    /// is still to come last (P8, P9). But what is to come is handed back by any shutdown, and may then be before what is
    /// handed back after it.
    pub fn may_come_back(&self, items: &[ItemId]) -> bool {
        let must_come_first = |first: ItemId, second: ItemId| {
            let [first, second] = [first, second].map(|id| &self.items[id]);
            match (first.is_to_come(), second.is_to_come()) {
                (true, false) => false,
                (false, true) => true,
                _ => first.precedes(second, &self.schedulers),
            }
        };
        (0..items.len()).all(|one| (0..one).all(|other| !must_come_first(items[one], items[other])))
    }

    /// One of the orders in which items of a key may come back.
    fn in_order(&self, mut items: Vec<ItemId>) -> Vec<ItemId> {
        items.sort_by_key(|&id| {
            let Item { handed_back, place, .. } = self.items[id];
            (self.items[id].is_to_come(), handed_back, place.moment(), place.due(), id)
        });
        items
    }

    /// `shutdown`, all of it at one moment.
    pub fn shutdown(&mut self, stop: Stop) {
        self.close();
        self.shut_down(stop);
    }

    /// Its first step: nothing is accepted any more.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Its second. A paused pool hands back all; any hands back what is to come, and what waits behind poisoned keys. Of
    /// several calls, [`Stop::HandBack`] prevails (P8).
    pub fn shut_down(&mut self, stop: Stop) {
        let all = stop == Stop::HandBack || self.pauses > 0;
        self.stop = Some(if self.stop == Some(Stop::HandBack) || all { Stop::HandBack } else { stop });
        self.hand_back(|item, poisoned| all || item.is_to_come() || poisoned.contains(&item.key));
    }

    pub(super) fn hand_back(&mut self, which: impl Fn(&Item<K>, &BTreeSet<K>) -> bool) {
        self.now += 1;
        for item in self.items.iter_mut().filter(|item| item.waits()) {
            if which(item, &self.poisoned) {
                item.handed_back = Some(self.now);
            }
        }
        self.settle();
    }

    /// Items of which it has been found that they will never run, in the order of acceptance.
    pub fn handed_back(&self) -> impl Iterator<Item = ItemId> {
        self.items.iter().filter(|item| item.handed_back.is_some()).map(|item| item.id)
    }

    /// `reclaim`: what comes back, by key, each key's in one of the orders that are [allowed](Self::may_come_back).
    pub fn reclaim(&mut self) -> BTreeMap<K, Vec<ItemId>> {
        self.shutdown(Stop::HandBack);
        let handed_back = self.items.iter().filter(|item| item.handed_back.is_some() && !item.reclaimed);
        let handed_back = self.in_order(handed_back.map(|item| item.id).collect());
        let mut leftovers = BTreeMap::<K, Vec<ItemId>>::new();
        for id in handed_back {
            self.items[id].reclaimed = true;
            leftovers.entry(self.items[id].key.clone()).or_default().push(id);
        }
        leftovers
    }
}
