//! What a state says to who compares it with the reference model.

use super::{How, Place, ShardedPool, State, index};
use crate::Id;

impl State {
    /// How many items have been accepted: the number of the last one.
    pub fn accepted(&self) -> Id {
        self.accepted
    }

    /// What a control does next, or has done, and at which shard it is.
    pub fn control(&self, thread: Id) -> (Place, Id) {
        (self.place[usize::from(thread)], self.at[usize::from(thread)])
    }

    /// Whether some control has their lock.
    pub fn is_controlled(&self) -> bool {
        self.control.is_some()
    }

    /// Whether a shard accepts nothing any more.
    pub fn is_closed(&self, shard: Id) -> bool {
        self.closed.has(shard)
    }

    /// Whether a shard has been shut down.
    pub fn is_stopped(&self, shard: Id) -> bool {
        self.core[index(shard)].stop
    }

    /// Items for later whose time has not come.
    pub fn unripe(&self) -> impl Iterator<Item = Id> {
        self.unripe.iter()
    }
}

impl ShardedPool {
    /// Items that were handed back, in the order of acceptance.
    pub fn stranded(&self, state: &State) -> Vec<Id> {
        let all = state.core.iter().flat_map(|core| core.stranded.iter());
        let mut items: Vec<_> = all.filter(|&number| number <= self.items).collect();
        items.sort_unstable();
        items
    }

    /// Whether a commit waits or runs, or has been handed back: drains know of these, too.
    pub fn has_commits(&self, state: &State) -> bool {
        let known = state.core.iter().flat_map(|core| core.alive().chain(core.stranded.iter()));
        let coming = state.arrived.iter().flatten().map(|arrival| arrival.item);
        known.chain(coming).any(|number| number > self.items)
    }

    /// Items of a key that wait in its line, in their order, when the shard has taken in what has arrived; and those that are
    /// to come.
    pub fn waiting(&self, state: &State, key: Id) -> (Vec<Id>, Vec<Id>) {
        let core = state.taken_in(self.shard_of(key));
        let of_key = &core.keys[index(key)];
        (of_key.line.iter().copied().collect(), of_key.later.iter().collect())
    }

    /// The item of a key that runs.
    pub fn running(&self, state: &State, key: Id) -> Option<Id> {
        Some(self.key(state, key).busy).filter(|&item| item != 0)
    }

    /// Whether a shutdown hands back what waits, if one ever comes.
    pub fn hands_back(&self) -> bool {
        self.how == How::Back
    }
}
