//! The pool as its owner sees it: submit, pause, drain, shut down, join.

use core::time::Duration;
use std::collections::HashSet;
use std::ops::Deref;

use crate::context::Context;
use crate::error::{CommitError, ControlError, ResizeError, SubmitError};
use crate::inside;
use crate::policy::{End, Scheduler};
use crate::pool::builder::ShardedThreadPoolBuilder;
use crate::pool::control::PauseGuard;
use crate::pool::crew::{Crew, are_too_many};
use crate::pool::handler::Handler;
use crate::pool::shard::Shard;
use crate::pool::shared::Shared;
use crate::pool::snapshot::{PoolSnapshot, ShardSnapshot};
use crate::pool::task::Task;
use crate::pool::together::Place;
use crate::pool::work::{self, Callback, Items, Work};
use crate::pool::worker::Worker;
use crate::stop::Stop;
use crate::sync::{Arc, Mutex};
use crate::watch::Running;
use crate::worker_thread::WorkerThread;

/// A pool with its threads, and one more if it is [watched](ShardedThreadPoolBuilder::watch) or has a
/// [fatal](ShardedThreadPoolBuilder::fatal) grace.
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
    crew: Mutex<Crew<H>>,
}

/// Submits to and controls a pool. Clones are handles to the same pool.
pub struct PoolHandle<H: Handler> {
    pub(super) shared: Arc<Shared<H::Key, H::Item>>,
}

/// A completion callback that has come back.
pub struct Commit(Callback);

impl Commit {
    /// Runs it, here.
    pub fn run(self) {
        (self.0)();
    }
}

impl std::fmt::Debug for Commit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commit").finish_non_exhaustive()
    }
}

/// What a pool leaves behind.
#[derive(Debug)]
#[non_exhaustive]
pub struct PoolReport<K, I> {
    /// Items that were accepted and will not run: each key's in order as [`remove`](PoolHandle::remove) has it, and the keys
    /// in none.
    pub leftovers: Vec<(K, I)>,
    /// Commits that were accepted and will not run: each shard's in order.
    pub commits: Vec<Commit>,
    /// Handlers that panicked on the pool's threads, whose items count as run, whatever the pool does
    /// [then](crate::OnItemPanic); and reports of [slow](ShardedThreadPoolBuilder::watch) and fatal ones that did, and
    /// [hooks](ShardedThreadPoolBuilder::on_thread_start) of threads.
    pub panics: usize,
}

impl<H: Handler> ShardedThreadPool<H> {
    /// Starts building a pool whose items go to `handler`.
    pub fn builder(handler: H) -> ShardedThreadPoolBuilder<H> {
        ShardedThreadPoolBuilder::new(handler)
    }

