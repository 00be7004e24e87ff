//! The user's side of a pool.

use std::hash::Hash;

/// Runs the items of a pool.
///
/// A handler that keeps a [`PoolHandle`](crate::PoolHandle) of its own pool, to submit from inside, is a cycle that
/// is never freed: take it out when the pool is joined.
pub trait Handler: Send + Sync + 'static {
    /// What items are ordered by. Its `Hash`, `Eq`, `Clone` and `Drop` run while a shard's lock is held: they
    /// must be pure, quick, and must not panic.
    type Key: Hash + Eq + Clone + Send + 'static;

    /// What is submitted.
    type Item: Send + 'static;

    /// Runs one item of `key`, on a worker of the key's shard, with no lock of keylane held.
    ///
    /// No other item of `key` runs meanwhile (P3), and everything the earlier ones wrote is visible (P4). It
    /// may submit to the same pool; those items count as part of the work a drain waits for.
    fn handle(&self, key: &Self::Key, item: Self::Item);
}
