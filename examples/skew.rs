//! What help between shards is for: most of the load on keys that share a shard.
//!
//! `cargo run --release --example skew`
//!
//! Each item waits for a disk, which is a sleep here, and a key's items go one after the other. Three executors of eight
//! threads get the same items: a channel for each thread, keys spread by hash; a pool; and a pool whose workers help. All
//! items are there at the beginning. Keys are asked for as in Zipf's law; first as their hashes fall, then with the hottest
//! keys all in one shard. Rounds are interleaved, and of each figure the median is shown.

#[path = "../tests/common/zipf.rs"]
mod zipf;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use keylane::{Handler, Lease, ShardedThreadPool};
use zipf::Zipf;

const SHARDS: usize = 8;
const KEYS: usize = 1_000;
const HOT: usize = 64;
const ITEMS: usize = 8_000;
const ROUNDS: usize = 5;
const DISK: Duration = Duration::from_micros(200);

/// When each item was done, counted from when all were handed in.
#[derive(Clone)]
struct Disk {
    begun: Instant,
    done: Arc<Mutex<Vec<Duration>>>,
}

impl Disk {
    fn new() -> Self {
        Self { begun: Instant::now(), done: Arc::default() }
    }

    fn work(&self) {
        thread::sleep(DISK);
        self.done.lock().unwrap().push(self.begun.elapsed());
    }

    /// Until half of the items were done, until all but one in a hundred, and until all.
    fn figures(&self) -> [Duration; 3] {
        let mut done = self.done.lock().unwrap();
        done.sort_unstable();
        [done[ITEMS / 2], done[ITEMS - ITEMS / 100], done[ITEMS - 1]]
    }
}

impl Handler for Disk {
    type Key = usize;
    type Item = ();

    fn handle(&self, _: Lease<'_, usize, ()>, (): ()) {
        self.work();
    }
}

fn channels(keys: &[usize], shard_of: &HashMap<usize, usize>) -> [Duration; 3] {
    let disk = Disk::new();
    thread::scope(|scope| {
        let threads = (0..SHARDS).map(|_| {
            let (sender, items) = mpsc::channel::<usize>();
            let disk = &disk;
            scope.spawn(move || items.iter().for_each(|_| disk.work()));
            sender
        });
        let threads: Vec<_> = threads.collect();
        keys.iter().for_each(|key| threads[shard_of[key]].send(*key).unwrap());
    });
    disk.figures()
}

fn pool(keys: &[usize], helped: usize) -> [Duration; 3] {
    let disk = Disk::new();
    let builder = ShardedThreadPool::builder(disk.clone()).shards(SHARDS).threads_per_shard(1);
    let pool = builder.help(helped).start().unwrap();
    keys.iter().for_each(|&key| pool.submit(key, ()).unwrap());
    pool.join().unwrap();
    disk.figures()
}

/// The keys by their ranks: as they come, or with the hottest in one shard.
fn ranked(shard_of: &HashMap<usize, usize>, skewed: bool) -> Vec<usize> {
    let mut hot: Vec<usize> = (0..shard_of.len()).collect();
    if skewed {
        hot.sort_by_key(|key| shard_of[key] != 0);
        let mut rest = hot.split_off(HOT);
        rest.sort_unstable();
        hot.append(&mut rest);
    }
    hot.truncate(KEYS);
    hot
}

fn main() {
    let (placement, _workers) = ShardedThreadPool::builder(Disk::new())
        .shards(SHARDS)
        .threads_per_shard(1)
        .stepped()
        .expect("there are shards, and threads");
    let shard_of: HashMap<usize, usize> = (0..KEYS).map(|key| (key, placement.shard_of(&key))).collect();
    let zipf = Zipf::new(KEYS, 1.0);
    println!(
        "{ITEMS} items of {DISK:?}, {KEYS} keys, {SHARDS} threads; milliseconds until half were done, 99 %, all"
    );
    for (name, skewed) in [("as hashes fall", false), ("hottest in one shard", true)] {
        let ranked = ranked(&shard_of, skewed);
        // A fixed sequence (splitmix64's increment, which is odd and so visits everything), scrambled by its own high bits.
        let random = |number: usize| {
            let state = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (state ^ (state >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
        };
        let keys: Vec<usize> = (0..ITEMS).map(|number| ranked[zipf.rank(random(number))]).collect();
        let mut rounds = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            rounds[0].push(channels(&keys, &shard_of));
            rounds[1].push(pool(&keys, 0));
            rounds[2].push(pool(&keys, SHARDS - 1));
        }
        for (executor, rounds) in ["channels", "pool", "pool that helps"].into_iter().zip(rounds) {
            let median = |figure: usize| {
                let mut of: Vec<Duration> = rounds.iter().map(|round| round[figure]).collect();
                of.sort_unstable();
                of[ROUNDS / 2].as_secs_f64() * 1e3
            };
            println!("{name:<21} {executor:<16} {:>7.0} {:>7.0} {:>7.0}", median(0), median(1), median(2));
        }
    }
}
