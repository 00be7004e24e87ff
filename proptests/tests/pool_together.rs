//! Items that need several keys, among others that need one: each has one fate, each key keeps its order, and nobody waits
//! for ever. The reference is a list for each key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use keylane::{
    Bands, Fifo, Handler, KeyGuard, Lease, PauseGuard, PoolHandle, ShardedThreadPool, Step, Stop, Worker,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

const KEYS: u8 = 5;
const SHARDS: usize = 3;

type Key = u8;
type Item = usize;

#[derive(Clone, Debug)]
enum Op {
    Submit(Key),
    Together(BTreeSet<Key>),
    /// The same, of an item that holds its keys.
    Hold(BTreeSet<Key>),
    /// The oldest guard is dropped; first an item is put back, or not.
    Release(bool),
    Remove(Key),
    Step(usize),
    Pause,
    Resume,
    Drain,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..KEYS).prop_map(Op::Submit),
        3 => btree_set(0..KEYS, 1..4).prop_map(Op::Together),
        1 => btree_set(0..KEYS, 1..4).prop_map(Op::Hold),
        1 => any::<bool>().prop_map(Op::Release),
        1 => (0..KEYS).prop_map(Op::Remove),
        6 => (0..SHARDS).prop_map(Op::Step),
        1 => Just(Op::Pause),
        1 => Just(Op::Resume),
        1 => Just(Op::Drain),
    ]
}

/// An item, and something that goes with it.
type Noted<T> = Arc<Mutex<Vec<(Item, T)>>>;

#[derive(Clone, Default)]
struct Store {
    /// With the keys that it had.
    ran: Noted<BTreeSet<Key>>,
    held: Noted<KeyGuard<Key, (Item, bool)>>,
}

impl Handler for Store {
    type Key = Key;
    type Item = (Item, bool);

    fn handle(&self, keys: Lease<'_, Key, Self::Item>, (item, holds): Self::Item) {
        self.ran.lock().unwrap().push((item, keys.keys().copied().collect()));
        if holds {
            self.held.lock().unwrap().push((item, keys.hold()));
        }
    }
}

/// What is known of each key: the items that wait, in order.
struct Reference {
    lines: BTreeMap<Key, Vec<Item>>,
    keys: Vec<BTreeSet<Key>>,
    fates: BTreeMap<Item, &'static str>,
    /// Keys that somebody holds.
    held: BTreeSet<Key>,
}

impl Reference {
    fn new() -> Self {
        let lines = (0..KEYS).map(|key| (key, Vec::new())).collect();
        Self { lines, keys: Vec::new(), fates: BTreeMap::new(), held: BTreeSet::new() }
    }

    fn submit(&mut self, keys: &BTreeSet<Key>, front: bool) -> Item {
        let item = self.keys.len();
        self.keys.push(keys.clone());
        for key in keys {
            let line = self.lines.get_mut(key).unwrap();
            line.insert(if front { 0 } else { line.len() }, item);
        }
        item
    }

    fn leaves(&mut self, item: Item, fate: &'static str) {
        assert_eq!(self.fates.insert(item, fate), None, "P1: {item} has two fates");
        for key in &self.keys[item] {
            self.lines.get_mut(key).unwrap().retain(|other| *other != item);
        }
    }

    fn ran(&mut self, item: Item, keys: &BTreeSet<Key>, holds: bool) {
        assert_eq!(*keys, self.keys[item]);
        for key in keys {
            assert_eq!(self.lines[key][0], item, "P2: it is the first of {key}");
            assert!(!self.held.contains(key), "P3");
        }
        self.leaves(item, "ran");
        if holds {
            self.held.extend(keys);
        }
    }

    /// Whether something could run, if all workers did what they can.
    fn is_stuck(&self) -> bool {
        let could = |item: &Item| {
            self.keys[*item].iter().all(|key| self.lines[key][0] == *item && !self.held.contains(key))
        };
        !self.lines.values().flatten().any(could)
    }
}

struct Run {
    store: Store,
    pool: PoolHandle<Store>,
    workers: Vec<Worker<Store>>,
    reference: Reference,
    pauses: Vec<PauseGuard<Key, (Item, bool)>>,
}

impl Run {
    fn new(bands: bool, threads: usize) -> Self {
        let store = Store::default();
        let builder = ShardedThreadPool::builder(store.clone()).shards(SHARDS).threads_per_shard(threads);
        let builder = if bands { builder.scheduler(Bands::default()) } else { builder.scheduler(Fifo) };
        let (pool, workers) = builder.stepped().unwrap();
        Self { store, pool, workers, reference: Reference::new(), pauses: Vec::new() }
    }

    fn step(&mut self, worker: usize) -> Step {
        let step = self.workers[worker].step();
        let ran = std::mem::take(&mut *self.store.ran.lock().unwrap());
        assert_eq!(ran.len(), usize::from(step == Step::Ran));
        for (item, keys) in ran {
            assert!(self.pauses.is_empty(), "P6");
            let holds = self.store.held.lock().unwrap().iter().any(|(held, _)| *held == item);
            self.reference.ran(item, &keys, holds);
        }
        step
    }

