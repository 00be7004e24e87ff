//! Small sets of small numbers.

use std::fmt::{self, Debug};

use crate::Id;

/// A set of numbers below 64.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Ids(u64);

impl Ids {
    /// `{}`.
    pub const NONE: Self = Self(0);

    /// Whether it has this one.
    pub fn has(self, id: Id) -> bool {
        id < 64 && self.0 & (1 << id) != 0
    }

    /// `@ \cup {id}`.
    ///
    /// # Panics
    /// If it is 64 or more.
    pub fn insert(&mut self, id: Id) {
        assert!(id < 64, "sets of these have no {id}");
        self.0 |= 1 << id;
    }

    /// `@ \ {id}`.
    pub fn remove(&mut self, id: Id) {
        if self.has(id) {
            self.0 ^= 1 << id;
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// `Cardinality(@)`.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// All of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Id> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let id = (left != 0).then(|| left.trailing_zeros() as Id)?;
            left &= left - 1;
            Some(id)
        })
    }
}

impl FromIterator<Id> for Ids {
    fn from_iter<I: IntoIterator<Item = Id>>(ids: I) -> Self {
        let mut set = Self::NONE;
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

impl Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
