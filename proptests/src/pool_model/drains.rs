//! What a drain waits for (P7).

use std::fmt::Debug;

use super::item::Item;
use super::{ItemId, PoolModel};

/// Number of a drain, in the order they began.
pub type DrainId = usize;

/// What a drain that has begun must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Not return.
    Waits,
    /// Return, well.
    Done,
    /// Return, saying that the pool has been shut down: something it waited for will never run.
    Stopped,
    /// The same, or wait for what still runs, has its key held, or is yet to run in another shard.
    MayStop,
}

/// What a drain waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Drain<K> {
    /// Items below this number, to come or not,
    below: ItemId,
    /// of this key; or of all, and then their descendants too.
    key: Option<K>,
}

impl<K: Clone + Ord + Debug> PoolModel<K> {
    /// `drain` begins.
    pub fn drain(&mut self) -> DrainId {
        self.drains.push(Drain { below: self.items.len(), key: None });
        self.drains.len() - 1
    }

    /// `drain_key` begins.
    pub fn drain_key(&mut self, key: K) -> DrainId {
        self.drains.push(Drain { below: self.items.len(), key: Some(key) });
        self.drains.len() - 1
    }

    /// What `drain` must do now (P7).
    pub fn drained(&self, id: DrainId) -> Drained {
        let is_over = |item: &Item<K>| item.removed || (item.ended.is_some() && !item.held);
        let covered: Vec<_> = self.covered(id).collect();
        let stranded = covered.iter().any(|item| item.handed_back.is_some());
        let more_to_come = covered.iter().any(|item| item.handed_back.is_none() && !is_over(item));
        match (stranded, more_to_come) {
            (true, true) if self.drains[id].key.is_none() => Drained::MayStop,
            (true, _) => Drained::Stopped,
            (false, true) => Drained::Waits,
            (false, false) => Drained::Done,
        }
    }

    /// What a drain waits for.
    fn covered(&self, drain: DrainId) -> impl Iterator<Item = &Item<K>> {
        let Drain { below, key } = &self.drains[drain];
        self.items.iter().filter(move |item| match key {
            Some(key) => item.id < *below && item.key == *key,
            None => {
                // An item, then its parent, then its parent's parent; any of them suffices.
                let mut line = std::iter::successors(Some(item.id), |&id| self.items[id].parent);
                line.any(|id| id < *below)
            }
        })
    }
}