    /// Steps until nobody can do anything.
    fn settle(&mut self) {
        let mut idle = 0;
        for worker in (0..self.workers.len()).cycle() {
            idle = if self.step(worker) == Step::Ran { 0 } else { idle + 1 };
            // A step that finds nothing to run may have freed a key elsewhere: twice round.
            if idle > 2 * self.workers.len() {
                return;
            }
        }
    }

    fn release(&mut self, put_back: bool) {
        if self.store.held.lock().unwrap().is_empty() {
            return;
        }
        let (_, guard) = self.store.held.lock().unwrap().remove(0);
        let keys: BTreeSet<Key> = guard.keys().copied().collect();
        if put_back {
            let item = self.reference.submit(&keys, true);
            guard.put_back((item, false)).unwrap();
        }
        drop(guard);
        keys.iter().for_each(|key| assert!(self.reference.held.remove(key)));
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Submit(key) => {
                let item = self.reference.submit(&BTreeSet::from([*key]), false);
                self.pool.submit(*key, (item, false)).unwrap();
            }
            Op::Together(keys) | Op::Hold(keys) => {
                let item = self.reference.submit(keys, false);
                let holds = matches!(op, Op::Hold(_));
                self.pool.submit_together(keys.iter().copied().collect(), (item, holds)).unwrap();
            }
            Op::Release(put_back) => self.release(*put_back),
            Op::Remove(key) => {
                let removed: Vec<_> = self.pool.remove(key).into_iter().map(|(item, _)| item).collect();
                assert_eq!(removed, self.reference.lines[key], "P9");
                removed.into_iter().for_each(|item| self.reference.leaves(item, "removed"));
            }
            Op::Step(worker) => {
                let worker = worker % self.workers.len();
                let _ = self.step(worker);
            }
            Op::Pause => self.pauses.push(self.pool.pause().unwrap()),
            Op::Resume => drop(self.pauses.pop()),
            // It would wait, unless nothing waits or is held.
            Op::Drain => {
                self.settle();
                let waits = self.reference.lines.values().any(|line| !line.is_empty());
                if !waits && self.reference.held.is_empty() {
                    self.pool.drain().unwrap();
                } else if self.pauses.is_empty() {
                    assert!(self.reference.is_stuck(), "P5: something could run");
                }
            }
        }
        let total = self.pool.snapshot().total();
        assert_eq!(total.accepted, total.waiting + total.running + total.ran + total.removed, "it adds up");
    }

    fn finish(mut self, stop: Stop, released: bool) {
        if released {
            self.pauses.clear();
            self.settle();
            while !self.store.held.lock().unwrap().is_empty() {
                self.release(false);
                self.settle();
            }
        }
        let paused = !self.pauses.is_empty();
        self.pool.shutdown(stop);
        self.settle();
        let left: BTreeSet<Item> = self.reference.lines.values().flatten().copied().collect();
        if released && stop == Stop::RunRemaining {
            assert!(left.is_empty(), "P8: {left:?} remain");
        }
        self.pauses.clear();
        let Self { store, pool, workers, mut reference, .. } = self;
        if stop == Stop::HandBack || paused {
            assert_eq!(store.ran.lock().unwrap().len(), 0);
        }
        let leftovers = pool.reclaim(workers).leftovers;
        let mut of_key: BTreeMap<Key, Vec<Item>> = BTreeMap::new();
        for (key, (item, _)) in leftovers {
            assert!(reference.keys[item].contains(&key));
            of_key.entry(key).or_default().push(item);
        }
        for (key, items) in &of_key {
            let line = reference.lines[key].iter().filter(|item| items.contains(item));
            assert!(line.eq(items), "each key's in order");
        }
        of_key.into_values().flatten().for_each(|item| reference.leaves(item, "handed back"));
        assert_eq!(reference.fates.len(), reference.keys.len(), "P1: each has a fate");
        let total = pool.snapshot().total();
        assert_eq!((total.waiting, total.running), (0, 0), "and is counted so");
        // Guards that are left hold nothing up.
        store.held.lock().unwrap().clear();
        assert_eq!(pool.drain().is_ok(), total.handed_back == 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        max_shrink_iters: if std::env::var_os("KEYLANE_MUTANT").is_some() { 0 } else { 100_000 },
        // A program that breaks a mutant is no regression.
        failure_persistence: match std::env::var_os("KEYLANE_MUTANT") {
            Some(_) => None,
            None => Some(Box::new(FileFailurePersistence::Direct(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/proptest-regressions/pool_together.txt"
            )))),
        },
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_key_keeps_its_order_and_nobody_waits_for_ever(
        ops in vec(op(), 0..60),
        bands in any::<bool>(),
        threads in 1_usize..3,
        stop in prop_oneof![Just(Stop::RunRemaining), Just(Stop::HandBack)],
        released in any::<bool>(),
    ) {
        let mut run = Run::new(bands, threads);
        ops.iter().for_each(|op| run.apply(op));
        run.finish(stop, released);
    }
}
