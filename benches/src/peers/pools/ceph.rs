//! Ceph's `ShardedThreadPool` with its `ShardedOpWQ`, written anew from what is known of it.
//!
//! An item is queued in its shard by priority and client. A worker takes the next, whoever's it is, leaves it as a ticket in
//! the slot of its placement group, and waits for the group's lock, with no other; then it runs the first ticket of the slot,
//! which is not always its own. Nothing is allocated for an item here, its locks are `parking_lot`'s, nobody is woken without
//! need, and groups are never removed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;

use super::{Gate, Item, Pool, WORKERS, Work, gate};

/// So many shards, each with so many threads.
pub struct Ceph<const SHARDS: usize, const THREADS: usize> {
    shards: Arc<[Shard]>,
    threads: Vec<JoinHandle<()>>,
    gate: Gate,
}

/// What all items have: a client's operation, and one client.
const PRIORITY: u32 = 63;
const CLIENT: u64 = 1;

#[derive(Default)]
struct Shard {
    ordering: Mutex<Ordered>,
    sleep: Mutex<Sleep>,
    wake: Condvar,
}

#[derive(Default)]
struct Ordered {
    queue: OpQueue,
    slots: FxHashMap<u32, Slot>,
}

#[derive(Default)]
struct Sleep {
    sleeping: usize,
    stop: bool,
}

/// Of a placement group.
#[derive(Default)]
struct Slot {
    to_process: VecDeque<Item>,
    group: Arc<Mutex<()>>,
}

/// The highest priority first; within a priority, clients take turns.
#[derive(Default)]
struct OpQueue {
    priorities: BTreeMap<u32, VecDeque<(u64, VecDeque<Item>)>>,
    len: usize,
}

impl OpQueue {
    fn push(&mut self, priority: u32, client: u64, item: Item) {
        let clients = self.priorities.entry(priority).or_default();
        match clients.iter_mut().find(|(known, _)| *known == client) {
            Some((_, items)) => items.push_back(item),
            None => clients.push_back((client, VecDeque::from([item]))),
        }
        self.len += 1;
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.priorities.values_mut().rev().find_map(|clients| {
            (0..clients.len()).find_map(|_| {
                clients.rotate_left(1);
                clients.back_mut()?.1.pop_front()
            })
        });
        self.len -= usize::from(item.is_some());
        item
    }
}

impl Shard {
    fn enqueue(&self, item: Item) {
        let was_empty = {
            let mut ordered = self.ordering.lock();
            let was_empty = ordered.queue.len == 0;
            ordered.queue.push(PRIORITY, CLIENT, item);
            was_empty
        };
        let sleep = self.sleep.lock();
        if was_empty {
            self.wake.notify_all();
        } else if sleep.sleeping > 0 {
            self.wake.notify_one();
        }
    }

    /// Runs the next item, or sleeps until there may be one; false if there never will be.
    fn process(&self, work: &Work) -> bool {
        let mut ordered = self.ordering.lock();
        let Some(item) = ordered.queue.pop() else {
            // Before the other is given up, so that whoever queues something finds this one asleep.
            let mut sleep = self.sleep.lock();
            drop(ordered);
            if !sleep.stop {
                sleep.sleeping += 1;
                self.wake.wait(&mut sleep);
                sleep.sleeping -= 1;
            }
            return !sleep.stop;
        };
        let slot = ordered.slots.entry(item.key).or_default();
        slot.to_process.push_back(item);
        let group = Arc::clone(&slot.group);
        drop(ordered);

        let _group = group.lock();
        let mut ordered = self.ordering.lock();
        let slot = ordered.slots.get_mut(&item.key).expect("groups are never removed");
        let first = slot.to_process.pop_front().expect("as many tickets as workers that are here");
        drop(ordered);
        work.run(first);
        true
    }
}

impl<const SHARDS: usize, const THREADS: usize> Pool for Ceph<SHARDS, THREADS> {
    const NAME: &'static str = match (SHARDS, THREADS) {
        (1, 2) => "Ceph's ShardedOpWQ, 1 shard x 2 threads",
        (2, 1) => "Ceph's ShardedOpWQ, 2 shards x 1 thread",
        _ => panic!("it has a name for the table"),
    };
    const LACKS: Option<&'static str> =
        Some("a thread whose item's key is busy waits for it, whatever else is queued");

    fn start(work: &Arc<Work>, _: usize) -> Self {
        const { assert!(SHARDS * THREADS == WORKERS) };
        let shards: Arc<[Shard]> = (0..SHARDS).map(|_| Shard::default()).collect();
        let gate = gate();
        let thread = |number: usize| {
            let shards: Arc<[Shard]> = Arc::clone(&shards);
            let (work, gate) = (Arc::clone(work), Arc::clone(&gate));
            std::thread::spawn(move || {
                gate.wait();
                while shards[number % SHARDS].process(&work) {}
            })
        };
        let threads = (0..WORKERS).map(thread).collect();
        Self { shards, threads, gate }
    }

    fn release(&mut self) {
        self.gate.wait();
    }

    fn submit(&self, item: Item) {
        self.shards[item.key as usize % SHARDS].enqueue(item);
    }

    fn join(self) {
        for shard in &*self.shards {
            shard.sleep.lock().stop = true;
            shard.wake.notify_all();
        }
        self.threads.into_iter().for_each(|thread| thread.join().expect("runs to its end"));
    }
}
