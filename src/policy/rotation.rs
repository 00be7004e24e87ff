//! Round robin over sources, first in first out within each.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Items of several sources that take turns.
///
/// Between two picks from one source, every source that has had something waiting all that time is picked (and
/// exactly once, if the first one has had something waiting all that time too). A source that comes, or comes
/// back, joins behind those already waiting.
#[derive(Debug)]
pub struct Rotation<S, T> {
    waiting: HashMap<S, VecDeque<T>>,
    turns: VecDeque<S>,
    /// Emptied queues, kept for the next source so that a steady flow does not allocate.
    spare: Vec<VecDeque<T>>,
}

/// How many emptied queues are kept, and how large each may be.
const SPARE_QUEUES: usize = 32;
const SPARE_CAPACITY: usize = 1024;

impl<S: Copy + Eq + Hash, T> Rotation<S, T> {
    /// Nothing waits.
    pub fn new() -> Self {
        Self { waiting: HashMap::new(), turns: VecDeque::new(), spare: Vec::new() }
    }

    /// Puts `item` behind the other items of `source`.
    pub fn push(&mut self, source: S, item: T) {
        match self.waiting.entry(source) {
            Entry::Occupied(mut queue) => queue.get_mut().push_back(item),
            Entry::Vacant(vacant) => {
                vacant.insert(self.spare.pop().unwrap_or_default()).push_back(item);
                self.turns.push_back(source);
            }
        }
    }

    /// Takes the first item of the source whose turn it is.
    pub fn pick(&mut self) -> Option<(S, T)> {
        let source = self.turns.pop_front()?;
        let Entry::Occupied(mut queue) = self.waiting.entry(source) else {
            unreachable!("a source has a turn only while something of it waits");
        };
        let item = queue.get_mut().pop_front().expect("a waiting source has an item");
        if queue.get().is_empty() {
            let queue = queue.remove();
            if self.spare.len() < SPARE_QUEUES && queue.capacity() <= SPARE_CAPACITY {
                self.spare.push(queue);
            }
        } else {
            self.turns.push_back(source);
        }
        Some((source, item))
    }

    /// Takes out all that waits of `source`, in order.
    pub fn remove(&mut self, source: S) -> VecDeque<T> {
        let removed = self.waiting.remove(&source).unwrap_or_default();
        if !removed.is_empty() {
            self.turns.retain(|&other| other != source);
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_take_turns_and_keep_their_own_order() {
        let mut rotation = Rotation::new();
        for (source, item) in [('a', 1), ('a', 2), ('a', 3), ('b', 4), ('c', 5), ('c', 6)] {
            rotation.push(source, item);
        }
        let order: Vec<_> = std::iter::from_fn(|| rotation.pick()).collect();
        assert_eq!(order, [('a', 1), ('b', 4), ('c', 5), ('a', 2), ('c', 6), ('a', 3)]);
        assert!(rotation.waiting.is_empty());
    }

    #[test]
    fn a_source_that_comes_back_joins_behind_those_waiting() {
        let mut rotation = Rotation::new();
        rotation.push('a', 1);
        rotation.push('b', 2);
        assert_eq!(rotation.pick(), Some(('a', 1)));
        rotation.push('a', 3);
        rotation.push('b', 4);
        assert_eq!(rotation.pick(), Some(('b', 2)));
        assert_eq!(rotation.pick(), Some(('a', 3)));
        assert_eq!(rotation.pick(), Some(('b', 4)));
    }

    #[test]
    fn emptied_queues_are_kept_but_neither_many_nor_large_ones() {
        let mut rotation = Rotation::new();
        let mut emptied_after = |items: usize| {
            (0..items).for_each(|item| rotation.push(0, item));
            (0..items).for_each(|_| assert!(rotation.pick().is_some()));
            rotation.spare.len()
        };
        assert_eq!(emptied_after(2), 1);
        assert_eq!(emptied_after(SPARE_CAPACITY), 1);
        assert_eq!(emptied_after(SPARE_CAPACITY + 1), 0, "it has grown");
        (0..2 * SPARE_QUEUES).for_each(|source| rotation.push(source, 0));
        while rotation.pick().is_some() {}
        assert_eq!(rotation.spare.len(), SPARE_QUEUES);
    }
}
