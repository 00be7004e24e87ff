//! Storage is kept for the next message, within limits, and given back beyond them.

use std::collections::VecDeque;

use super::KEPT;

/// How many emptied queues are kept, and how large each may be.
const SPARE_QUEUES: usize = 64;
const SPARE_CAPACITY: usize = 512;

/// Halves what `queue` has room for, if it is large and hardly used: so that what a burst took is given back,
/// though the queue never runs empty. Costs a step for each message on average.
pub fn trim<T>(queue: &mut VecDeque<T>) {
    if queue.capacity() > KEPT && queue.len() <= queue.capacity() / 4 {
        queue.shrink_to(queue.capacity() / 2);
    }
}

/// Emptied queues, so that a steady flow does not allocate.
#[derive(Debug)]
pub struct Spare<T>(Vec<VecDeque<T>>);

impl<T> Spare<T> {
    /// None yet.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty queue.
    pub fn take(&mut self) -> VecDeque<T> {
        self.0.pop().unwrap_or_default()
    }

    /// A queue that has been emptied.
    pub fn put(&mut self, queue: VecDeque<T>) {
        debug_assert!(queue.is_empty(), "only an empty queue is to spare");
        if self.0.len() < SPARE_QUEUES && queue.capacity() <= SPARE_CAPACITY {
            self.0.push(queue);
        }
    }

    /// For how many messages there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.0.iter().map(VecDeque::capacity).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emptied_queues_are_kept_but_neither_many_nor_large_ones() {
        let mut spare = Spare::new();
        spare.put(VecDeque::<u8>::with_capacity(SPARE_CAPACITY + 1));
        assert_eq!(spare.capacity(), 0);
        (0..2 * SPARE_QUEUES).for_each(|_| spare.put(VecDeque::with_capacity(SPARE_CAPACITY)));
        assert_eq!((spare.0.len(), spare.capacity()), (SPARE_QUEUES, SPARE_QUEUES * SPARE_CAPACITY));
        assert_eq!(spare.take().capacity(), SPARE_CAPACITY);
        assert_eq!(spare.0.len(), SPARE_QUEUES - 1);
        assert_eq!(Spare::<u8>::new().take().capacity(), 0);
    }

    #[test]
    fn a_large_queue_that_is_hardly_used_is_halved() {
        let trimmed = |capacity: usize, len: usize| {
            let mut queue = VecDeque::with_capacity(capacity);
            queue.resize(len, 0_u8);
            trim(&mut queue);
            queue.capacity()
        };
        assert_eq!(trimmed(4 * KEPT, KEPT), 2 * KEPT);
        assert_eq!(trimmed(4 * KEPT, KEPT + 1), 4 * KEPT);
        assert_eq!(trimmed(KEPT, 0), KEPT);
        assert_eq!(trimmed(KEPT + 2, 0), KEPT / 2 + 1);
    }
}
