//! A key while one of its items runs, and beyond.

use std::hash::Hash;
use std::ops::Deref;

use crate::error::SubmitError;
use crate::pool::handle::PoolHandle;
use crate::pool::handler::Handler;
use crate::pool::shard::{End, Items, Running, Work};
use crate::pool::shared::Shared;
use crate::sync::{Arc, mark};

/// The key whose item a handler runs: it dereferences to the key. Until the handler has returned no other item of the key
/// runs (P3); [`hold`](Self::hold) makes that last longer.
pub struct Lease<'a, K: Clone + Eq + Hash, I> {
    shared: &'a Arc<Shared<K, I>>,
    shard: usize,
    running: &'a Running<K>,
}

/// Holds a key beyond the return of the handler that ran an item of it (P3): until this is dropped, on whatever thread and
/// however, no item of the key runs. What the handler did, and whoever dropped the guard before doing so, is visible to the
/// key's next item (P4).
///
/// A key that is held still counts as work for [`drain`](PoolHandle::drain) and [`drain_key`](PoolHandle::drain_key), and
/// as nothing for [`pause`](PoolHandle::pause), which waits for handlers. A pool that is shut down with
/// [`Stop::RunRemaining`](crate::Stop::RunRemaining) ends when the key has been let go of and all that waits behind it has
/// run; if nothing waits behind it, or with [`Stop::HandBack`](crate::Stop::HandBack), it ends at once.
#[must_use = "the key goes on when this is dropped"]
pub struct KeyGuard<K: Clone + Eq + Hash, I> {
    shared: Arc<Shared<K, I>>,
    shard: usize,
    running: Running<K>,
}

impl<'a, K: Clone + Eq + Hash, I> Lease<'a, K, I> {
    pub(super) fn new(shared: &'a Arc<Shared<K, I>>, shard: usize, running: &'a Running<K>) -> Self {
        Self { shared, shard, running }
    }

    /// Keeps the key when the handler returns, until the guard is dropped: for work that goes on elsewhere, such as
    /// asynchronous I/O. Takes one short lock of the key's shard, and so does the guard's drop.
    ///
    /// ```
    /// use std::sync::mpsc::{Sender, channel};
    /// use keylane::{Handler, KeyGuard, Lease, ShardedThreadPool};
    ///
    /// /// Sends writes to a disk, which tells when they are done.
    /// struct Writer(Sender<(String, KeyGuard<u32, String>)>);
    /// impl Handler for Writer {
    ///     type Key = u32;
    ///     type Item = String;
    ///     fn handle(&self, object: Lease<'_, u32, String>, text: String) {
    ///         let until_written = object.hold();
    ///         self.0.send((text, until_written)).unwrap();
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (disk, writes) = channel();
    /// let pool = ShardedThreadPool::builder(Writer(disk)).start()?;
    /// pool.submit(7, "first".to_owned())?;
    /// pool.submit(7, "second".to_owned())?;
    /// let (text, until_written) = writes.recv()?;
    /// assert_eq!((&*text, writes.try_recv().is_err()), ("first", true));
    /// drop(until_written);
    /// assert_eq!(writes.recv()?.0, "second");
    /// # Ok(())
    /// # }
    /// ```
    pub fn hold(self) -> KeyGuard<K, I> {
        mark("key held");
        self.shared.shards[self.shard].baton.take_up().hold(&self.running.key);
        KeyGuard { shared: Arc::clone(self.shared), shard: self.shard, running: self.running.clone() }
    }

    /// The pool: to submit from inside.
    pub fn pool<H: Handler<Key = K, Item = I>>(&self) -> PoolHandle<H> {
        PoolHandle::new(Arc::clone(self.shared))
    }
}

impl<K: Clone + Eq + Hash, I> Deref for Lease<'_, K, I> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.running.key
    }
}

impl<K: Clone + Eq + Hash, I> KeyGuard<K, I> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.running.key
    }

    /// Submits `item` to be run before all others of the key, when the guard is dropped: for an item that has to wait for
    /// something, and is not to be overtaken meanwhile. Until then the guard waits wherever what it waits for is known. The
    /// item belongs to the work of the one that the handler ran: a [`drain`](PoolHandle::drain) which waits for that one
    /// waits for this.
    ///
    /// # Errors
    /// [`SubmitError`] with key and item in it, if the pool has been shut down.
    pub fn put_back(&self, item: I) -> Result<(), SubmitError<K, I>> {
        let parent = Some(self.running.generation);
        let work = Work { key: self.running.key.clone(), items: Items::One(item), end: End::Front, parent };
        self.shared.shards[self.shard].submit(work).map_err(Work::refused)
    }
}

impl<K: Clone + Eq + Hash, I> Drop for KeyGuard<K, I> {
    fn drop(&mut self) {
        mark("key let go");
        self.shared.shards[self.shard].baton.take_up().release(&self.running);
    }
}

impl<K: Clone + Eq + Hash, I> std::fmt::Debug for Lease<'_, K, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("shard", &self.shard).finish_non_exhaustive()
    }
}

impl<K: Clone + Eq + Hash, I> std::fmt::Debug for KeyGuard<K, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyGuard").field("shard", &self.shard).finish_non_exhaustive()
    }
}
