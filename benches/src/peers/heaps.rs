//! A binary heap, stable by a number for each message.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::peers::carrier::Payload;
use crate::peers::scheduled::Policy;

/// Highest priority first, and within one the order of arrival.
#[derive(Debug)]
pub struct Heap<T> {
    entries: BinaryHeap<Entry<T>>,
    arrived: u64,
}

#[derive(Debug)]
struct Entry<T> {
    key: (usize, Reverse<u64>),
    message: T,
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Self { entries: BinaryHeap::new(), arrived: 0 }
    }
}

impl<T: Payload> Policy<T> for Heap<T> {
    fn push(&mut self, message: T) {
        self.arrived += 1;
        self.entries.push(Entry { key: (message.rank(), Reverse(self.arrived)), message });
    }

    fn pop(&mut self) -> Option<T> {
        self.entries.pop().map(|entry| entry.message)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::parcel::Parcel;

    #[test]
    fn the_highest_goes_first_and_equals_in_their_order() {
        let mut heap = Heap::default();
        for (rank, number) in [(0, 1), (2, 2), (3, 3), (2, 4), (0, 5)] {
            heap.push(Parcel { rank, number, ..Parcel::default() });
        }
        let order: Vec<_> = std::iter::from_fn(|| heap.pop()).map(|parcel| parcel.number).collect();
        assert_eq!(order, [3, 2, 4, 1, 5]);
    }
}
