//! Items in order, of which the first has its place beside the others.

use std::collections::VecDeque;

/// A queue that needs no memory of its own for one item, which is all that most keys have at a time.
#[derive(Debug)]
pub struct Items<T> {
    /// Before all others, if there is one: it may have gone, and they not.
    first: Option<T>,
    others: VecDeque<T>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { first: None, others: VecDeque::new() }
    }
}

impl<T> Items<T> {
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }

    #[inline]
    pub fn front(&self) -> Option<&T> {
        self.first.as_ref().or_else(|| self.others.front())
    }

    #[inline]
    pub fn push_back(&mut self, item: T) {
        if self.is_empty() {
            self.first = Some(item);
        } else {
            self.others.push_back(item);
        }
    }

    #[inline]
    pub fn push_front(&mut self, item: T) {
        if let Some(second) = self.first.replace(item) {
            self.others.push_front(second);
        }
    }

    /// Gives back what many have taken.
    #[inline]
    pub fn pop_front(&mut self) -> Option<T> {
        let front = self.first.take();
        if front.is_some() {
            return front;
        }
        let front = self.others.pop_front();
        if super::is_roomy(self.others.len(), self.others.capacity()) {
            self.others.shrink_to_fit();
        }
        front
    }

    /// Takes out the first for which `is_it` says so.
    pub fn take_one(&mut self, mut is_it: impl FnMut(&T) -> bool) -> Option<T> {
        if let Some(first) = self.first.take_if(|first| is_it(first)) {
            return Some(first);
        }
        let place = self.others.iter().position(is_it)?;
        self.others.remove(place)
    }

    /// For how many there is room that was allocated.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.others.capacity()
    }
}

impl<T> IntoIterator for Items<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::collections::vec_deque::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_queue() {
        let mut items = Items::default();
        assert!(items.is_empty() && items.front().is_none() && items.pop_front().is_none());
        items.push_back(2);
        items.push_back(3);
        items.push_front(1);
        assert_eq!((items.len(), items.front()), (3, Some(&1)));
        assert_eq!([items.pop_front(), items.pop_front()], [Some(1), Some(2)]);
        items.push_back(4);
        assert_eq!((items.len(), items.front()), (2, Some(&3)));
        items.push_front(0);
        assert_eq!(items.into_iter().collect::<Vec<_>>(), [0, 3, 4]);
    }

    #[test]
    fn one_is_taken_from_anywhere() {
        for (which, left) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
            let mut items = Items::default();
            [1, 2, 3].into_iter().for_each(|item| items.push_back(item));
            assert_eq!(items.take_one(|&item| item == 9), None);
            assert_eq!((items.take_one(|&item| item == which), items.len()), (Some(which), 2));
            assert_eq!(items.front(), Some(&left[0]));
            assert_eq!(items.into_iter().collect::<Vec<_>>(), left);
        }
    }

    #[test]
    fn one_item_takes_no_memory() {
        let mut items = Items::default();
        for item in 0..9 {
            items.push_back(item);
            assert_eq!(items.pop_front(), Some(item));
        }
        assert_eq!(items.others.capacity(), 0);
    }
}
