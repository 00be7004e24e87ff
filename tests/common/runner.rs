//! A pool's handler that runs closures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use keylane::testing::on_mark;
use keylane::{ControlError, Handler, Lease, PoolHandle, ShardedThreadPool};

use super::hear;

/// Runs what it is given.
pub struct Runner;

pub type Task = Box<dyn FnOnce() + Send>;

impl Handler for Runner {
    type Key = usize;
    type Item = Task;
    fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, task: Task) {
        task();
    }
}

pub fn pool(shards: usize, threads_per_shard: usize) -> ShardedThreadPool<Runner> {
    let builder = ShardedThreadPool::builder(Runner);
    builder.shards(shards).threads_per_shard(threads_per_shard).start().unwrap()
}

/// An item that does nothing.
pub fn nothing() -> Task {
    Box::new(|| {})
}

/// An item that counts itself.
pub fn count(ran: &Arc<AtomicUsize>) -> Task {
    let ran = Arc::clone(ran);
    Box::new(move || {
        ran.fetch_add(1, Ordering::SeqCst);
    })
}

/// Occupies `key`: comes back when a handler of it has begun, which does `last` and ends when the sender is used.
pub fn hold(pool: &PoolHandle<Runner>, key: usize, last: Task) -> Sender<()> {
    let ((started, has_started), (release, released)): (_, (_, Receiver<()>)) = (channel(), channel());
    let body = move || {
        started.send(()).unwrap();
        hear(&released);
        last();
    };
    pool.submit(key, Box::new(body)).unwrap();
    hear(&has_started);
    release
}

/// Begins a drain on a thread of its own. When this returns every shard knows of it: what is submitted from now on comes
/// after it.
pub fn begin_drain(pool: &PoolHandle<Runner>) -> JoinHandle<Result<(), ControlError>> {
    let (tell, marks) = channel();
    let pool = pool.clone();
    let drain = thread::spawn(move || {
        on_mark(move |label| {
            let _ = tell.send(label);
        });
        pool.drain()
    });
    while hear(&marks) != "drain began" {}
    drain
}
