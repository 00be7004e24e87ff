//! Building a pool, with threads or to be stepped.

use core::time::Duration;
use std::fmt::{self, Debug};

use crate::clock::{Clock, MonotonicClock};
use crate::error::BuildError;
use crate::policy::{Fifo, Overtakes, Scheduler};
use crate::pool::crew::{Crew, StartHook, WorkerInfo, are_too_many};
use crate::pool::handle::{PoolHandle, ShardedThreadPool};
use crate::pool::handler::Handler;
use crate::pool::histograms::Wanted;
use crate::pool::shard::Plan;
use crate::pool::shared::{Settings, Shared};
use crate::pool::task::Task;
use crate::pool::worker::Worker;
use crate::stop::{OnItemPanic, Stop};
use crate::sync::Arc;
use crate::watch::{Alarm, Alarms, Fatal, Running};
use crate::worker_thread::AfterPanic;

/// Builds a [`ShardedThreadPool`]. Unless told otherwise: 5 shards of 2 threads, which is what a Ceph OSD
/// starts with (`osd_op_num_shards`, `osd_op_num_threads_per_shard`, Jewel).
#[must_use]
pub struct ShardedThreadPoolBuilder<H: Handler> {
    handler: H,
    name: String,
    shards: usize,
    threads_per_shard: usize,
    pub(super) clock: Option<Arc<dyn Clock>>,
    schedulers: Box<dyn Schedulers>,
    passes: Overtakes,
    on_panic: OnItemPanic,
    helped: usize,
    polls: u32,
    alarms: Alarms<Task<H::Key>>,
    pub(super) histograms: Wanted,
    hook: StartHook,
}

type Built<H> = (Arc<H>, Arc<Shared<<H as Handler>::Key, <H as Handler>::Item>>);

/// Makes a shard's scheduler.
pub(super) trait Schedulers: Debug {
    fn make(&self) -> Box<dyn Scheduler>;
}

impl<S: Scheduler + Clone> Schedulers for S {
    fn make(&self) -> Box<dyn Scheduler> {
        Box::new(self.clone())
    }
}

impl<H: Handler> ShardedThreadPoolBuilder<H> {
    pub(super) fn new(handler: H) -> Self {
        Self {
            handler,
            name: "keylane".to_owned(),
            shards: 5,
            threads_per_shard: 2,
            clock: None,
            schedulers: Box::new(Fifo),
            passes: Overtakes::default(),
            on_panic: OnItemPanic::default(),
            helped: 0,
            polls: 0,
            alarms: Alarms::none(),
            histograms: Wanted::none(),
            hook: StartHook::default(),
        }
    }

    /// Names the threads `NAME-SHARD-NUMBER`, and `NAME-watch` if there is one; `keylane` unless set. No NUL, or `start` panics.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many shards, which share nothing: keys are spread over them by hash.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// How many workers each shard has, so that one key's item does not hold up the shard's other keys.
    pub fn threads_per_shard(mut self, threads: usize) -> Self {
        self.threads_per_shard = threads;
        self
    }

    /// Who decides which class of work is next: each shard gets a clone. [`Fifo`] unless set, for which an item's class does
    /// not matter.
    pub fn scheduler(mut self, scheduler: impl Scheduler + Clone) -> Self {
        self.schedulers = Box::new(scheduler);
        self
    }

    /// How often in a row, in one shard, a class may be passed over that has an item which may start: then it is next,
    /// whatever the scheduler says, so that nothing starves. Of several the one goes that has been passed over most often, and
    /// the others after it: with n classes none is passed over more than n - 1 times more than allowed. 0 lets classes take
    /// turns. [`Overtakes::default`] unless set.
    pub fn passes(mut self, passes: Overtakes) -> Self {
        self.passes = passes;
        self
    }

    /// What becomes of the pool when a handler panics; [`OnItemPanic::Isolate`] unless set.
    pub fn on_panic(mut self, on_panic: OnItemPanic) -> Self {
        self.on_panic = on_panic;
        self
    }

