//! What is to be queued at a certain time (P10).

use core::time::Duration;
use std::collections::BTreeMap;

use crate::policy::Queued;
use crate::pool::shard::Waiting;

/// Items by when they are to be queued; of those at one time, the first that came first.
pub(super) struct Later<K, I> {
    items: BTreeMap<(Duration, u64), Due<K, I>>,
}

/// An item and its key.
type Due<K, I> = (K, Queued<Waiting<K, I>>);

impl<K: Eq, I> Later<K, I> {
    /// Nothing is to come.
    pub(super) fn new() -> Self {
        Self { items: BTreeMap::new() }
    }

    /// An item is to be queued at this time.
    pub(super) fn push(&mut self, at: Duration, key: K, queued: Queued<Waiting<K, I>>) {
        self.items.insert((at, queued.item.tag.number), (key, queued));
    }

    /// When the first is to be queued.
    pub(super) fn first(&self) -> Option<Duration> {
        self.items.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes the first, if it is to be queued by now.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<Due<K, I>> {
        if self.first()? > now {
            return None;
        }
        self.items.pop_first().map(|(_, due)| due)
    }

    /// How many are to come.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is to come.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many items of `key` are to come. Looks at all.
    pub(super) fn waiting(&self, key: &K) -> usize {
        self.items.values().filter(|(other, _)| other == key).count()
    }

    /// Takes those of `key`, the soonest first. Looks at all.
    pub(super) fn remove(&mut self, key: &K) -> Vec<Queued<Waiting<K, I>>> {
        let (removed, kept) =
            std::mem::take(&mut self.items).into_iter().partition(|(_, (other, _))| other == key);
        self.items = kept;
        let removed: BTreeMap<_, (K, _)> = removed;
        removed.into_values().map(|(_, queued)| queued).collect()
    }

    /// Takes all, the soonest first.
    pub(super) fn take_all(&mut self) -> Vec<Due<K, I>> {
        std::mem::take(&mut self.items).into_values().collect()
    }
}
