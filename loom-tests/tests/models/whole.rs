//! Queue and pool as a user starts them, with threads of their own: the smallest whole lives.

use crate::harness::{Log, Model};
use keylane::{
    ConnectionId, DispatchQueue, Dispatcher, Handled, Handler, Lease, Message, ShardedThreadPool, Stop,
};

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![a_queue_from_start_to_join(), a_queue_with_a_local_message(), a_pool_from_start_to_join()]
}

struct Ping;

impl Message for Ping {}

struct Pings(Log<()>);

impl Dispatcher for Pings {
    type Message = Ping;

    fn dispatch(&self, _: ConnectionId, _: Ping) -> Handled<Ping> {
        self.0.add(());
        Ok(())
    }
}

impl Handler for Pings {
    type Key = ();
    type Item = Ping;

    fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, _: Ping) {
        self.0.add(());
    }
}

/// Start, shut down, join: both threads end, whatever they were about to do.
fn a_queue_from_start_to_join() -> Model {
    Model::new("a_queue_from_start_to_join", "D10", 3)
        .iterations(36_968)
        .reaches(&["slept", "rung before sleep"])
        .scenario(|| {
            let queue = DispatchQueue::builder(Pings(Log::new())).start().unwrap();
            queue.shutdown(Stop::RunRemaining);
            let report = queue.join().unwrap();
            assert_eq!((report.leftovers.len(), report.panics), (0, 0));
        })
}

/// A message to oneself goes through both threads before they end.
fn a_queue_with_a_local_message() -> Model {
    Model::new("a_queue_with_a_local_message", "D1 D6 D10", 3)
        .bounded(5)
        .iterations(78_912)
        .reaches(&["slept", "rung before sleep", "local queued"])
        .scenario(|| {
            let ran = Log::new();
            let queue = DispatchQueue::builder(Pings(ran.clone())).start().unwrap();
            queue.local().send(Ping).unwrap();
            assert!(queue.join().unwrap().leftovers.is_empty());
            assert_eq!(ran.take().len(), 1);
        })
}

/// Start, submit, join: the worker runs the item and ends.
fn a_pool_from_start_to_join() -> Model {
    Model::new("a_pool_from_start_to_join", "P1 P8", 2)
        .iterations(357)
        .reaches(&["slept", "rung before sleep"])
        .scenario(|| {
            let ran = Log::new();
            let pool = ShardedThreadPool::builder(Pings(ran.clone()))
                .shards(1)
                .threads_per_shard(1)
                .start()
                .unwrap();
            pool.submit((), Ping).unwrap();
            assert!(pool.join().unwrap().leftovers.is_empty());
            assert_eq!(ran.take().len(), 1);
        })
}
