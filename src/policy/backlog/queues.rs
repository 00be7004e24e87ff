//! What waits in each line, first in, first out.

use std::collections::VecDeque;

use super::KEPT;
use super::lines::LineId;
use super::storage::{Spare, trim};

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

/// A queue for each line in which something waits.
#[derive(Debug)]
pub struct Queues<T> {
    /// By line; of those in which nothing waits there may be none.
    queues: Vec<VecDeque<Waiting<T>>>,
    spare: Spare<Waiting<T>>,
    len: usize,
}

impl<T> Queues<T> {
    /// Nothing waits.
    pub fn new() -> Self {
        Self { queues: Vec::new(), spare: Spare::new(), len: 0 }
    }

    /// How many wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Puts something behind the others of its line; whether it is the first there.
    #[inline]
    pub fn push(&mut self, line: LineId, waiting: Waiting<T>) -> bool {
        if self.queues.len() <= line as usize {
            self.queues.resize_with(line as usize + 1, VecDeque::new);
        }
        self.len += 1;
        let queue = &mut self.queues[line as usize];
        let first = queue.is_empty();
        if queue.capacity() == 0 {
            *queue = self.spare.take();
        }
        queue.push_back(waiting);
        first
    }

    /// Takes the first of a line; its number; and whether it was the last.
    #[inline]
    pub fn pop(&mut self, line: LineId) -> (T, u64, bool) {
        let queue = &mut self.queues[line as usize];
        let Waiting { number, item, .. } = queue.pop_front().expect("a line has something in it");
        self.len -= 1;
        let last = queue.is_empty();
        if last {
            let queue = std::mem::take(queue);
            self.spare.put(queue);
            // After a burst.
            if self.len == 0 && self.queues.capacity() > KEPT {
                self.queues = Vec::new();
            }
        } else {
            trim(queue);
        }
        (item, number, last)
    }

    /// What the first of a line counts for.
    #[inline]
    pub fn cost(&self, line: LineId) -> u64 {
        self.queues[line as usize][0].cost
    }

    /// The number of the first of a line, if something waits there.
    #[inline]
    pub fn first(&self, line: LineId) -> Option<u64> {
        self.queues.get(line as usize)?.front().map(|waiting| waiting.number)
    }

    /// For one that numbers all that waits anew, in the order of arrival: what is number `old` in `line`, if it waits
    /// there, is `new`.
    pub fn renumber(&mut self, line: LineId, old: u64, new: u64) {
        if self.first(line) == Some(old) {
            // When each has been first once, the first one is so again.
            let queue = &mut self.queues[line as usize];
            queue.rotate_left(1);
            queue.back_mut().expect("it is not empty").number = new;
        }
    }

    /// For how many messages, and for how many lines, there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> (usize, usize) {
        let queues: usize = self.queues.iter().map(VecDeque::capacity).sum();
        (queues + self.spare.capacity(), self.queues.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queues: &mut Queues<u64>, line: LineId, item: u64) -> bool {
        queues.push(line, Waiting { number: 100 + item, cost: 200 + item, item })
    }

    fn pop(queues: &mut Queues<u64>, line: LineId) -> (u64, u64, bool) {
        queues.pop(line)
    }

    #[test]
    fn a_line_is_first_in_first_out() {
        let mut queues = Queues::new();
        assert!(push(&mut queues, 3, 1) && push(&mut queues, 0, 2) && !push(&mut queues, 3, 3));
        assert_eq!((queues.len(), queues.cost(3), queues.cost(0)), (3, 201, 202));
        assert_eq!([pop(&mut queues, 3), pop(&mut queues, 3)], [(1, 101, false), (3, 103, true)]);
        assert!(push(&mut queues, 3, 4), "and begins anew");
        assert_eq!([pop(&mut queues, 3), pop(&mut queues, 0)], [(4, 104, true), (2, 102, true)]);
        assert_eq!(queues.len(), 0);
    }

    #[test]
    fn a_line_is_renumbered_from_its_first_to_its_last() {
        let mut queues = Queues::new();
        for item in 1..=3 {
            push(&mut queues, 0, item);
        }
        queues.renumber(1, 101, 6);
        for (old, new) in [(99, 6), (101, 7), (102, 8), (103, 9)] {
            queues.renumber(0, old, new);
        }
        assert_eq!(queues.first(0), Some(7));
        assert_eq!([(); 3].map(|()| pop(&mut queues, 0)), [(1, 7, false), (2, 8, false), (3, 9, true)]);
        assert_eq!((queues.first(0), queues.first(1)), (None, None));
    }

    #[test]
    fn a_long_line_gives_back_what_it_does_not_need() {
        let mut queues = Queues::new();
        for item in 0..100_000 {
            push(&mut queues, 0, item);
        }
        (1..100_000).for_each(|_| assert!(!pop(&mut queues, 0).2));
        assert!(queues.capacity().0 <= KEPT, "{:?}", queues.capacity());
        assert_eq!(pop(&mut queues, 0), (99_999, 100_099, true));
    }

    #[test]
    fn room_for_lines_is_kept_unless_there_were_many() {
        let left_after = |count: usize| {
            let mut queues = Queues::new();
            queues.queues.reserve_exact(count);
            (0..count).for_each(|line| assert!(push(&mut queues, line as LineId, 0)));
            (0..count).for_each(|line| assert!(pop(&mut queues, line as LineId).2));
            queues.capacity().1
        };
        assert_eq!((left_after(KEPT), left_after(KEPT + 1)), (KEPT, 0));
    }
}
