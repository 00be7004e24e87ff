//! What is said of an item that runs.

use std::fmt;

use crate::policy::Class;
use crate::watch::{Station, Suspension};

/// An item of a pool that runs: what a [watched](crate::ShardedThreadPoolBuilder::watch) pool tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Task<K> {
    /// Its key.
    pub key: K,
    /// Its class.
    pub class: Class,
    /// The shard it runs in, counting from 0.
    pub shard: usize,
}

impl<K: fmt::Debug> fmt::Display for Task<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, class, shard } = self;
        write!(f, "item of key {key:?} (class {}, shard {shard})", class.0)
    }
}

/// Where a worker's items run, if they are watched.
pub(super) type Place<K> = Option<Station<Task<K>>>;

/// While it lives, the time of the item does not count: see [`Lease::suspend_watch`](crate::Lease::suspend_watch).
#[must_use = "the time counts again when this is dropped"]
pub struct WatchSuspension<'a, K>(Option<Suspension<'a, Task<K>>>);

impl<'a, K> WatchSuspension<'a, K> {
    /// Suspends the watch of what runs there, if there is one.
    pub(super) fn new(place: &'a Place<K>) -> Self {
        Self(place.as_ref().map(Station::suspend))
    }
}

impl<K> fmt::Debug for WatchSuspension<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchSuspension").field("watched", &self.0.is_some()).finish()
    }
}
