//! Strict priorities: the highest first, always; round robin over sources within one.

use std::collections::BTreeMap;
use std::hash::Hash;

use crate::policy::Rotation;

/// A pick never takes an item while one of a higher priority waits (D3), so a steady flow of high ones
/// starves the rest, for ever.
#[derive(Debug)]
pub struct Strict<P, S, T> {
    /// Priorities in use; emptied ones stay, there are few distinct ones.
    ranks: BTreeMap<P, Rotation<S, T>>,
    len: usize,
}

impl<P: Copy + Ord, S: Copy + Eq + Hash, T> Strict<P, S, T> {
    /// Nothing waits.
    pub fn new() -> Self {
        Self { ranks: BTreeMap::new(), len: 0 }
    }

    /// Puts `item` behind those of the same priority and source.
    pub fn push(&mut self, priority: P, source: S, item: T) {
        self.ranks.entry(priority).or_insert_with(Rotation::new).push(source, item);
        self.len += 1;
    }

    /// Takes an item of the highest priority that waits, from the source whose turn it is there.
    pub fn pick(&mut self) -> Option<(S, T)> {
        if self.len == 0 {
            return None;
        }
        let picked = self.ranks.values_mut().rev().find_map(Rotation::pick);
        debug_assert!(picked.is_some(), "the count says that something waits");
        self.len -= usize::from(picked.is_some());
        picked
    }

    /// Takes out all that waits of `source`: the highest priority first, and in order within each.
    pub fn discard(&mut self, source: S, mut out: impl FnMut(T)) {
        for rotation in self.ranks.values_mut().rev() {
            let removed = rotation.remove(source);
            self.len -= removed.len();
            removed.into_iter().for_each(&mut out);
        }
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_priority_goes_first_and_sources_take_turns_within_it() {
        let mut strict = Strict::new();
        for (priority, source, item) in [(1, 'a', 1), (9, 'a', 2), (9, 'a', 3), (9, 'b', 4), (5, 'c', 5)] {
            strict.push(priority, source, item);
        }
        assert_eq!(strict.len(), 5);
        let order: Vec<_> = std::iter::from_fn(|| strict.pick()).map(|(_, item)| item).collect();
        assert_eq!(order, [2, 4, 3, 5, 1]);
        assert_eq!(strict.len(), 0);
    }

    #[test]
    fn a_later_higher_one_overtakes() {
        let mut strict = Strict::new();
        strict.push(1, 'a', "low");
        strict.push(1, 'a', "low too");
        assert_eq!(strict.pick(), Some(('a', "low")));
        strict.push(2, 'b', "high");
        assert_eq!(strict.pick(), Some(('b', "high")));
        assert_eq!(strict.pick(), Some(('a', "low too")));
        assert_eq!(strict.pick(), None);
    }
}
