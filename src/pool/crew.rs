//! The threads of a pool.

use crate::error::ResizeError;
use crate::inside::{Inside, Owner};
use crate::pool::handler::Handler;
use crate::pool::shared::Shared;
use crate::pool::task::Task;
use crate::pool::worker::Worker;
use crate::sync::Arc;
use crate::watch::WatchLoop;
use crate::worker_thread::{AfterPanic, Beginning, WorkerThread};

/// A pool's thread that looks at what the others run.
pub(super) type WatchThread<H> = WorkerThread<WatchLoop<Task<<H as Handler>::Key>>>;

/// A worker thread of a pool, as it is told to
/// [`on_thread_start`](crate::ShardedThreadPoolBuilder::on_thread_start).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// The shard it serves, counting from 0.
    pub shard: usize,
    /// Its number among the threads of the shard, counting from 0: that of its name. Those that
    /// [`set_threads_per_shard`](crate::ShardedThreadPool::set_threads_per_shard) adds count on, though others have ended.
    pub number: usize,
}

type Hook = dyn Fn(&WorkerInfo) + Send + Sync;

/// What a worker thread calls first, if anything. The threads own it, as they do the handler.
#[derive(Clone, Default)]
pub(super) struct StartHook(Option<Arc<Hook>>);

impl StartHook {
    pub(super) fn new(hook: impl Fn(&WorkerInfo) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    /// What this worker's threads do first.
    fn of(&self, owner: Owner, worker: WorkerInfo) -> Option<Beginning> {
        let hook = Arc::clone(self.0.as_ref()?);
        Some(Box::new(move || {
            let _inside = Inside::hook(owner);
            hook(&worker);
        }))
    }
}

/// How many threads a pool has at most: more than any machine runs, and few enough to be counted.
const MOST: usize = 1 << 16;

/// Whether so many shards of so many threads are too many.
pub(super) fn are_too_many(shards: usize, threads: usize) -> bool {
    shards.checked_mul(threads).is_none_or(|threads| threads > MOST)
}

/// All threads that have been started, those included that have ended since.
pub(super) struct Crew<H: Handler> {
    handler: Arc<H>,
    name: String,
    after_panic: AfterPanic,
    hook: StartHook,
    /// How many have been started, of each shard.
    hired: Vec<usize>,
    threads: Vec<WorkerThread<Worker<H>>>,
    /// Who looks at what they run, if anybody does.
    watch: Option<WatchThread<H>>,
}

impl<H: Handler> Crew<H> {
    /// Nobody yet.
    pub(super) fn new(
        handler: Arc<H>,
        name: String,
        after_panic: AfterPanic,
        hook: StartHook,
        shards: usize,
    ) -> Self {
        Self { handler, name, after_panic, hook, hired: vec![0; shards], threads: Vec::new(), watch: None }
    }

    /// Starts a thread for the shard, which counts it already.
    pub(super) fn hire(
        &mut self,
        shared: &Arc<Shared<H::Key, H::Item>>,
        shard: usize,
    ) -> std::io::Result<()> {
        let number = self.hired[shard];
        let worker = Worker::new(Arc::clone(&self.handler), Arc::clone(shared), shard, number);
        let name = format!("{}-{}", self.name, worker.label());
        let begin = self.hook.of(shared.id(), WorkerInfo { shard, number });
        self.threads.push(WorkerThread::start_with(name, begin, worker, Worker::run, self.after_panic)?);
        self.hired[shard] += 1;
        Ok(())
    }

    /// Starts the watch thread, if the pool is watched.
    pub(super) fn post_watch(&mut self, shared: &Shared<H::Key, H::Item>) -> std::io::Result<()> {
        let Some(watchman) = &shared.watchman else { return Ok(()) };
        let (name, watch) = (format!("{}-watch", self.name), WatchLoop::new(Arc::clone(watchman)));
        self.watch = Some(WorkerThread::start(name, watch, WatchLoop::run, AfterPanic::GoOn)?);
        Ok(())
    }

    /// All that are to be joined, and who watches them.
    pub(super) fn dismiss(&mut self) -> (Vec<WorkerThread<Worker<H>>>, Option<WatchThread<H>>) {
        (std::mem::take(&mut self.threads), self.watch.take())
    }

    /// Whether nobody is left to be joined.
    pub(super) fn is_dismissed(&self) -> bool {
        self.threads.is_empty()
    }

    /// Has the shard served by so many threads.
    pub(super) fn resize(
        &mut self,
        shared: &Arc<Shared<H::Key, H::Item>>,
        shard: usize,
        threads: usize,
    ) -> Result<(), ResizeError> {
        let missing = {
            let mut core = shared.shards[shard].baton.take_up();
            let missing = core.want(threads).ok_or(ResizeError::Stopped)?;
            if core.workers() > threads {
                core.wake_all();
            }
            missing
        };
        for hired in 0..missing {
            if let Err(error) = self.hire(shared, shard) {
                let mut core = shared.shards[shard].baton.take_up();
                (hired..missing).for_each(|_| core.miss_one());
                return Err(error.into());
            }
        }
        Ok(())
    }
}
