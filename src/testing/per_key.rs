//! State for each key, so that what is recorded of one is no step for another.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::sync::Witness;

/// What a checker needs of keys: to find them, and to print them.
pub trait Key: Hash + Eq + Clone + Debug {}

impl<K: Hash + Eq + Clone + Debug> Key for K {}

/// Witnesses must exist before the threads of a model do, and keys turn up later. So there are a few, shared by
/// hash: two keys of one only cost interleavings.
const STRIPES: usize = 8;

/// A `S` for each key that has been looked at.
#[derive(Debug)]
pub(super) struct PerKey<K, S> {
    stripes: [Witness<HashMap<K, S>>; STRIPES],
}

impl<K: Key, S: Default> PerKey<K, S> {
    pub(super) fn new() -> Self {
        Self { stripes: std::array::from_fn(|_| Witness::default()) }
    }

    /// Looks at the state of `key`, or changes it, at a moment.
    pub(super) fn at_a_moment<R>(&self, key: &K, look: impl FnOnce(&mut S) -> R) -> R {
        // The same in each execution of a model, unlike that of a `HashMap`.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let stripe = usize::try_from(hasher.finish() % STRIPES as u64).expect("less than STRIPES");
        self.stripes[stripe].at_a_moment(|states| look(states.entry(key.clone()).or_default()))
    }
}