    /// Where the pool reads the time: for schedulers that ask, for what is submitted to be run later, and for what is
    /// [watched](Self::watch). The system's, [`MonotonicClock`], unless set. Set or not, it is read when somebody has to know;
    /// set, at each submit as well, and when an item starts and ends: then [snapshots](PoolHandle::snapshot) know ages and
    /// times.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Has each worker serve the next `shards` shards as well, counting from its own and around, when there is nothing to do in
    /// its own: for loads in which a few shards have most of the keys that are busy. None unless set, as in Ceph. More than
    /// there are others is all of them.
    ///
    /// An item is picked from its shard's line all the same, so all that holds of keys holds (P2-P4); and no runnable item
    /// waits while a worker sleeps that serves its shard (P5). One key is still one worker's at a time: help spreads keys, not
    /// a key. A shard that is paused, drained or stopped is so for whoever helps.
    ///
    /// The price is for sleeping and waking, which take the lock of each shard that is served, twice; and a worker may be
    /// woken by two shards at once, and find one thing to do. A worker ends when all the shards that it serves are over.
    pub fn help(mut self, shards: usize) -> Self {
        self.helped = shards;
        self
    }

    /// Has a worker that finds nothing to do look so many times whether it has been woken, before it sleeps: to wake a thread
    /// that sleeps takes the system some microseconds, of whoever submits as well. 0 unless set: an idle pool takes no time at
    /// all.
    ///
    /// It stays a number of looks and no time. Each takes a lock that only its waker wants, and a moment's pause: 400
    /// nanoseconds where it was measured (`docs/decisions/0027-a-poll-before-sleep.md`), and other processors differ. Worth it
    /// where there are more cores than threads that have something to do, and items come again and again within that time; a
    /// loss elsewhere. What is due at a certain time may start so much later.
    pub fn spin(mut self, polls: u32) -> Self {
        self.polls = polls;
        self
    }

