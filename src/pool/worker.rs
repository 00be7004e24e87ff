//! What a worker thread runs.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::inside::Inside;
use crate::lane::Charge;
use crate::pool::handler::Handler;
use crate::pool::lease::Lease;
use crate::pool::shard::{Running, ShardHold};
use crate::pool::shared::Shared;
use crate::stop::Step;
use crate::sync::{Arc, mark};

/// One worker of a [`ShardedThreadPool`](crate::ShardedThreadPool).
pub struct Worker<H: Handler> {
    handler: Arc<H>,
    shared: Arc<Shared<H::Key, H::Item>>,
    shard: usize,
    /// Its number within the shard.
    number: usize,
}

impl<H: Handler> Worker<H> {
    pub(super) fn new(
        handler: Arc<H>,
        shared: Arc<Shared<H::Key, H::Item>>,
        shard: usize,
        number: usize,
    ) -> Self {
        Self { handler, shared, shard, number }
    }

    /// The shard it serves.
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// Names it among the workers of its pool.
    pub(super) fn label(&self) -> String {
        format!("{}-{}", self.shard, self.number)
    }

    /// Runs the item whose turn it is in this worker's shard, if one may start, to the end of its handler.
    /// Never sleeps.
    ///
    /// # Panics
    /// If the handler does. The item counts as run, its key goes on, and the worker can be stepped on.
    pub fn step(&mut self) -> Step {
        let mut core = self.take_up();
        core.take_in(false);
        match core.pick() {
            Some((item, running)) => {
                drop(core);
                drop(self.execute_and_take_up(item, running));
                Step::Ran
            }
            None if core.is_over() => Step::Stopped,
            None => Step::Idle,
        }
    }

    /// Runs items until stopped; sleeps while there are none. What a worker thread does.
    ///
    /// # Panics
    /// As [`step`](Self::step); it can be called again.
    pub fn run(&mut self) {
        let mut core = self.take_up();
        loop {
            core.take_in(false);
            core = match core.pick() {
                Some((item, running)) => {
                    drop(core);
                    self.execute_and_take_up(item, running)
                }
                None if core.is_over() => {
                    // Others may have sat down while items still waited behind the key that ran here.
                    core.wake_all();
                    return;
                }
                None => {
                    let core = self.shared.shards[self.shard].baton.sleep(core, self.number);
                    mark("worker woke");
                    core
                }
            };
        }
    }

    /// Runs the handler, takes the baton up again, and finishes the key.
    fn execute_and_take_up(&self, item: H::Item, running: Running<H::Key>) -> ShardHold<'_, H::Key, H::Item> {
        let inside = Inside::pool(self.shared.id(), running.generation);
        let lease = Lease::new(&self.shared, self.shard, &running);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.handler.handle(lease, item)));
        drop(inside);
        let mut core = self.take_up();
        core.finish(&running);
        if let Err(panic) = outcome {
            drop(core);
            resume_unwind(panic);
        }
        core
    }

    fn take_up(&self) -> ShardHold<'_, H::Key, H::Item> {
        self.shared.shards[self.shard].baton.take_up()
    }

    pub(super) fn belongs_to(&self, shared: &Arc<Shared<H::Key, H::Item>>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }
}

impl<H: Handler> std::fmt::Debug for Worker<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("shard", &self.shard)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
