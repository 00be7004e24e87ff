//! Storage is kept for the next message, within limits, and given back beyond them.

use std::collections::VecDeque;

/// Of one kind, so many entries are kept, without asking whether they are needed.
pub const KEPT: usize = 1024;

/// How many emptied chunks are kept.
const SPARE_CHUNKS: usize = 64;

/// For how many messages there is room in a chunk.
const CHUNK: usize = 32;

/// Halves what `queue` has room for, if it is large and hardly used: so that what a burst took is given back,
/// though the queue never runs empty. Costs a step for each message on average.
pub fn trim<T>(queue: &mut VecDeque<T>) {
    if queue.capacity() > KEPT && queue.len() <= queue.capacity() / 4 {
        queue.shrink_to(queue.capacity() / 2);
    }
}

/// First in, first out. What waits is never moved to make room for more, and what a burst took is given back while it drains:
/// it waits in chunks.
#[derive(Debug)]
pub struct Chunked<T> {
    /// Not empty unless all is.
    first: VecDeque<T>,
    /// Behind it; all but the last are full.
    more: VecDeque<VecDeque<T>>,
}

impl<T> Default for Chunked<T> {
    /// Empty, and with room for none.
    fn default() -> Self {
        Self { first: VecDeque::new(), more: VecDeque::new() }
    }
}

impl<T> Chunked<T> {
    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// What has waited longest.
    pub fn front(&self) -> Option<&T> {
        self.first.front()
    }

    /// Puts one behind all others.
    #[inline]
    pub fn push(&mut self, item: T, spare: &mut Spare<T>) {
        let last = self.more.back_mut().unwrap_or(&mut self.first);
        if last.len() == last.capacity() {
            self.make_room(spare);
        }
        self.more.back_mut().unwrap_or(&mut self.first).push_back(item);
    }

    /// Takes what has waited longest.
    #[inline]
    pub fn pop(&mut self, spare: &mut Spare<T>) -> Option<T> {
        let item = self.first.pop_front();
        if self.first.is_empty() {
            self.next_chunk(spare);
        }
        item
    }

    /// The last chunk gets room for one more: one of a few grows, so that many short queues need little.
    fn make_room(&mut self, spare: &mut Spare<T>) {
        let last = self.more.back_mut().unwrap_or(&mut self.first);
        if last.len() >= CHUNK {
            let mut chunk = spare.take();
            chunk.reserve_exact(CHUNK);
            self.more.push_back(chunk);
        } else if last.capacity() == 0 {
            *last = spare.take();
        }
    }

    fn next_chunk(&mut self, spare: &mut Spare<T>) {
        if let Some(next) = self.more.pop_front() {
            spare.put(std::mem::replace(&mut self.first, next));
            trim(&mut self.more);
        }
    }

    /// Gives up the room that it has; it must be empty.
    pub fn give_back(&mut self, spare: &mut Spare<T>) {
        spare.put(std::mem::take(self).first);
    }

    /// For how many messages there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.first.capacity() + self.more.iter().map(VecDeque::capacity).sum::<usize>()
    }
}

/// Emptied chunks, so that a steady flow does not allocate.
#[derive(Debug)]
pub struct Spare<T>(Vec<VecDeque<T>>);

impl<T> Spare<T> {
    /// None yet.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty chunk.
    fn take(&mut self) -> VecDeque<T> {
        self.0.pop().unwrap_or_default()
    }

    /// A chunk that has been emptied.
    fn put(&mut self, chunk: VecDeque<T>) {
        debug_assert!(chunk.is_empty(), "only an empty chunk is to spare");
        if self.0.len() < SPARE_CHUNKS && chunk.capacity() > 0 {
            self.0.push(chunk);
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
    fn chunks_are_one_queue() {
        let (mut queue, mut spare) = (Chunked::default(), Spare::new());
        let mut model = VecDeque::new();
        for step in 0..20_000_u64 {
            // Rises to some thousands and falls to none, more than once.
            if step * 7 % 10 < [9, 2][step as usize / 3_000 % 2] {
                queue.push(step, &mut spare);
                model.push_back(step);
            } else {
                assert_eq!(queue.pop(&mut spare), model.pop_front());
            }
            assert_eq!((queue.front(), queue.is_empty()), (model.front(), model.is_empty()));
            assert!(queue.capacity() < model.len() + 2 * CHUNK, "what is not needed is given back");
        }
        assert!(model.is_empty());
    }

    #[test]
    fn emptied_chunks_are_kept_but_not_many() {
        let (mut queue, mut spare) = (Chunked::default(), Spare::new());
        queue.give_back(&mut spare);
        assert_eq!(spare.0.len(), 0, "there is no room in that");
        (0..2 * SPARE_CHUNKS * CHUNK).for_each(|item| queue.push(item, &mut spare));
        while queue.pop(&mut spare).is_some() {}
        queue.give_back(&mut spare);
        assert_eq!((spare.0.len(), spare.capacity()), (SPARE_CHUNKS, SPARE_CHUNKS * CHUNK));
        assert_eq!((spare.take().capacity(), spare.0.len()), (CHUNK, SPARE_CHUNKS - 1));
        queue.push(7, &mut spare);
        assert_eq!((queue.capacity(), spare.0.len()), (CHUNK, SPARE_CHUNKS - 2), "it is used again");
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
