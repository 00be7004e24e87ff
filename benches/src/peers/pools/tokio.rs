//! A task for each key, on tokio's multi-threaded runtime.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Gate, Item, Pool, WORKERS, Work, gate};

/// All tasks, each with an unbounded channel.
pub struct Tasks {
    senders: Vec<UnboundedSender<Item>>,
    runtime: Runtime,
    gate: Gate,
}

/// How many items a task takes at once, if there are so many.
const BATCH: usize = 16;

impl Pool for Tasks {
    const NAME: &'static str = "tokio, a task for each key";
    const LACKS: Option<&'static str> = Some("a task for each key, which is there from the start, and stays");

    fn start(work: &Arc<Work>, _: usize) -> Self {
        let gate = gate();
        let wait = Arc::clone(&gate);
        let mut builder = Builder::new_multi_thread();
        let builder = builder.worker_threads(WORKERS).on_thread_start(move || {
            wait.wait();
        });
        let runtime = builder.build().expect("threads");
        let task = |_| {
            let (sender, mut receiver) = unbounded_channel();
            let work = Arc::clone(work);
            runtime.spawn(async move {
                let mut batch = Vec::new();
                while receiver.recv_many(&mut batch, BATCH).await > 0 {
                    batch.drain(..).for_each(|item| work.run(item));
                }
            });
            sender
        };
        let senders = (0..work.keys()).map(task).collect();
        Self { senders, runtime, gate }
    }

    fn release(&mut self) {
        self.gate.wait();
    }

    fn submit(&self, item: Item) {
        self.senders[item.key as usize].send(item).expect("the task receives");
    }

    fn join(self) {
        drop(self.senders);
        drop(self.runtime);
    }
}
