//! [`grommet`]: key-affine work on a thread for each core.

use std::convert::Infallible;
use std::sync::Arc;

use grommet::{ClassId, Disposition, IO, PinPolicy, Processor, Scheduler, ShardConfig};

use super::{Gate, Item, Pool, WORKERS, Work, gate};

/// With a mailbox that has room for all that may wait, and neither deadlines nor times of arrival.
///
/// For its `submit`, which waits for room, may wait for ever (0.1.4): if who waits is woken for a slot that has been taken again
/// by then, by its own submit before, it goes on to wait, and is not on the list any more.
pub struct Grommet {
    scheduler: Scheduler<Run>,
    gate: Gate,
}

#[derive(Clone)]
struct Run(Arc<Work>);

struct Job(Item);

impl grommet::Work for Job {
    type Key = u32;
    type Id = ();

    fn key(&self) -> u32 {
        self.0.key
    }

    fn class(&self) -> ClassId {
        IO
    }
}

impl Processor for Run {
    type Work = Job;
    type State = ();
    type Error = Infallible;

    async fn process(&self, _: u32, _: Option<()>, job: Job) -> Result<Disposition<()>, Infallible> {
        self.0.run(job.0);
        Ok(Disposition::Drop)
    }
}

impl Pool for Grommet {
    const NAME: &'static str = "grommet";
    const LACKS: Option<&'static str> = Some(
        "a key that is slow or busy holds up its neighbours, while other threads are idle; what may wait is allocated beforehand",
    );

    fn start(work: &Arc<Work>, waiting: usize) -> Self {
        let (gate, work) = (gate(), Arc::clone(work));
        let wait = Arc::clone(&gate);
        // As its README has it.
        let mut config = ShardConfig::new([2048, 64]);
        config.scheduler.max_pending = config.scheduler.max_pending.max(waiting);
        let builder = Scheduler::builder(WORKERS, config.scheduler.max_inflight);
        let builder = builder.shard_config(config).mailbox(waiting).stamp_arrival(false);
        let spawned = builder.pin(PinPolicy::Disabled).spawn(move |_| {
            wait.wait();
            Run(Arc::clone(&work))
        });
        Self { scheduler: spawned.expect("threads"), gate }
    }

    fn release(&mut self) {
        self.gate.wait();
    }

    fn submit(&self, item: Item) {
        let submitted = self.scheduler.router().try_submit(Job(item));
        assert!(submitted.is_ok(), "there is room, and it has not been shut down");
    }

    fn join(self) {
        self.scheduler.shutdown();
    }
}
