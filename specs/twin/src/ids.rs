//! Small sets of small numbers.

use std::fmt::{self, Debug};

use crate::Id;

/// A set of numbers below 32.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Ids(u32);

impl Ids {
    /// `{}`.
    pub const NONE: Self = Self(0);

    /// Whether it has this one.
    pub fn has(self, id: Id) -> bool {
        self.0 & (1 << id) != 0
    }

    /// `@ \cup {id}`.
    pub fn insert(&mut self, id: Id) {
        self.0 |= 1 << id;
    }

    /// `@ \ {id}`.
    pub fn remove(&mut self, id: Id) {
        self.0 &= !(1 << id);
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
        (0..32).filter(move |&id| self.has(id))
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
