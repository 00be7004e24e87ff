//! Memory after a burst is what it was before it: nothing that a flood has made large is kept.

use std::sync::Mutex;

use keylane::testing::settle;
use keylane::{
    ConnectionId, DispatchQueue, Dispatcher, Handled, Handler, Lease, Message, Priority, ShardedThreadPool,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// One test at a time: they share the heap.
static ALONE: Mutex<()> = Mutex::new(());

const BURST: u64 = 10_000_000;
/// What a steady flow has under way.
const FLOW: u64 = 1_000;

/// Bytes on the heap before and after a burst, both after a flow, and the most there were.
fn around_a_burst(mut pass: impl FnMut(u64)) -> (usize, usize, usize) {
    (0..4).for_each(|_| pass(FLOW));
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    pass(BURST);
    let peak = HEAP.peak_usage();
    (0..4).for_each(|_| pass(FLOW));
    (before, peak, HEAP.current_usage())
}

#[track_caller]
fn assert_given_back((before, peak, after): (usize, usize, usize)) {
    println!("before {before}, at most {peak}, after {after} bytes");
    assert!(peak > BURST as usize, "it was a burst: {peak}");
    assert!(after <= 2 * before, "before {before}, at most {peak}, after {after} bytes");
}

struct Letter(u64);

impl Message for Letter {
    fn priority(&self) -> Priority {
        Priority((self.0 % 5) as u8 * 50)
    }
}

struct Nothing;

impl Dispatcher for Nothing {
    type Message = Letter;
    fn dispatch(&self, _: ConnectionId, _: Letter) -> Handled<Letter> {
        Ok(())
    }
}

impl Handler for Nothing {
    type Key = u64;
    type Item = u64;
    fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, _: u64) {}
}

#[test]
fn of_a_queue() {
    let _alone = ALONE.lock();
    let (queue, mut dispatch, mut local) = DispatchQueue::builder(Nothing).stepped();
    let mut connections: Vec<_> = (0..16).map(|_| queue.connect()).collect();
    assert_given_back(around_a_burst(|messages| {
        for number in 0..messages {
            let _ = connections[(number % 16) as usize].deliver(Letter(number)).unwrap();
        }
        settle(std::slice::from_mut(&mut dispatch));
    }));
    let sender = queue.local();
    assert_given_back(around_a_burst(|messages| {
        (0..messages).for_each(|number| sender.send(Letter(number)).unwrap());
        settle(std::slice::from_mut(&mut local));
        settle(std::slice::from_mut(&mut dispatch));
    }));
}

#[test]
fn of_a_pool_with_a_few_keys_and_with_many() {
    let _alone = ALONE.lock();
    let (pool, mut workers) = ShardedThreadPool::builder(Nothing).shards(2).stepped().unwrap();
    for keys in [100, BURST / 10] {
        assert_given_back(around_a_burst(|items| {
            (0..items).for_each(|item| pool.submit(item % keys, item).unwrap());
            settle(&mut workers);
        }));
    }
}
