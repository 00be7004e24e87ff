//! Errors say what happened, hand back what they refused, and travel: so do the types that give them.

use std::cell::Cell;
use std::error::Error;
use std::time::Duration;

use keylane::{
    AcquireError, BuildError, Connection, ConnectionId, ControlError, DeliverError, DispatchLoop,
    DispatchQueue, Dispatcher, Fatal, Handled, Handler, Lease, Local, LocalLoop, Message, PauseGuard,
    PoolHandle, PoolReport, QueueHandle, QueueReport, Refusal, ResizeError, ShardedThreadPool, Stop,
    SubmitError, Worker,
};

/// Neither `Debug` nor `Clone` nor `Sync`: what errors must not ask of a message.
struct Letter(Cell<u8>);

impl Message for Letter {}

struct Nothing;

impl Dispatcher for Nothing {
    type Message = Letter;
    fn dispatch(&self, _: ConnectionId, _: Letter) -> Handled<Letter> {
        Ok(())
    }
}

impl Handler for Nothing {
    type Key = u8;
    type Item = Letter;
    fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, _: Letter) {}
}

#[test]
fn a_refused_message_is_in_the_error() {
    let (queue, dispatch, local) = DispatchQueue::builder(Nothing).stepped();
    let mut connection = queue.connect();
    queue.shutdown(Stop::RunRemaining);

    let refused = connection.deliver(Letter(Cell::new(7))).unwrap_err();
    assert_eq!(refused.to_string(), "the queue has been shut down");
    assert_eq!(format!("{refused:?}"), "DeliverError { reason: Stopped, .. }");
    assert_eq!(refused.reason(), Refusal::Stopped);
    assert!(refused.source().is_none());
    assert_eq!(refused.into_message().0.get(), 7);

    let refused = queue.local().send(Letter(Cell::new(8))).unwrap_err();
    assert_eq!(refused.into_message().0.get(), 8);
    assert_eq!(queue.reclaim(dispatch, local).panics, 0, "a stepped queue contains no panics");
}

#[test]
fn a_refused_item_and_its_key_are_in_the_error() {
    let (pool, _workers) = ShardedThreadPool::builder(Nothing).stepped().unwrap();
    pool.shutdown(Stop::RunRemaining);

    let refused = pool.submit(3, Letter(Cell::new(7))).unwrap_err();
    assert_eq!(refused.to_string(), "the pool has been shut down");
    assert_eq!(format!("{refused:?}"), "SubmitError { .. }");
    let (key, item) = refused.into_parts();
    assert_eq!((key, item.0.get()), (3, 7));
}

#[test]
fn a_pool_of_nothing_is_refused() {
    let build = |shards, threads| {
        ShardedThreadPool::builder(Nothing).shards(shards).threads_per_shard(threads).start().unwrap_err()
    };
    assert!(matches!(build(0, 1), BuildError::NoShards));
    assert!(matches!(build(1, 0), BuildError::NoThreads));
    assert_eq!(build(0, 1).to_string(), "a pool needs at least one shard");
    assert_eq!(build(1, 0).to_string(), "a shard needs at least one thread");
    assert!(ShardedThreadPool::builder(Nothing).shards(0).stepped().is_err());
    assert!(ShardedThreadPool::builder(Nothing).threads_per_shard(0).stepped().is_err());
}

#[test]
fn absurd_numbers_have_an_answer() {
    const MOST: usize = 65_536;
    for (shards, threads) in [(usize::MAX, 1), (1, usize::MAX), (usize::MAX, usize::MAX), (2, MOST / 2 + 1)] {
        let builder = || ShardedThreadPool::builder(Nothing).shards(shards).threads_per_shard(threads);
        for error in [builder().start().unwrap_err(), builder().stepped().unwrap_err()] {
            assert!(matches!(error, BuildError::TooManyThreads));
            assert_eq!(error.to_string(), "a pool has at most 65536 threads");
        }
    }
    let (_, workers) =
        ShardedThreadPool::builder(Nothing).shards(2).threads_per_shard(MOST / 2).stepped().unwrap();
    assert_eq!(workers.len(), MOST);

    let forever = Duration::MAX;
    let builder = ShardedThreadPool::builder(Nothing).shards(2).threads_per_shard(1).help(usize::MAX);
    let pool = builder.watch(forever, |_| {}).fatal(forever, Fatal::abort()).start().unwrap();
    let error = pool.set_threads_per_shard(MOST / 2 + 1).unwrap_err();
    assert!(matches!(error, ResizeError::TooManyThreads), "{error}");
    assert_eq!(error.to_string(), "a pool has at most 65536 threads");
    assert!(matches!(pool.set_threads_per_shard(0).unwrap_err(), ResizeError::NoThreads));
    // Due at the end of time.
    pool.submit_after(forever, 1, Letter(Cell::new(7))).unwrap();
    pool.submit(1, Letter(Cell::new(8))).unwrap();
    pool.drain_key(&2).unwrap();
    let total = pool.snapshot().total();
    assert_eq!((total.accepted, total.to_come), (2, 1));
    let leftovers = pool.join().unwrap().leftovers;
    assert_eq!(leftovers.len(), 1);
    assert_eq!((leftovers[0].0, leftovers[0].1.0.get()), (1, 7));
}

#[test]
fn a_thread_that_does_not_start_is_the_source_of_the_error() {
    let error = BuildError::from(std::io::Error::other("no more threads"));
    assert_eq!(error.to_string(), "could not start a thread");
    assert_eq!(error.source().unwrap().to_string(), "no more threads");
}

#[test]
fn control_errors_say_why() {
    assert_eq!(
        ControlError::FromCallback.to_string(),
        "called from inside a callback of the same queue or pool"
    );
    assert_eq!(ControlError::Stopped.to_string(), "the queue or the pool has been shut down");
    assert_eq!(ControlError::NotAConnection.to_string(), "messages to oneself are never discarded");
}

#[test]
fn types_cross_threads_even_if_messages_are_not_sync() {
    fn send<T: Send>() {}
    fn send_and_sync<T: Send + Sync>() {}
    fn clone<T: Clone>() {}
    fn error<T: Error + Send + Sync + 'static>() {}

    send_and_sync::<DispatchQueue<Nothing>>();
    send_and_sync::<QueueHandle<Nothing>>();
    send_and_sync::<Connection<Nothing>>();
    send_and_sync::<Local<Nothing>>();
    send::<DispatchLoop<Nothing>>();
    send::<LocalLoop<Nothing>>();
    send::<QueueReport<Letter>>();

    send_and_sync::<ShardedThreadPool<Nothing>>();
    send_and_sync::<PoolHandle<Nothing>>();
    send_and_sync::<PauseGuard<u8, Letter>>();
    send_and_sync::<Worker<Nothing>>();
    send::<PoolReport<u8, Letter>>();

    clone::<QueueHandle<Nothing>>();
    clone::<Local<Nothing>>();
    clone::<PoolHandle<Nothing>>();

    error::<DeliverError<u8>>();
    error::<SubmitError<u8, u8>>();
    error::<BuildError>();
    error::<ControlError>();
    send::<DeliverError<Letter>>();
    send::<SubmitError<u8, Letter>>();
}

#[test]
fn a_throttle_says_why_it_gives_no_permit() {
    let told =
        [AcquireError::Full, AcquireError::TimedOut, AcquireError::Closed].map(|error| error.to_string());
    assert_eq!(
        told,
        ["the throttle is full", "the throttle had no room in time", "the throttle has been closed"]
    );
}
