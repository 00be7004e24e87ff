//! An idle key costs nothing, and a key that was seen once leaves nothing behind, however many there were.

use std::sync::Mutex;

use keylane::testing::settle;
use keylane::{Handler, Lease, PoolHandle, ShardedThreadPool, Worker};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// One test at a time: they share the heap.
static ALONE: Mutex<()> = Mutex::new(());

const MILLION: u64 = 1_000_000;
/// What a pool of two shards may keep for the next items: room for one or two thousand in each vector and map. It is less
/// than a byte for each key that the tests below have had, so that no key has left even that.
const KEPT: usize = 1_000_000;

/// Keeps every third key beyond the handler's return, but not for long.
struct Clerk;

impl Handler for Clerk {
    type Key = u64;
    type Item = u64;

    fn handle(&self, key: Lease<'_, u64, u64>, item: u64) {
        if item % 3 == 0 {
            drop(key.hold());
        }
    }
}

/// Two shards of one worker, to be stepped: so what is on the heap is the same in every run.
fn stepped() -> (PoolHandle<Clerk>, Vec<Worker<Clerk>>) {
    ShardedThreadPool::builder(Clerk).shards(2).threads_per_shard(1).stepped().unwrap()
}

#[track_caller]
fn assert_nothing_left(before: usize, keys: u64) {
    let after = HEAP.current_usage();
    println!("before {before}, after {keys} keys {after} bytes");
    assert!(after <= before + KEPT, "before {before}, after {keys} keys {after} bytes");
}

#[test]
fn millions_of_keys_leave_nothing_behind() {
    let _alone = ALONE.lock();
    let pool = ShardedThreadPool::builder(Clerk).shards(2).start().unwrap();
    let before = HEAP.current_usage();
    let mut keys = 0;
    // A map that is nearly full leaves graves when it is emptied, and one that is half full does not.
    for wave in [MILLION / 2, MILLION, MILLION * 9 / 10, MILLION * 17 / 10] {
        let first = keys;
        keys += wave;
        let paused = pool.pause().unwrap();
        (first..keys).for_each(|key| pool.submit(key, key).unwrap());
        (first..keys).step_by(10).for_each(|key| assert_eq!(pool.remove(&key), [key]));
        drop(paused);
        pool.drain_key(&(keys - 1)).unwrap();
        pool.drain().unwrap();
        assert_nothing_left(before, keys);
    }
    let report = pool.join().unwrap();
    assert_eq!((report.leftovers.len(), report.panics), (0, 0));
}

#[test]
fn calls_about_keys_that_are_not_there_leave_nothing_behind() {
    let _alone = ALONE.lock();
    let (pool, workers) = stepped();
    let before = HEAP.current_usage();
    for key in 0..MILLION {
        assert_eq!(pool.remove(&key), []);
        pool.drain_key(&key).unwrap();
        pool.submit_batch(key, Vec::new()).unwrap();
    }
    pool.drain().unwrap();
    assert_nothing_left(before, MILLION);
    drop(workers);
}

/// Bytes that the pool has after a flow of items, and the most that the flow needed besides.
fn flow(pool: &PoolHandle<Clerk>, workers: &mut [Worker<Clerk>], before: usize) -> (usize, usize) {
    let base = HEAP.current_usage();
    HEAP.reset_peak_usage();
    for _ in 0..8 {
        (0..1_000).for_each(|key| pool.submit(key, key).unwrap());
        settle(workers);
    }
    (HEAP.current_usage() - before, HEAP.peak_usage() - base)
}

#[test]
fn a_pool_that_has_seen_a_million_keys_is_as_a_fresh_one() {
    let _alone = ALONE.lock();
    let before = HEAP.current_usage();
    let (pool, mut workers) = stepped();
    // The first flow makes room for the next.
    let [_, fresh] = [(); 2].map(|()| flow(&pool, &mut workers, before));
    (0..MILLION).for_each(|key| pool.submit(key, key).unwrap());
    assert_eq!(settle(&mut workers), MILLION as usize);
    let [_, used] = [(); 2].map(|()| flow(&pool, &mut workers, before));
    println!("has, and needs besides: fresh {fresh:?}, used {used:?} bytes");
    // Room comes in powers of two.
    assert!(used.0 <= 2 * fresh.0 && used.1 <= 2 * fresh.1, "fresh {fresh:?}, used {used:?}");
}

#[test]
fn a_key_costs_something_while_its_items_wait_and_nothing_when_it_is_idle() {
    let _alone = ALONE.lock();
    let (pool, mut workers) = stepped();
    let before = HEAP.current_usage();
    let each = || HEAP.current_usage().saturating_sub(before) / MILLION as usize;
    let paused = pool.pause().unwrap();
    (0..MILLION).for_each(|key| pool.submit(key, key).unwrap());
    let submitted = each();
    // Paused, the workers take in and run nothing. What has brought the items is given back at the next look.
    let [taken_in, waiting] = [(); 2].map(|()| {
        assert_eq!(settle(&mut workers), 0);
        each()
    });
    drop(paused);
    assert_eq!(settle(&mut workers), MILLION as usize);
    let idle = each();
    println!(
        "bytes for each of a million keys with one item: {submitted} in the inbox, {taken_in} when taken in, \
         {waiting} from then on, {idle} when idle"
    );
    assert!(submitted > 16 && waiting > 16, "key and item are somewhere");
    assert!(waiting < 400, "a few words for the line, its turn and its place in the map: {waiting}");
    assert_eq!(idle, 0);
}
