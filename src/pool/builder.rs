//! Building a pool, with threads or to be stepped.

use crate::error::BuildError;
use crate::pool::handle::{PoolHandle, ShardedThreadPool};
use crate::pool::handler::Handler;
use crate::pool::shared::Shared;
use crate::pool::worker::Worker;
use crate::stop::Stop;
use crate::sync::Arc;
use crate::worker_thread::WorkerThread;

/// Builds a [`ShardedThreadPool`]. Unless told otherwise: 5 shards of 2 threads, which is what a Ceph OSD
/// starts with (`osd_op_num_shards`, `osd_op_num_threads_per_shard`, Jewel).
#[derive(Debug)]
#[must_use]
pub struct ShardedThreadPoolBuilder<H> {
    handler: H,
    name: String,
    shards: usize,
    threads_per_shard: usize,
}

impl<H: Handler> ShardedThreadPoolBuilder<H> {
    pub(super) fn new(handler: H) -> Self {
        Self { handler, name: "keylane".to_owned(), shards: 5, threads_per_shard: 2 }
    }

    /// Names the threads `NAME-SHARD-NUMBER`; `keylane` unless set. No NUL, or `start` panics.
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

    /// Starts the pool with its `shards x threads_per_shard` threads.
    ///
    /// # Errors
    /// [`BuildError::NoShards`], [`BuildError::NoThreads`], or [`BuildError::Thread`] if one cannot be started.
    pub fn start(self) -> Result<ShardedThreadPool<H>, BuildError> {
        let name = self.name.clone();
        let (handle, workers) = self.stepped()?;
        let mut threads = Vec::with_capacity(workers.len());
        for worker in workers {
            match WorkerThread::start(format!("{name}-{}", worker.label()), worker, Worker::run) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    handle.shutdown(Stop::HandBack);
                    threads.into_iter().for_each(|thread| drop(thread.join()));
                    return Err(error.into());
                }
            }
        }
        Ok(ShardedThreadPool::new(handle, threads))
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
    /// [`BuildError::NoShards`] or [`BuildError::NoThreads`].
    pub fn stepped(self) -> Result<(PoolHandle<H>, Vec<Worker<H>>), BuildError> {
        if self.shards == 0 {
            return Err(BuildError::NoShards);
        }
        if self.threads_per_shard == 0 {
            return Err(BuildError::NoThreads);
        }
        let shared = Arc::new(Shared::new(self.shards, self.threads_per_shard));
        let handler = Arc::new(self.handler);
        let workers = (0..self.shards)
            .flat_map(|shard| (0..self.threads_per_shard).map(move |number| (shard, number)))
            .map(|(shard, number)| Worker::new(Arc::clone(&handler), Arc::clone(&shared), shard, number))
            .collect();
        Ok((PoolHandle::new(shared), workers))
    }
}