    pub(super) fn new(handle: PoolHandle<H>, crew: Crew<H>) -> Self {
        Self { handle, crew: Mutex::new(crew) }
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

    /// From now on each shard has so many threads. Threads that are added start now; those that are too many end when they
    /// have finished what they run, which this does not wait for. From anywhere, handlers included.
    ///
    /// # Errors
    /// [`ResizeError::NoThreads`]; [`ResizeError::TooManyThreads`]; [`ResizeError::Stopped`] if the pool has been shut down; [`ResizeError::Thread`] if one
    /// cannot be started: then shards before that one have so many, that one as many as could be started, and those after it
    /// what they had.
    pub fn set_threads_per_shard(&self, threads: usize) -> Result<(), ResizeError> {
        if threads == 0 {
            return Err(ResizeError::NoThreads);
        }
        if are_too_many(self.shared.shards.len(), threads) {
            return Err(ResizeError::TooManyThreads);
        }
        let mut crew = self.crew.lock();
        (0..self.shared.shards.len()).try_for_each(|shard| crew.resize(&self.shared, shard, threads))
    }

    fn end(&mut self) -> PoolReport<H::Key, H::Item> {
        // Not under the lock: a handler that runs may want to have more threads.
        let (threads, watch) = self.crew.lock().dismiss();
        let (workers, panics): (Vec<_>, Vec<_>) = threads.into_iter().map(WorkerThread::join).unzip();
        // Items are watched to the last.
        self.shared.watch_no_more();
        let watch_panics = watch.map_or(0, |watch| watch.join().1);
        let mut report = self.handle.reclaim(workers);
        report.panics = panics.iter().sum::<usize>() + watch_panics;
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
        if self.crew.lock().is_dismissed() {
            return;
        }
        self.handle.shutdown(Stop::RunRemaining);
        if self.shared.refuse_callbacks().is_ok() {
            self.end();
        } else {
            self.shared.watch_no_more();
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
    /// no order; nor have those of one key that the [scheduler](crate::Scheduler::line) keeps in different lines, but that one
    /// runs at a time, and sees all that those before it wrote.
    ///
    /// # Errors
    /// [`SubmitError`] with key and item in it, if the pool has been shut down: from the moment
    /// [`shutdown`](Self::shutdown) returns, always.
    pub fn submit(&self, key: H::Key, item: H::Item) -> Result<(), SubmitError<H::Key, H::Item>> {
        self.submit_one(key, item, End::Back, None)
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
        self.submit_several(key, items, End::Back)
    }

    /// Queues `item` to be run before all items of `key`, and of its line, that have not started when this returns. (Ceph's `queue_front`:
    /// an operation that has waited for something goes on where it was.) One that needs [several keys](Self::submit_together)
    /// counts as started here when its turn has come at this key.
    ///
    /// # Ordering
    /// Of several calls the later goes first; for several items at once there is
    /// [`submit_front_batch`](Self::submit_front_batch). From inside the key's own handler, or while its
    /// [`KeyGuard`](crate::KeyGuard) is held: the item is the key's next. The key's turn among the others stays what it is.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_front(&self, key: H::Key, item: H::Item) -> Result<(), SubmitError<H::Key, H::Item>> {
        self.submit_one(key, item, End::Front, None)
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
        self.submit_several(key, items, End::Front)
    }

    /// Queues `item` when `delay` is over, by the pool's [clock](ShardedThreadPoolBuilder::clock): as if it were submitted
    /// then, behind what its key has waiting, and never sooner (P10). Until then it holds nothing up, though a
    /// [`drain`](Self::drain) waits for it, and [`remove`](Self::remove) finds it, last. What is due by the time of a shutdown
    /// counts as submitted; what is still to come is handed back, whichever way the pool is shut down.
    ///
    /// # Ordering
    /// Items that are due at different times are queued in the order of these; at the same time, in the order of their
    /// submits. Against what is submitted at once: exact if the pool was built with a clock, so that each submit looks at it;
    /// otherwise what is due when a worker takes both in comes first.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_after(
        &self,
        delay: Duration,
        key: H::Key,
        item: H::Item,
    ) -> Result<(), SubmitError<H::Key, H::Item>> {
        self.submit_one(key, item, End::Back, Some(self.shared.after(delay)))
    }

    /// Queues `item` to be run when it has all of `keys` to itself: for what touches several objects at once. It takes its place
    /// behind what each of them has waiting, all in one moment. A key whose turn has come is kept for it until the others'
    /// have; meanwhile no worker waits. From anywhere, handlers included. (A key that is given twice counts once.)
    ///
    /// It runs on a worker of the shard of one of its keys, with all of them in [`Lease::keys`](crate::Lease::keys), and
    /// [`hold`](crate::Lease::hold) holds them all. [`remove`](Self::remove) finds it under each of its keys, until it
    /// starts. What comes back at the end has it under one of them. In [snapshots](Self::snapshot) it counts once for each.
    ///
    /// Two such items never wait for each other. What can make one wait for ever is what makes others wait, at any of its
    /// keys, and then its other keys wait with it: a [`KeyGuard`](crate::KeyGuard) that is never dropped, or a poisoned key
    /// that is never healed.
    ///
    /// Takes the lock of each shard that has one of the keys, all at the same time, and allocates twice.
    ///
    /// # Ordering
    /// With each of its keys as [`submit`](Self::submit): it runs after what was submitted to any of them before, and sees
    /// all that wrote (P2, P4). Its class is [`Handler::class_of_several`].
    ///
    /// # Errors
    /// As [`submit`](Self::submit), with all the keys (each once).
    ///
    /// # Panics
    /// If there are no keys.
    ///
    /// ```
    /// # use keylane::{Handler, Lease, ShardedThreadPool, Step};
    /// struct Bank;
    /// impl Handler for Bank {
    ///     type Key = &'static str;
    ///     type Item = u32;
    ///     fn handle(&self, accounts: Lease<'_, Self::Key, u32>, amount: u32) {
    ///         let accounts: Vec<_> = accounts.keys().copied().collect();
    ///         println!("{amount} from {} to {}", accounts[0], accounts[1]);
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = ShardedThreadPool::builder(Bank).start()?;
    /// pool.submit_together(vec!["alice", "bob"], 10)?;
    /// pool.submit_together(vec!["bob", "alice"], 20)?;
    /// pool.drain()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn submit_together(
        &self,
        keys: Vec<H::Key>,
        item: H::Item,
    ) -> Result<(), SubmitError<Vec<H::Key>, H::Item>> {
        assert!(!keys.is_empty(), "an item needs a key");
        let mut seen = HashSet::with_capacity(keys.len());
        let places: Vec<_> = keys
            .into_iter()
            .filter(|key| seen.insert(key.clone()))
            .map(|key| Place { shard: self.shared.shard_of(&key), key })
            .collect();
        let labelled = self.shared.label_several(item);
        let parent = inside::generation(self.shared.id());
        self.shared.submit_together(places, labelled, End::Back, parent).map_err(|(places, item)| {
            SubmitError::new(places.into_iter().map(|place| place.key).collect(), item)
        })
    }

