//! The pool as its owner sees it: submit, pause, drain, shut down, join.

use std::ops::Deref;

use crate::error::{ControlError, SubmitError};
use crate::inside;
use crate::pool::builder::ShardedThreadPoolBuilder;
use crate::pool::control::PauseGuard;
use crate::pool::handler::Handler;

use crate::pool::shard::{End, Items, Work};
use crate::pool::shared::Shared;
use crate::pool::worker::Worker;
use crate::stop::Stop;
use crate::sync::Arc;
use crate::worker_thread::WorkerThread;

/// A pool with its threads.
///
/// Dereferences to [`PoolHandle`], which is what the rest of the program uses; this is what its owner keeps,
/// to [`join`](Self::join) it. Dropped without that, it shuts down with [`Stop::RunRemaining`] and waits, so
/// that everything accepted is run; what a shutdown would hand back (the pool is paused, or has been shut down
/// with [`Stop::HandBack`]) is dropped with it. Dropped inside one of its own handlers, it does not wait.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use keylane::{Handler, Lease, ShardedThreadPool, Stop};
///
/// /// Deposits by account: those of one account are booked in order, one at a time.
/// struct Ledger(Arc<Mutex<Vec<(&'static str, i64)>>>);
/// impl Handler for Ledger {
///     type Key = &'static str;
///     type Item = i64;
///     fn handle(&self, account: Lease<'_, &'static str, i64>, amount: i64) {
///         self.0.lock().unwrap().push((*account, amount));
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let booked = Arc::default();
/// let pool = ShardedThreadPool::builder(Ledger(Arc::clone(&booked))).shards(2).start()?;
/// for amount in 1..=3 {
///     pool.submit("ada", amount)?;
///     pool.submit("bob", -amount)?;
/// }
/// pool.drain()?; // all of the above have been booked
/// let ada: Vec<_> = booked.lock().unwrap().iter().filter(|(who, _)| *who == "ada").map(|b| b.1).collect();
/// assert_eq!(ada, [1, 2, 3]);
/// pool.shutdown(Stop::HandBack);
/// assert!(pool.join()?.leftovers.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct ShardedThreadPool<H: Handler> {
    handle: PoolHandle<H>,
    threads: Vec<WorkerThread<Worker<H>>>,
}

/// Submits to and controls a pool. Clones are handles to the same pool.
pub struct PoolHandle<H: Handler> {
    shared: Arc<Shared<H::Key, H::Item>>,
}

/// What a pool leaves behind.
#[derive(Debug)]
#[non_exhaustive]
pub struct PoolReport<K, I> {
    /// Items that were accepted and will not run: each key's in order, and the keys in none.
    pub leftovers: Vec<(K, I)>,
    /// Handlers that panicked on the pool's threads. Their items count as run.
    pub panics: usize,
}

impl<H: Handler> ShardedThreadPool<H> {
    /// Starts building a pool whose items go to `handler`.
    pub fn builder(handler: H) -> ShardedThreadPoolBuilder<H> {
        ShardedThreadPoolBuilder::new(handler)
    }

    pub(super) fn new(handle: PoolHandle<H>, threads: Vec<WorkerThread<Worker<H>>>) -> Self {
        Self { handle, threads }
    }

    /// A handle for other threads.
    pub fn handle(&self) -> PoolHandle<H> {
        self.handle.clone()
    }

    /// Waits until the pool has ended, which [`shutdown`](PoolHandle::shutdown) brings about; shuts it down
    /// with [`Stop::RunRemaining`] if nobody has. When this returns no handler runs, none will, and no thread
    /// of the pool exists (P8).
    ///
    /// # Errors
    /// [`ControlError::FromCallback`] from inside a handler of this pool, which would wait for itself. The
    /// pool has then been shut down, its threads end by themselves, and what a report would have handed back is
    /// dropped.
    pub fn join(mut self) -> Result<PoolReport<H::Key, H::Item>, ControlError> {
        self.handle.shutdown(Stop::RunRemaining);
        self.shared.refuse_callbacks()?;
        Ok(self.end())
    }

