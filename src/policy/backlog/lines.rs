//! First in, first out for each priority and source.

use std::hash::Hash;

use super::storage::{Chunked, Spare};
use crate::policy::names::Names;
use crate::policy::shares::Front;

/// Which line; reused once a line has run empty.
pub type LineId = u32;

/// What waits, with what is known of it.
#[derive(Debug)]
pub struct Waiting<T> {
    /// Which arrival it was, as the ledger counts.
    pub number: u64,
    /// In bytes.
    pub cost: u64,
    /// The thing itself.
    pub item: T,
}

/// Lines, each with something in it. One is looked up by name when something joins it, and by number when it is its turn.
#[derive(Debug)]
pub struct Lines<S, T> {
    names: Names<(u8, S)>,
    /// By number.
    queues: Vec<Chunked<Waiting<T>>>,
    spare: Spare<Waiting<T>>,
}

impl<S: Copy + Eq + Hash, T> Lines<S, T> {
    /// There are none.
    pub fn new() -> Self {
        Self { names: Names::new(), queues: Vec::new(), spare: Spare::new() }
    }

    /// The line of this name, if there is one.
    pub fn find(&self, priority: u8, source: S) -> Option<LineId> {
        self.names.find((priority, source))
    }

    /// The line of this name, and whether it is new: then something must be [`push`](Self::push)ed next.
    #[inline]
    pub fn open(&mut self, priority: u8, source: S) -> (LineId, bool) {
        let (line, new) = self.names.number((priority, source));
        if line as usize == self.queues.len() {
            self.queues.push(Chunked::default());
        }
        (line, new)
    }

    /// Puts something behind the others of its line.
    #[inline]
    pub fn push(&mut self, line: LineId, waiting: Waiting<T>) {
        self.queues[line as usize].push(waiting, &mut self.spare);
    }

    /// Takes the first of a line, with the line's name and whether it is empty now, and so is no more.
    #[inline]
    pub fn pop(&mut self, line: LineId) -> ((u8, S), Waiting<T>, bool) {
        let name = self.names.name(line);
        let queue = &mut self.queues[line as usize];
        let first = queue.pop(&mut self.spare).expect("a line has something in it");
        let emptied = queue.is_empty();
        if emptied {
            self.close(line);
        }
        (name, first, emptied)
    }

    /// The priority of a line, and the cost of the first in it.
    pub fn front(&self, line: LineId) -> Front {
        let (priority, _) = self.names.name(line);
        let first = self.queues[line as usize].front().expect("a line has something in it");
        Front { priority, cost: first.cost }
    }

    /// For one that numbers all that waits anew, in the order of arrival: the next one of `line` is `number`.
    pub fn renumber(&mut self, line: LineId, number: u64) {
        let queue = &mut self.queues[line as usize];
        let first = queue.pop(&mut self.spare).expect("a line has something in it");
        // When each has been first once, the first one is so again.
        queue.push(Waiting { number, ..first }, &mut self.spare);
    }

    fn close(&mut self, line: LineId) {
        self.queues[line as usize].give_back(&mut self.spare);
        if self.names.give_back(line) {
            *self = Self::new();
        }
    }

    /// For how many lines, and for how many messages, there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> (usize, usize) {
        let queues: usize = self.queues.iter().map(Chunked::capacity).sum();
        (self.names.capacity().max(self.queues.capacity()), queues + self.spare.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::super::storage::KEPT;
    use super::*;

    /// Numbers and costs are told from the item.
    fn push(lines: &mut Lines<char, u64>, priority: u8, source: char, item: u64) -> (LineId, bool) {
        let (line, new) = lines.open(priority, source);
        lines.push(line, Waiting { number: 100 + item, cost: 200 + item, item });
        (line, new)
    }

    fn pop(lines: &mut Lines<char, u64>, line: LineId) -> (char, u64, u64, bool) {
        let ((_, source), waiting, emptied) = lines.pop(line);
        (source, waiting.number, waiting.item, emptied)
    }

    #[test]
    fn each_priority_and_source_has_its_line() {
        let mut lines = Lines::new();
        assert_eq!(push(&mut lines, 1, 'a', 1), (0, true));
        assert_eq!(push(&mut lines, 2, 'a', 2), (1, true));
        assert_eq!(push(&mut lines, 1, 'a', 3), (0, false));
        assert_eq!(push(&mut lines, 1, 'b', 4), (2, true));
        assert_eq!((lines.find(1, 'a'), lines.find(1, 'b'), lines.find(2, 'b')), (Some(0), Some(2), None));
        assert_eq!(lines.front(0), Front { priority: 1, cost: 201 });
        assert_eq!(pop(&mut lines, 0), ('a', 101, 1, false));
        assert_eq!(pop(&mut lines, 0), ('a', 103, 3, true));
        assert_eq!(lines.find(1, 'a'), None);
        assert_eq!(push(&mut lines, 7, 'c', 5), (0, true), "its number is reused");
        assert_eq!((pop(&mut lines, 0), pop(&mut lines, 1)), (('c', 105, 5, true), ('a', 102, 2, true)));
    }

    #[test]
    fn a_line_is_renumbered_from_its_first_to_its_last() {
        let mut lines = Lines::new();
        for item in 1..=3 {
            push(&mut lines, 1, 'a', item);
        }
        (7..=9).for_each(|number| lines.renumber(0, number));
        assert_eq!(
            [(); 3].map(|()| pop(&mut lines, 0)),
            [('a', 7, 1, false), ('a', 8, 2, false), ('a', 9, 3, true)]
        );
    }

    #[test]
    fn a_long_line_gives_back_what_it_does_not_need() {
        let mut lines = Lines::new();
        for item in 0..100_000 {
            push(&mut lines, 1, 'a', item);
        }
        (1..100_000).for_each(|_| assert!(!lines.pop(0).2));
        assert!(lines.capacity().1 <= KEPT, "{:?}", lines.capacity());
        assert_eq!(pop(&mut lines, 0), ('a', 100_099, 99_999, true));
    }

    #[test]
    fn lines_are_kept_unless_there_were_many() {
        let left_after = |count: usize| {
            let mut lines = Lines::new();
            lines.queues.reserve_exact(count);
            for source in 0..count {
                let (line, new) = lines.open(1, source);
                assert!(new);
                lines.push(line, Waiting { number: 0, cost: 0, item: () });
            }
            (1..count).for_each(|line| assert!(lines.pop(line as LineId).2));
            assert!(lines.capacity().0 >= count, "one is still in use");
            assert!(lines.pop(0).2);
            lines.capacity().0
        };
        assert!(left_after(KEPT) >= KEPT);
        assert_eq!(left_after(KEPT + 1), 0);
    }
}