    fn submit_one(
        &self,
        key: H::Key,
        item: H::Item,
        end: End,
        later: Option<Duration>,
    ) -> Result<(), SubmitError<H::Key, H::Item>> {
        let item = self.shared.label(item);
        let items = match later {
            None => Items::One(item),
            Some(at) => Items::Later(Box::new((item, at))),
        };
        self.submit_work(key, items, end).map_err(Work::refused)
    }

    fn submit_several(
        &self,
        key: H::Key,
        items: Vec<H::Item>,
        end: End,
    ) -> Result<(), SubmitError<H::Key, Vec<H::Item>>> {
        let items = Items::Batch(items.into_iter().map(|item| self.shared.label(item)).collect());
        self.submit_work(key, items, end).map_err(Work::batch_refused)
    }

    fn submit_work(&self, key: H::Key, items: Items<H::Item>, end: End) -> Result<(), Work<H::Key, H::Item>> {
        let parent = inside::generation(self.shared.id());
        let arrived = self.shared.stamp();
        let shard = &self.shared.shards[self.shared.shard_of(&key)];
        shard.submit(Work { key, items, end, parent, arrived })
    }

    /// Lets another scheduler choose from here on, in each shard a clone of it. What waits is lined up anew, within each
    /// shard's lock: what the new one keeps in one line keeps its order, if it was in one line before. One that
    /// [asks the time](Scheduler::asks_the_time) knows of arrivals only when a worker takes them in, unless the pool was
    /// built with such a one or with a [clock](ShardedThreadPoolBuilder::clock).
    pub fn set_scheduler(&self, scheduler: impl Scheduler + Clone) {
        self.shared.set_scheduler(&scheduler);
    }

    /// Has `callback` run by a worker of the shard of `key`: to tell of what is over, in order and in one place (P11, Ceph's
    /// `oncommits`). Commits go before items and wait for no key; and a worker that sleeps is woken for one, so it runs though
    /// no item ever comes. It is boxed: one allocation.
    ///
    /// While the pool is paused commits wait as well. A [`drain`](Self::drain) waits for them. What
    /// [`shutdown`](Self::shutdown) does with items that wait, it does with them. One that panics is over, and the panic is
    /// counted; the pool [stops](crate::OnItemPanic::Stop) or goes on.
    ///
    /// # Ordering
    /// Commits of one shard run one at a time, in the order in which they came: if one call returns before another begins,
    /// its callback is over before the other's starts, which sees all it wrote. They have no order against items.
    ///
    /// # Errors
    /// [`CommitError`] with the callback in it, if the pool has been shut down.
    pub fn commit(&self, key: &H::Key, callback: impl FnOnce() + Send + 'static) -> Result<(), CommitError> {
        let parent = inside::generation(self.shared.id());
        let context = Context::current();
        let callback = Box::new(move || {
            let _entered = context.enter();
            callback();
        });
        let commit = work::Commit { callback, parent };
        self.shared.shards[self.shared.shard_of(key)]
            .commit(commit)
            .map_err(|refused| CommitError::new(Commit(refused.callback)))
    }

    /// What has become of the items so far. Takes each shard's baton once; costs the items themselves a few counts under a lock
    /// that is taken anyway, and two looks at the clock if the pool was built with one. From anywhere, handlers included, and
    /// after the end.
    ///
    /// # Ordering
    /// Each shard's figures are of one moment and add up. What was submitted before is among them.
    pub fn snapshot(&self) -> PoolSnapshot {
        let look = |shard: &Shard<H::Key, H::Item>| {
            let mut core = shard.baton.take_up();
            let (asleep, wakes) = core.sleepers_and_wakes();
            ShardSnapshot { asleep, wakes, ..core.snapshot() }
        };
        let shards = self.shared.shards.iter().map(look).collect();
        PoolSnapshot { shards, has_clock: self.shared.stamps() }
    }