    fn end(&mut self) -> PoolReport<H::Key, H::Item> {
        let (workers, panics): (Vec<_>, Vec<_>) = self.threads.drain(..).map(WorkerThread::join).unzip();
        let mut report = self.handle.reclaim(workers);
        report.panics = panics.iter().sum();
        report
    }
}

impl<H: Handler> Deref for ShardedThreadPool<H> {
    type Target = PoolHandle<H>;

    fn deref(&self) -> &PoolHandle<H> {
        &self.handle
    }
}

impl<H: Handler> Drop for ShardedThreadPool<H> {
    fn drop(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        self.handle.shutdown(Stop::RunRemaining);
        if self.shared.refuse_callbacks().is_ok() {
            self.end();
        }
    }
}

impl<H: Handler> PoolHandle<H> {
    pub(super) fn new(shared: Arc<Shared<H::Key, H::Item>>) -> Self {
        Self { shared }
    }

    /// Queues `item` to be run when all items of `key` submitted before it have been.
    ///
    /// # Ordering
    /// If one submit returns before another begins, on whatever threads, and the keys are equal, then the
    /// first one's item runs first (P2), and the second sees all it wrote (P4). Items of different keys have
    /// no order.
    ///
    /// # Errors
    /// [`SubmitError`] with key and item in it, if the pool has been shut down: from the moment
    /// [`shutdown`](Self::shutdown) returns, always.
    pub fn submit(&self, key: H::Key, item: H::Item) -> Result<(), SubmitError<H::Key, H::Item>> {
        self.submit_work(key, Items::One(item), End::Back).map_err(Work::refused)
    }

    /// As [`submit`](Self::submit), of several items at once: nothing comes between them, and they cost one short lock.
    ///
    /// # Ordering
    /// That of the batch, and as [`submit`](Self::submit) otherwise.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), with all the items.
    pub fn submit_batch(
        &self,
        key: H::Key,
        items: Vec<H::Item>,
    ) -> Result<(), SubmitError<H::Key, Vec<H::Item>>> {
        self.submit_work(key, Items::Batch(items), End::Back).map_err(Work::batch_refused)
    }

