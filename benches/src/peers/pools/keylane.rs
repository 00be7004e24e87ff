//! keylane's pool.

use std::sync::Arc;

use keylane::{Handler, Lease, PauseGuard, ShardedThreadPool, Stop};

use super::{Item, Pool, WORKERS, Work};

/// So many shards, each with so many threads, each of which helps so many other shards. Held, it is
/// [paused](keylane::PoolHandle::pause).
pub struct Keylane<const SHARDS: usize, const THREADS: usize, const HELP: usize> {
    pool: ShardedThreadPool<Run>,
    pause: Option<PauseGuard<u32, u32>>,
}

struct Run(Arc<Work>);

impl Handler for Run {
    type Key = u32;
    type Item = u32;

    fn handle(&self, key: Lease<'_, u32, u32>, number: u32) {
        self.0.run(Item { key: *key, number });
    }
}

impl<const SHARDS: usize, const THREADS: usize, const HELP: usize> Pool for Keylane<SHARDS, THREADS, HELP> {
    const NAME: &'static str = match (SHARDS, THREADS, HELP) {
        (1, 2, 0) => "keylane, 1 shard x 2 threads",
        (2, 1, 0) => "keylane, 2 shards x 1 thread",
        (2, 1, 1) => "keylane, 2 shards x 1 thread that helps",
        _ => panic!("it has a name for the table"),
    };
    const LACKS: Option<&'static str> = None;

    fn start(work: &Arc<Work>, _: usize) -> Self {
        const { assert!(SHARDS * THREADS == WORKERS) };
        let builder = ShardedThreadPool::builder(Run(Arc::clone(work)));
        let pool = builder.shards(SHARDS).threads_per_shard(THREADS).help(HELP).start().expect("threads");
        let pause = pool.pause().expect("not shut down");
        Self { pool, pause: Some(pause) }
    }

    fn release(&mut self) {
        self.pause = None;
    }

    fn submit(&self, item: Item) {
        self.pool.submit(item.key, item.number).expect("not shut down");
    }

    fn line_up(&self) {
        // What was submitted before is among what it counts.
        let _ = self.pool.snapshot();
    }

    fn join(self) {
        self.pool.shutdown(Stop::RunRemaining);
        let report = self.pool.join().expect("no handler joins");
        assert!(report.leftovers.is_empty() && report.panics == 0);
    }
}
