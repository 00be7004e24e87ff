//! A key while one of its items runs, and beyond.

use std::hash::Hash;
use std::ops::Deref;

use crate::error::SubmitError;
use crate::policy::{Class, End, Why};
use crate::pool::handle::PoolHandle;
use crate::pool::handler::Handler;
use crate::pool::shard::Running;
use crate::pool::shared::Shared;
use crate::pool::task::{self, WatchSuspension};
use crate::pool::together::{Place, Together};
use crate::pool::work::{Items, Work};
use crate::sync::{Arc, mark};

/// The key whose item a handler runs: it dereferences to the key. Until the handler has returned no other item of the key
/// runs (P3); [`hold`](Self::hold) makes that last longer.
pub struct Lease<'a, K: Clone + Eq + Hash, I> {
    shared: &'a Arc<Shared<K, I>>,
    shard: usize,
    running: &'a Running<K>,
    together: Option<&'a Arc<Together<K, I>>>,
    place: &'a task::Place<K>,
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
    together: Option<Arc<Together<K, I>>>,
}

impl<'a, K: Clone + Eq + Hash, I> Lease<'a, K, I> {
    pub(super) fn new(
        shared: &'a Arc<Shared<K, I>>,
        shard: usize,
        running: &'a Running<K>,
        together: Option<&'a Arc<Together<K, I>>>,
        place: &'a task::Place<K>,
    ) -> Self {
        Self { shared, shard, running, together, place }
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
        let together = self.together.cloned();
        match &together {
            None => self.shared.shards[self.shard].baton.take_up().hold(&self.running.key),
            Some(together) => together
                .places
                .iter()
                .for_each(|place| self.shared.shards[place.shard].baton.take_up().hold(&place.key)),
        }
        KeyGuard {
            shared: Arc::clone(self.shared),
            shard: self.shard,
            running: self.running.clone(),
            together,
        }
    }

    /// All keys that the item has: one, or those that were given to
    /// [`submit_together`](PoolHandle::submit_together), in that order. The lease dereferences to the first.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        keys(self.running, self.together.map(|together| &**together))
    }

    /// Suspends the watch of this item, if the pool is [watched](crate::ShardedThreadPoolBuilder::watch), until the guard is
    /// dropped: for a handler that waits on purpose, for a lock or another service. Meanwhile its time does not count, so
    /// that it is neither reported nor fatal; then the rest of its patience goes on where it was. (Ceph's
    /// `suspend_tp_timeout`, which forgets what has passed.) Takes a short lock that nobody else wants but who looks, and a
    /// look at the clock, and so does the guard's drop; nothing in a pool that is not watched.
    ///
    /// Suspensions nest: time counts again when as many guards have been dropped as there were, in whatever order. A guard
    /// that is leaked ends with its item. The guard may outlive the lease, which [`hold`](Self::hold) consumes, and not the
    /// handler.
    ///
    /// ```
    /// # use std::sync::Mutex;
    /// use keylane::{Handler, Lease};
    ///
    /// struct Disk(Mutex<Vec<u64>>);
    /// impl Handler for Disk {
    ///     type Key = u32;
    ///     type Item = u64;
    ///     fn handle(&self, key: Lease<'_, u32, u64>, block: u64) {
    ///         let waiting = key.suspend_watch();
    ///         let mut disk = self.0.lock().unwrap(); // however long that takes
    ///         drop(waiting);
    ///         disk.push(block); // this should be quick
    ///     }
    /// }
    /// ```
    pub fn suspend_watch(&self) -> WatchSuspension<'a, K> {
        WatchSuspension::new(self.place)
    }

    /// The class of the item that runs.
    pub fn class(&self) -> Class {
        self.running.class
    }

    /// The pool: to submit from inside.
    pub fn pool<H: Handler<Key = K, Item = I>>(&self) -> PoolHandle<H> {
        PoolHandle::new(Arc::clone(self.shared))
    }
}

impl<K: Clone + Eq + Hash, I> Deref for Lease<'_, K, I> {
    type Target = K;

    fn deref(&self) -> &K {
        self.together.map_or(&self.running.key, |together| &together.places[0].key)
    }
}

fn keys<'a, K, I>(
    running: &'a Running<K>,
    together: Option<&'a Together<K, I>>,
) -> impl Iterator<Item = &'a K> {
    let several = together.into_iter().flat_map(|together| together.places.iter().map(|place| &place.key));
    several.chain(together.is_none().then_some(&running.key))
}

impl<K: Clone + Eq + Hash, I> KeyGuard<K, I> {
    /// The key; the first of several.
    pub fn key(&self) -> &K {
        self.together.as_ref().map_or(&self.running.key, |together| &together.places[0].key)
    }

    /// All keys that are held, in the order of [`Lease::keys`].
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        keys(&self.running, self.together.as_deref())
    }

    /// Submits `item` to be run before all others of the key (of each of them, if there are several), when the guard is dropped: for an item that has to wait for
    /// something, and is not to be overtaken meanwhile. Until then the guard waits wherever what it waits for is known. The
    /// item belongs to the work of the one that the handler ran: a [`drain`](PoolHandle::drain) which waits for that one
    /// waits for this.
    ///
    /// # Errors
    /// [`SubmitError`] with key and item in it, if the pool has been shut down.
    pub fn put_back(&self, item: I) -> Result<(), SubmitError<K, I>> {
        if let Some(together) = &self.together {
            let places = together.places.iter().map(Place::clone).collect();
            let labelled = self.shared.label_several(item);
            let parent = Some(self.running.tag.generation);
            let put_back = self.shared.submit_together(places, labelled, End::Front, parent);
            return put_back.map_err(|(_, item)| SubmitError::new(self.key().clone(), item));
        }
        let work = Work {
            key: self.running.key.clone(),
            items: Items::One(self.shared.label(item)),
            end: End::Front,
            parent: Some(self.running.tag.generation),
            arrived: self.shared.stamp(),
        };
        self.shared.shards[self.shard].submit(work).map_err(Work::refused)
    }
}

impl<K: Clone + Eq + Hash, I> Drop for KeyGuard<K, I> {
    fn drop(&mut self) {
        mark("key let go");
        match &self.together {
            None => self.shared.shards[self.shard].baton.take_up().release(&self.running),
            Some(together) => {
                for place in &together.places {
                    self.shared.shards[place.shard].baton.take_up().let_go_kept(&place.key, Why::Held);
                }
            }
        }
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
