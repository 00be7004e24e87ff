//! The user's side of a pool.

use std::hash::Hash;

use crate::policy::Class;
use crate::pool::lease::Lease;
use crate::watch::Patience;

/// Runs the items of a pool.
///
/// To submit from inside there is [`Lease::pool`]; a handler may keep a [`PoolHandle`](crate::PoolHandle) of its own pool as
/// well. The pool and its workers own it: it is dropped with the last of them, whatever handles and guards there still are.
pub trait Handler: Send + Sync + 'static {
    /// What items are ordered by. Its `Hash`, `Eq`, `Clone` and `Drop` run while a shard's lock is held: they
    /// must be pure, quick, and must not panic. In a pool that is [watched](crate::ShardedThreadPoolBuilder::watch), each item
    /// that runs has a clone of it, and `Clone` runs under a lock of the watch as well.
    type Key: Hash + Eq + Clone + Send + Sync + 'static;

    /// What is submitted.
    type Item: Send + 'static;

    /// What kind of work an item is, for the pool's [`Scheduler`](crate::Scheduler). Asked once, by the thread that submits
    /// it; should be quick.
    fn class(item: &Self::Item) -> Class {
        let _ = item;
        Class::default()
    }

    /// What an item costs, in whatever the scheduler's shares are to be counted in: bytes, or operations. Asked like
    /// [`class`](Self::class).
    fn cost(item: &Self::Item) -> u64 {
        let _ = item;
        1
    }

    /// The class of items that need [several keys](crate::PoolHandle::submit_together), whatever [`class`](Self::class) says
    /// of them: one for all, so that they stand in one line at each key. (In different lines two of them might wait for each
    /// other: each first at a key that the other needs.) The lowest unless told otherwise.
    fn class_of_several() -> Class {
        Class::default()
    }

    /// For how long an item may run, in a pool that is [watched](crate::ShardedThreadPoolBuilder::watch): as long as is said
    /// there, unless this says otherwise. Asked once, by the worker that runs the item, before it begins, and only if the
    /// pool is watched. If it panics, the handler counts as having panicked, and the item as run.
    ///
    /// ```
    /// use std::time::Duration;
    /// use keylane::{Handler, Lease, Patience};
    ///
    /// enum Op { Read, Scrub }
    /// struct Store;
    /// impl Handler for Store {
    ///     type Key = u32;
    ///     type Item = Op;
    ///     fn patience(op: &Op) -> Patience {
    ///         match op {
    ///             Op::Read => Patience::default(),
    ///             Op::Scrub => Patience { grace: Some(Duration::from_secs(600)), fatal: Some(Duration::MAX) },
    ///         }
    ///     }
    ///     fn handle(&self, _: Lease<'_, u32, Op>, _: Op) {}
    /// }
    /// ```
    fn patience(item: &Self::Item) -> Patience {
        let _ = item;
        Patience::default()
    }

    /// Runs one item of `key`, on a worker of the key's shard, with no lock of keylane held. `key` dereferences to the key;
    /// [`Lease::hold`] keeps it beyond the handler's return.
    ///
    /// No other item of `key` runs meanwhile (P3), and everything the earlier ones wrote is visible (P4). It
    /// may submit to the same pool; those items count as part of the work a drain waits for.
    fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, item: Self::Item);
}
