//! What the workers of a pool, its handles, its guards and its controls have in common: all but the handler. So whoever
//! keeps a handle or a guard does not keep the handler, and a handler that does is no cycle.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use crate::inside::{Generation, Owner};
use crate::pool::shard::Shard;
use crate::sync::Mutex;

/// See the module's documentation.
pub(super) struct Shared<K: Clone + Eq + Hash, I> {
    pub(super) shards: Box<[Shard<K, I>]>,
    threads_per_shard: usize,
    /// Held while a pause, its end, a drain or a shutdown marks the shards.
    pub(super) control: Mutex<Control>,
}

/// What controls agree on.
#[derive(Default)]
pub(super) struct Control {
    /// The generation that the next drain ends.
    pub(super) next_generation: Generation,
}

/// Fixed keys: a program's key has the same shard in every run, which is what makes runs comparable.
type Placement = BuildHasherDefault<DefaultHasher>;

impl<K: Clone + Eq + Hash, I> Shared<K, I> {
    pub(super) fn new(shards: usize, threads_per_shard: usize) -> Self {
        let shards = (0..shards).map(|_| Shard::new(threads_per_shard)).collect();
        Self { shards, threads_per_shard, control: Mutex::default() }
    }

    /// How many workers there are, in all shards together.
    pub(super) fn workers(&self) -> usize {
        self.shards.len() * self.threads_per_shard
    }

    /// Tells this pool from others.
    pub(super) fn id(&self) -> Owner {
        std::ptr::from_ref(self).addr()
    }

    /// Which shard the items of `key` go to.
    pub(super) fn shard_of(&self, key: &K) -> usize {
        let shards = self.shards.len() as u64;
        usize::try_from(Placement::default().hash_one(key) % shards).expect("less than the number of shards")
    }
}
