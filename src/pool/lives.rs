//! Which items are still alive, for whoever waits until they are not.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

use crate::inside::Generation;

/// What is known of an item besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    pub(super) generation: Generation,
    /// In the order in which the shard took it in.
    pub(super) number: u64,
}

/// Names a drain of one key.
pub(super) type DrainNumber = u64;

/// Counts the items of a shard: by generation, and for each drain of a key.
#[derive(Debug)]
pub(super) struct Lives<K> {
    /// How many items have been taken in.
    taken_in: u64,
    /// What arrives from outside now belongs to this generation.
    generation: Generation,
    /// How many items of that generation wait or run.
    alive: usize,
    /// Of each other generation of which some do.
    others: BTreeMap<Generation, usize>,
    /// The oldest generation of those that will not run any more.
    stranded: Option<Generation>,
    /// Their keys.
    stranded_keys: HashSet<K>,
    key_drains: BTreeMap<DrainNumber, KeyDrain<K>>,
    next_key_drain: DrainNumber,
}

/// A drain of one key.
#[derive(Debug)]
struct KeyDrain<K> {
    key: K,
    /// It waits for items with smaller numbers.
    before: u64,
    /// How many of these wait, or have the key.
    left: usize,
    /// Whether one of these will never run.
    stranded: bool,
}

impl<K: Eq> KeyDrain<K> {
    fn waits_for(&self, key: &K, tag: Tag) -> bool {
        self.key == *key && tag.number < self.before
    }
}

impl<K: Clone + Eq + Hash> Lives<K> {
    /// There has been nothing.
    pub(super) fn new() -> Self {
        Self {
            taken_in: 0,
            generation: Generation::MIN,
            alive: 0,
            others: BTreeMap::new(),
            stranded: None,
            stranded_keys: HashSet::new(),
            key_drains: BTreeMap::new(),
            next_key_drain: 0,
        }
    }

    /// What arrives from outside now belongs to it.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// An item begins to live, in the generation of its parent if it has one.
    #[inline]
    pub(super) fn begin(&mut self, parent: Option<Generation>) -> Tag {
        let (generation, number) = (parent.unwrap_or(self.generation), self.taken_in);
        self.taken_in += 1;
        if generation == self.generation {
            self.alive += 1;
        } else {
            *self.others.entry(generation).or_insert(0) += 1;
        }
        Tag { generation, number }
    }

    /// An item of `key` is no longer alive.
    #[inline]
    pub(super) fn bury(&mut self, key: &K, tag: Tag) {
        for drain in self.key_drains.values_mut() {
            drain.left -= usize::from(drain.waits_for(key, tag));
        }
        self.bury_keyless(tag);
    }

    /// A commit is no longer alive.
    #[inline]
    pub(super) fn bury_keyless(&mut self, tag: Tag) {
        if tag.generation == self.generation {
            self.alive -= 1;
            return;
        }
        let alive = self.others.get_mut(&tag.generation).expect("a generation with an item is alive");
        *alive -= 1;
        if *alive == 0 {
            self.others.remove(&tag.generation);
        }
    }

    /// An item of `key` will never run.
    pub(super) fn strand(&mut self, key: &K, tag: Tag) {
        for drain in self.key_drains.values_mut() {
            drain.stranded |= drain.waits_for(key, tag);
        }
        self.stranded_keys.insert(key.clone());
        self.bury(key, tag);
        self.note_stranded(tag);
    }

    /// A commit will never run.
    pub(super) fn strand_keyless(&mut self, tag: Tag) {
        self.bury_keyless(tag);
        self.note_stranded(tag);
    }

    fn note_stranded(&mut self, tag: Tag) {
        self.stranded = Some(self.stranded.map_or(tag.generation, |oldest| oldest.min(tag.generation)));
    }

    /// What arrives from now on belongs to a later generation than this.
    pub(super) fn end_generation(&mut self, generation: Generation) {
        let next = self.generation.max(generation.saturating_add(1));
        if self.alive > 0 {
            self.others.insert(self.generation, self.alive);
        }
        // Another shard may have ended one before this one has, and its items have children here.
        (self.generation, self.alive) = (next, self.others.remove(&next).unwrap_or(0));
    }

    /// Whether nothing of the generation, or an earlier one, waits or runs.
    pub(super) fn is_drained(&self, generation: Generation) -> bool {
        let older = self.others.keys().next().is_some_and(|&oldest| oldest <= generation);
        !older && (self.alive == 0 || self.generation > generation)
    }

    /// Whether something of the generation, or an earlier one, will never run.
    pub(super) fn is_stranded(&self, generation: Generation) -> bool {
        self.stranded.is_some_and(|oldest| oldest <= generation)
    }

    /// Begins a drain of `key`, of which `left` items wait or have the key.
    pub(super) fn begin_key_drain(&mut self, key: &K, left: usize) -> DrainNumber {
        let number = self.next_key_drain;
        self.next_key_drain += 1;
        let stranded = self.stranded_keys.contains(key);
        self.key_drains.insert(number, KeyDrain { key: key.clone(), before: self.taken_in, left, stranded });
        number
    }

    /// Whether nothing that it waits for waits or has the key, or some of it never will run.
    pub(super) fn is_key_drained(&self, number: DrainNumber) -> bool {
        let drain = self.key_drains.get(&number).expect("it has begun, and has not ended");
        drain.left == 0 || drain.stranded
    }

    /// Ends it. Whether nothing of what it waited for was handed back, before or meanwhile.
    pub(super) fn end_key_drain(&mut self, number: DrainNumber) -> bool {
        !self.key_drains.remove(&number).expect("a drain ends once").stranded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Generation = Generation::MIN;

    #[test]
    fn what_will_never_run_is_not_waited_for_and_not_forgotten() {
        let mut lives = Lives::<char>::new();
        let (item, commit) = (lives.begin(None), lives.begin(None));
        assert!(!lives.is_drained(FIRST));
        lives.strand_keyless(commit);
        assert!(!lives.is_drained(FIRST) && lives.is_stranded(FIRST));
        lives.strand(&'a', item);
        assert!(lives.is_drained(FIRST) && lives.is_stranded(FIRST));
    }

    #[test]
    fn a_child_may_belong_to_a_generation_that_has_not_begun_here() {
        let mut lives: Lives<u8> = Lives::new();
        let second = FIRST.saturating_add(1);
        let (here, child) = (lives.begin(None), lives.begin(Some(second)));
        lives.end_generation(FIRST);
        assert!(!lives.is_drained(FIRST), "one from here is left");
        lives.bury_keyless(here);
        assert!(lives.is_drained(FIRST));
        let next = lives.begin(None);
        lives.end_generation(second);
        for tag in [next, child] {
            assert!(!lives.is_drained(second), "both are of this one");
            lives.bury_keyless(tag);
        }
        assert!(lives.is_drained(second));
    }
}