    /// Queues `item` to be run before all items of `key` that have not started when this returns. (Ceph's `queue_front`:
    /// an operation that has waited for something goes on where it was.)
    ///
    /// # Ordering
    /// Of several calls the later goes first; for several items at once there is
    /// [`submit_front_batch`](Self::submit_front_batch). From inside the key's own handler, or while its
    /// [`KeyGuard`](crate::KeyGuard) is held: the item is the key's next. The key's turn among the others stays what it is.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_front(&self, key: H::Key, item: H::Item) -> Result<(), SubmitError<H::Key, H::Item>> {
        self.submit_work(key, Items::One(item), End::Front).map_err(Work::refused)
    }

    /// As [`submit_front`](Self::submit_front), of several items at once, which keep their order.
    ///
    /// # Ordering
    /// The first of the batch is the first to run; nothing comes between them but what is put in front later.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), with all the items.
    pub fn submit_front_batch(
        &self,
        key: H::Key,
        items: Vec<H::Item>,
    ) -> Result<(), SubmitError<H::Key, Vec<H::Item>>> {
        self.submit_work(key, Items::Batch(items), End::Front).map_err(Work::batch_refused)
    }

    fn submit_work(&self, key: H::Key, items: Items<H::Item>, end: End) -> Result<(), Work<H::Key, H::Item>> {
        let parent = inside::generation(self.shared.id());
        let shard = &self.shared.shards[self.shared.shard_of(&key)];
        shard.submit(Work { key, items, end, parent })
    }

    /// Takes back what `key` has queued, in its order: none of it runs afterwards (P9). An item that runs goes on, and a
    /// key that is held stays so. From anywhere, handlers included; takes one short lock of the key's shard.
    ///
    /// # Ordering
    /// What was submitted before this call has started or comes back; what is submitted after it does not come back; what
    /// is submitted meanwhile does one or the other. What [`shutdown`](Self::shutdown) hands back is not here any more.
    pub fn remove(&self, key: &H::Key) -> Vec<H::Item> {
        let mut core = self.shared.shards[self.shared.shard_of(key)].baton.take_up();
        let removed = core.remove(key);
        if core.is_over() {
            // What was removed waited behind a key that is held, and was all that the workers stayed for.
            core.wake_all();
        }
        removed
    }

    /// Waits for everything that was submitted to `key` before, by whomever: when this returns all of it has been run, and
    /// let go of by its [`KeyGuard`](crate::KeyGuard) if there was one, or has been [removed](Self::remove). Not for what
    /// its handlers submit, and not for other keys. While the pool is paused it waits.
    ///
    /// # Errors
    /// [`ControlError::FromCallback`] from inside a handler of this pool; [`ControlError::Stopped`] if the pool has been
    /// shut down and handed back items of this key.
    pub fn drain_key(&self, key: &H::Key) -> Result<(), ControlError> {
        self.shared.drain_key(key)
    }

    /// Which shard the items of `key` go to, counting from 0. The same in every run of one build.
    pub fn shard_of(&self, key: &H::Key) -> usize {
        self.shared.shard_of(key)
    }

    /// Waits until no handler runs, and lets none start until the guard is dropped (P6). Items are accepted
    /// meanwhile. A pool that is shut down while paused ends all the same, and hands back what it has.
    ///
    /// # Errors
    /// [`ControlError::FromCallback`] from inside a handler of this pool; [`ControlError::Stopped`] if the pool
    /// has been shut down.
    pub fn pause(&self) -> Result<PauseGuard<H::Key, H::Item>, ControlError> {
        self.shared.pause()
    }

    /// Waits for everything submitted before, and for everything that those items' handlers submit in turn
    /// from their own threads: when it returns, there has been a moment at which none of that was queued or
    /// running in any shard (P7). What others submit meanwhile does not hold it up. While the pool is paused
    /// it waits.
    ///
    /// # Errors
    /// [`ControlError::FromCallback`] from inside a handler of this pool; [`ControlError::Stopped`] if the pool
    /// has been shut down and handed back some of what it was waiting for: then it may return while something of it still
    /// runs, and may wait for keys that are held.
    pub fn drain(&self) -> Result<(), ControlError> {
        self.shared.drain()
    }

    /// Refuses all new items from the moment it returns, those of handlers too, and lets the pool end; does
    /// not wait for that. May be called from anywhere, in every state, and more than once:
    /// [`Stop::HandBack`] prevails (P8).
    ///
    /// With [`Stop::RunRemaining`] everything accepted is still run, unless the pool is paused: then, and with
    /// [`Stop::HandBack`], no further item is picked, and the rest comes back from
    /// [`ShardedThreadPool::join`]. (A pool counts as paused from the moment `pause` begins to wait.)
    pub fn shutdown(&self, stop: Stop) {
        self.shared.shutdown(stop);
    }

    /// Takes back what a stepped pool has not run. The workers are consumed: whoever can give them all up
    /// shows that nobody steps them any more. Shuts down with [`Stop::HandBack`] first.
    ///
    /// # Panics
    /// If the workers are not all the workers of this pool: one that is missing might be running an item.
    pub fn reclaim(&self, workers: Vec<Worker<H>>) -> PoolReport<H::Key, H::Item> {
        let ours = workers.iter().filter(|worker| worker.belongs_to(&self.shared)).count();
        assert!(ours == workers.len() && ours == self.shared.workers(), "not all the workers of this pool");
        self.shutdown(Stop::HandBack);
        let leftovers =
            self.shared.shards.iter().flat_map(|shard| shard.baton.take_up().leftovers()).collect();
        PoolReport { leftovers, panics: 0 }
    }
}

impl<H: Handler> Clone for PoolHandle<H> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<H: Handler> std::fmt::Debug for ShardedThreadPool<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardedThreadPool").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl<H: Handler> std::fmt::Debug for PoolHandle<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolHandle").field("shards", &self.shared.shards.len()).finish_non_exhaustive()
    }
}
