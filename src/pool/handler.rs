//! The user's side of a pool.

use std::hash::Hash;

use crate::pool::lease::Lease;

/// Runs the items of a pool.
///
/// To submit from inside there is [`Lease::pool`]; a handler may keep a [`PoolHandle`](crate::PoolHandle) of its own pool as
/// well. The workers own it: it is dropped with the last of them, whatever handles and guards there still are.
pub trait Handler: Send + Sync + 'static {
    /// What items are ordered by. Its `Hash`, `Eq`, `Clone` and `Drop` run while a shard's lock is held: they
    /// must be pure, quick, and must not panic.
    type Key: Hash + Eq + Clone + Send + 'static;

    /// What is submitted.
    type Item: Send + 'static;

    /// Runs one item of `key`, on a worker of the key's shard, with no lock of keylane held. `key` dereferences to the key;
    /// [`Lease::hold`] keeps it beyond the handler's return.
    ///
    /// No other item of `key` runs meanwhile (P3), and everything the earlier ones wrote is visible (P4). It
    /// may submit to the same pool; those items count as part of the work a drain waits for.
    fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, item: Self::Item);
}