    /// Tells `report` of each item that has been running for `grace`, while it still runs, and again each time its age has
    /// doubled (P13). One more thread does it, `NAME-watch`, which looks when something may be due and once in a grace
    /// period when nothing is: so a report comes as soon as that thread runs. An item may end while it is being reported.
    ///
    /// Items for which another grace is right say so by [`Handler::patience`]; handlers that wait on purpose, by
    /// [`Lease::suspend_watch`](crate::Lease::suspend_watch). Neither disarms the watch: what runs is written down, and
    /// what is written down is looked at. A key that is [held](crate::Lease::hold) is not watched when the handler has
    /// returned, nor is a [commit](PoolHandle::commit), nor a worker that has no item.
    ///
    /// The time is that of [`clock`](Self::clock); the thread sleeps by the system's. (If yours differs, call
    /// [`report_slow`](PoolHandle::report_slow) when it has moved.) Each item costs a look at the clock, a clone of its
    /// key, and two short locks that nobody else wants; in a pool that is not watched, nothing.
    ///
    /// A report has the name of the thread and, on Linux, what the operating system calls it, but no backtrace: to have
    /// that of another thread, it must be stopped and its stack read from outside, which no crate does in safe code within
    /// the process. A debugger does: `gdb -p PID` and `thread apply all backtrace`, or `eu-stack -p PID`.
    ///
    /// A grace of less than a millisecond counts as one. The report must not wait for the pool: while it does, nothing else
    /// is reported. If it panics, that is counted in [`PoolReport::panics`](crate::PoolReport::panics) and it counts as
    /// made. A pool that is dropped inside its own handler is not watched any more.
    ///
    /// ```
    /// # use keylane::{Handler, Lease, ShardedThreadPool};
    /// # struct Store; impl Handler for Store {
    /// #     type Key = u8; type Item = u32;
    /// #     fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, _: u32) {}
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use keylane::Fatal;
    ///
    /// let builder = ShardedThreadPool::builder(Store)
    ///     .watch(Duration::from_secs(15), |slow| eprintln!("{slow}"))
    ///     .fatal(Duration::from_secs(150), Fatal::abort());
    /// let pool = builder.start()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(
        mut self,
        grace: Duration,
        report: impl Fn(&Running<Task<H::Key>>) + Send + Sync + 'static,
    ) -> Self {
        self.alarms.slow = Some(Alarm::new(grace, Box::new(report)));
        self
    }

    /// What to do about an item that has been running for `grace`, and still runs: to tell somebody, once, or to abort the
    /// process (Ceph's suicide timeout), so that whoever restarts it, and the others of its cluster, need not wait for a
    /// thread that hangs. With or without [`watch`](Self::watch), whose thread sees to it, and of which all else holds here:
    /// what is both slow and fatal is reported as slow first. An item may end just before the process does.
    pub fn fatal(mut self, grace: Duration, fatal: Fatal<Task<H::Key>>) -> Self {
        self.alarms.fatal = Some(Alarm::fatal(grace, fatal));
        self
    }

    /// Has each worker thread call `hook` before it runs anything: to choose its core, its priority, what it logs. Those
    /// that are [added](ShardedThreadPool::set_threads_per_shard) call it too, and those that take another's place after a
    /// panic ([`OnItemPanic::RestartThread`]), with the same number as the one before. The watch thread does not, nor does
    /// a [stepped](Self::stepped) pool, which has no threads. The last hook that is set counts.
    ///
    /// Neither [`start`](Self::start) nor `set_threads_per_shard` waits for it; the end of the pool does. While a hook runs
    /// its thread runs nothing else, so it must not wait for the pool: what would wait for handlers is refused in it, with
    /// [`ControlError::FromCallback`](crate::ControlError::FromCallback), as it is in handlers. What it submits is work of
    /// nobody's.
    ///
    /// If it panics, that is counted in [`PoolReport::panics`](crate::PoolReport::panics), and the thread goes on to its work
    /// as if it had returned, whatever [`on_panic`](Self::on_panic) says: no item was touched. It is dropped with the last
    /// of the threads and the pool's owner, as the handler is.
    ///
    /// Pinned to cores, one after the other, by the crate `core_affinity`:
    ///
    /// ```
    /// # use keylane::{Handler, Lease, ShardedThreadPool};
    /// # struct Store; impl Handler for Store {
    /// #     type Key = u8; type Item = u32;
    /// #     fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, _: u32) {}
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (shards, threads) = (2, 2);
    /// // Those that this process may use. None where nobody can tell: then the hook does nothing.
    /// let cores = core_affinity::get_core_ids().unwrap_or_default();
    /// let builder = ShardedThreadPool::builder(Store).shards(shards).threads_per_shard(threads);
    /// let pool = builder
    ///     .on_thread_start(move |worker| {
    ///         let thread = worker.shard * threads + worker.number;
    ///         let pinned = cores.get(thread % cores.len().max(1)).map(|core| core_affinity::set_for_current(*core));
    ///         if pinned == Some(false) {
    ///             eprintln!("worker {thread} runs on any core"); // some systems only take it as a wish, or not at all
    ///         }
    ///     })
    ///     .start()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_thread_start(mut self, hook: impl Fn(&WorkerInfo) + Send + Sync + 'static) -> Self {
        self.hook = StartHook::new(hook);
        self
    }

    /// Starts the pool with its `shards x threads_per_shard` threads, and one more if it is [watched](Self::watch) or has a
    /// [fatal](Self::fatal) grace.
    ///
    /// # Errors
    /// [`BuildError::NoShards`], [`BuildError::NoThreads`], [`BuildError::TooManyThreads`], or [`BuildError::Thread`] if one
    /// cannot be started.
    pub fn start(self) -> Result<ShardedThreadPool<H>, BuildError> {
        let (shards, threads, name) = (self.shards, self.threads_per_shard, self.name.clone());
        let after_panic = match self.on_panic {
            OnItemPanic::RestartThread => AfterPanic::NewThread,
            OnItemPanic::Isolate | OnItemPanic::PoisonKey | OnItemPanic::Stop => AfterPanic::GoOn,
        };
        let hook = self.hook.clone();
        let (handler, shared) = self.build()?;
        let mut crew = Crew::new(handler, name, after_panic, hook, shards);
        let mut seats = (0..shards).flat_map(|shard| (0..threads).map(move |_| shard));
        let hired = seats.try_for_each(|shard| crew.hire(&shared, shard));
        if let Err(error) = hired.and_then(|()| crew.post_watch(&shared)) {
            shared.shutdown(Stop::HandBack);
            crew.dismiss().0.into_iter().for_each(|thread| drop(thread.join()));
            return Err(error.into());
        }
        Ok(ShardedThreadPool::new(PoolHandle::new(shared), crew))
    }

    /// Builds the pool without threads: the caller steps its workers, `threads_per_shard` for each shard in
    /// turn. This is what the models of `loom-tests/` drive, and what makes a user's test deterministic.
    ///
    /// ```
    /// # use keylane::{Handler, Lease, ShardedThreadPool, Step};
    /// # struct Print; impl Handler for Print {
    /// #     type Key = u8; type Item = u32;
    /// #     fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, _: u32) {}
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (pool, mut workers) = ShardedThreadPool::builder(Print).shards(1).threads_per_shard(1).stepped()?;
    /// pool.submit(7, 1)?;
    /// assert_eq!(workers[0].step(), Step::Ran);
    /// assert_eq!(workers[0].step(), Step::Idle);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`BuildError::NoShards`], [`BuildError::NoThreads`] or [`BuildError::TooManyThreads`].
    pub fn stepped(self) -> Result<(PoolHandle<H>, Vec<Worker<H>>), BuildError> {
        let (shards, threads) = (self.shards, self.threads_per_shard);
        let (handler, shared) = self.build()?;
        let workers = (0..shards)
            .flat_map(|shard| (0..threads).map(move |number| (shard, number)))
            .map(|(shard, number)| Worker::new(Arc::clone(&handler), Arc::clone(&shared), shard, number))
            .collect();
        Ok((PoolHandle::new(shared), workers))
    }

    fn build(self) -> Result<Built<H>, BuildError> {
        if self.shards == 0 {
            return Err(BuildError::NoShards);
        }
        if self.threads_per_shard == 0 {
            return Err(BuildError::NoThreads);
        }
        if are_too_many(self.shards, self.threads_per_shard) {
            return Err(BuildError::TooManyThreads);
        }
        let schedulers: Vec<_> = (0..self.shards).map(|_| self.schedulers.make()).collect();
        let stamps = self.clock.is_some() || schedulers[0].asks_the_time();
        let clock = self.clock.unwrap_or_else(|| Arc::new(MonotonicClock::new()));
        let plan = |scheduler| Plan {
            workers: self.threads_per_shard,
            clock: Arc::clone(&clock),
            stamps,
            scheduler,
            passes: self.passes,
            wanted: self.histograms.clone(),
        };
        let plans = schedulers.into_iter().map(plan).collect();
        let settings = Settings {
            on_panic: self.on_panic,
            helped: self.helped,
            polls: self.polls,
            label: |item| (H::class(item), H::cost(item)),
            class_of_several: H::class_of_several(),
            alarms: self.alarms,
        };
        let shared = Shared::new(plans, settings);
        Ok((Arc::new(self.handler), Arc::new(shared)))
    }
}

impl<H: Handler> Debug for ShardedThreadPoolBuilder<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardedThreadPoolBuilder")
            .field("name", &self.name)
            .field("shards", &self.shards)
            .field("threads_per_shard", &self.threads_per_shard)
            .field("schedulers", &self.schedulers)
            .field("passes", &self.passes)
            .finish_non_exhaustive()
    }
}