    /// Takes back what `key` has queued, in its order (if it has several lines: each in its order, by rising class), and then
    /// what is to come: none of it runs afterwards (P9). An item that runs goes on, and a
    /// key that is held stays so. From anywhere, handlers included; takes one short lock of the key's shard, and then those of the
    /// other keys' of an item that needs several.
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
        let called_off = core.take_called_off();
        drop(core);
        self.shared.give_up(&called_off);
        removed.into_iter().map(|load| load.item).collect()
    }

    /// Lets `key` go on, which a panic has [poisoned](crate::OnItemPanic::PoisonKey): what waits behind it will run. False if
    /// it was not poisoned.
    pub fn heal(&self, key: &H::Key) -> bool {
        self.shared.shards[self.shared.shard_of(key)].baton.take_up().heal(key)
    }

    /// The keys that are poisoned at this moment; of each shard's moment, if there are several.
    pub fn poisoned(&self) -> Vec<H::Key> {
        self.shared.shards.iter().flat_map(|shard| shard.baton.take_up().poisoned().to_vec()).collect()
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

    /// The items that run at this moment, if the pool is [watched](ShardedThreadPoolBuilder::watch) or has a
    /// [fatal](ShardedThreadPoolBuilder::fatal) grace: in the order in which their workers came: shard by shard at first, and then as
    /// [resizing](ShardedThreadPool::set_threads_per_shard) brought them. Nothing otherwise. Takes one short lock for each worker, which is not one that items wait for. From anywhere, handlers
    /// included, and after the end.
    ///
    /// # Ordering
    /// Each worker's item is of its own moment. An item that a [`drain`](Self::drain) has waited for, before this call, does
    /// not run.
    pub fn running(&self) -> Vec<Running<Task<H::Key>>> {
        self.shared.watchman.as_ref().map_or_else(Vec::new, |watchman| watchman.running())
    }

    /// Reports items that are slow by now, on this thread, if the pool is [watched](ShardedThreadPoolBuilder::watch), and
    /// does to those that have had their [fatal](ShardedThreadPoolBuilder::fatal) grace what is to be done then: what the
    /// watch thread does again and again. For a pool that is stepped, or whose clock is not the system's. Returns for how
    /// long, by the pool's clock, nothing more can be due, unless an item begins whose [patience](Handler::patience) is
    /// shorter than any before it, or a [suspended](crate::Lease::suspend_watch) one goes on; `None` if the pool is not
    /// watched.
    ///
    /// # Panics
    /// If a report does. It counts as made, and the rest is looked at by the next call.
    pub fn report_slow(&self) -> Option<Duration> {
        self.shared.watchman.as_ref().map(|watchman| watchman.look())
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

    /// As [`pause`](Self::pause), but does not wait for what runs: lets none start from when it returns. From anywhere,
    /// handlers included. (Ceph's `pause_new`.)
    ///
    /// # Errors
    /// [`ControlError::Stopped`] if the pool has been shut down.
    pub fn pause_new(&self) -> Result<PauseGuard<H::Key, H::Item>, ControlError> {
        self.shared.pause_new()
    }

    /// Waits for everything submitted before, and for everything that those items' handlers submit in turn
    /// from their own threads: when it returns, there has been a moment at which none of that was queued or
    /// running in any shard (P7). What others submit meanwhile does not hold it up. While the pool is paused
    /// it waits.
    ///
    /// # Errors
    /// [`ControlError::FromCallback`] from inside a handler of this pool; [`ControlError::Stopped`] if the pool
    /// has been shut down and handed back some of what it was waiting for: then it may return while something of it still
    /// runs, and may wait for keys that are held, and for items of other shards that are yet to run.
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
        let ours = |worker: &Worker<H>| worker.belongs_to(&self.shared);
        let active = workers.iter().filter(|worker| !worker.is_retired()).count();
        let are_all = workers.iter().all(ours) && active == self.shared.workers();
        assert!(are_all, "not all the workers of this pool");
        self.shutdown(Stop::HandBack);
        let mut report = PoolReport { leftovers: Vec::new(), commits: Vec::new(), panics: 0 };
        for shard in &self.shared.shards {
            let (items, commits) = shard.baton.take_up().leftovers();
            report.leftovers.extend(items.into_iter().map(|(key, load)| (key, load.item)));
            report.commits.extend(commits.into_iter().map(Commit));
        }
        report
    }
}

impl<H: Handler> Clone for PoolHandle<H> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<H: Handler> std::fmt::Debug for ShardedThreadPool<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardedThreadPool").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<H: Handler> std::fmt::Debug for PoolHandle<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolHandle").field("shards", &self.shared.shards.len()).finish_non_exhaustive()
    }
}
