//! `ShardedThreadPool` by definition: every item ever submitted, and what may happen next.
//!
//! Which ready key runs next is the pool's own choice, within "keys take turns"; so is when a worker is
//! stepped. The model is therefore asked before a choice ([`PoolModel::step`]) and told after it
//! ([`PoolModel::start`]).

use std::collections::BTreeMap;
use std::fmt::Debug;

use keylane::Stop;

/// Number of an accepted item, in the order of acceptance.
pub type ItemId = usize;

/// Number of a drain, in the order they began.
pub type DrainId = usize;

/// What a step of a worker must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// Run one of these.
    OneOf(Vec<ItemId>),
    /// Nothing, for now.
    Idle,
    /// Nothing: the pool has been stopped, and nothing of the shard is left to start.
    Stopped,
}

/// Why an item must not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// P1: it has started before, or has been handed back.
    NotWaiting,
    /// P2: an earlier item of its key waits.
    OutOfOrder,
    /// P3: its key runs already.
    KeyRuns,
    /// P6: the pool is paused.
    Paused,
    /// P8: it was to be handed back.
    Stopped,
    /// Keys take turns: its key had one already since this item became ready.
    SecondTurn(ItemId),
}

/// What a drain that has begun must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Not return.
    Waits,
    /// Return, well.
    Done,
    /// Return, saying that the pool has been shut down: something it waited for will never run.
    Stopped,
    /// The same, or wait for what still runs or has its key held.
    MayStop,
}

/// The sequential specification of a pool.
#[derive(Clone, Debug)]
pub struct PoolModel<K> {
    /// Given, not predicted: keys are spread by a hash.
    shard_of: BTreeMap<K, usize>,
    now: u64,
    items: Vec<Item<K>>,
    pauses: usize,
    /// The two steps of a shutdown: nothing is accepted any more; what was accepted is dealt with.
    closed: bool,
    stop: Option<Stop>,
    drains: Vec<Drain<K>>,
    /// Since when each key that is ready has been so: it has a waiting item, and does not run and is not held.
    ready_since: BTreeMap<K, u64>,
}

/// What a drain waits for.
#[derive(Clone, Debug)]
struct Drain<K> {
    /// Items below this number,
    below: ItemId,
    /// of this key; or of all, and then their descendants too.
    key: Option<K>,
}

#[derive(Clone, Debug)]
struct Item<K> {
    key: K,
    /// The item whose handler submitted it.
    parent: Option<ItemId>,
    /// Its place among the items of its key: the smallest goes first.
    place: i64,
    started: Option<u64>,
    ended: Option<u64>,
    /// Whether its key is kept beyond its end.
    held: bool,
    handed_back: bool,
    removed: bool,
}

impl<K> Item<K> {
    fn waits(&self) -> bool {
        self.started.is_none() && !self.handed_back && !self.removed
    }

    /// Whether its key may not go on.
    fn has_the_key(&self) -> bool {
        self.runs() || self.held
    }

    fn runs(&self) -> bool {
        self.started.is_some() && self.ended.is_none()
    }
}

impl<K: Clone + Ord + Debug> PoolModel<K> {
    /// A pool that nothing has happened to. Only the keys in `shard_of` may be used.
    pub fn new(shard_of: BTreeMap<K, usize>) -> Self {
        Self {
            shard_of,
            now: 0,
            items: Vec::new(),
            pauses: 0,
            closed: false,
            stop: None,
            drains: Vec::new(),
            ready_since: BTreeMap::new(),
        }
    }

    /// The shard of a key, as it was given.
    pub fn shard_of(&self, key: &K) -> usize {
        self.shard_of[key]
    }

    /// `submit`, from inside the handler of `parent` if there is one. `None`: it must be refused.
    pub fn submit(&mut self, key: K, parent: Option<ItemId>) -> Option<ItemId> {
        let last = self.of(&key).map(|item| item.place).max();
        self.put(key, parent, last.map_or(0, |last| last + 1))
    }

    /// `submit_front`, or `put_back` by who holds the key after the item `parent`. Of a batch, the last comes first.
    pub fn submit_front(&mut self, key: K, parent: Option<ItemId>) -> Option<ItemId> {
        let first = self.of(&key).map(|item| item.place).min();
        self.put(key, parent, first.map_or(0, |first| first - 1))
    }

    fn put(&mut self, key: K, parent: Option<ItemId>, place: i64) -> Option<ItemId> {
        if self.closed {
            return None;
        }
        let now = self.tick();
        if !self.of(&key).any(Item::has_the_key) {
            self.ready_since.entry(key.clone()).or_insert(now);
        }
        let (started, ended) = (None, None);
        self.items.push(Item {
            key,
            parent,
            place,
            started,
            ended,
            held: false,
            handed_back: false,
            removed: false,
        });
        Some(self.items.len() - 1)
    }

    /// `remove`: what comes back, in order (P9).
    pub fn remove(&mut self, key: &K) -> Vec<ItemId> {
        if self.stop == Some(Stop::HandBack) {
            return Vec::new();
        }
        let mut removed: Vec<_> = self.waiting().filter(|&id| self.items[id].key == *key).collect();
        removed.sort_by_key(|&id| self.items[id].place);
        removed.iter().for_each(|&id| self.items[id].removed = true);
        self.ready_since.remove(key);
        removed
    }

    /// The handler of an item keeps the key.
    ///
    /// # Panics
    /// If it does not run.
    pub fn hold(&mut self, id: ItemId) {
        assert!(self.items[id].runs(), "only what runs can hold");
        self.items[id].held = true;
    }

    /// The key that was kept by an item is let go of, perhaps before its handler has ended.
    pub fn release(&mut self, id: ItemId) {
        self.items[id].held = false;
        self.goes_on(id);
    }

    /// The item may have been what kept the key from going on.
    fn goes_on(&mut self, id: ItemId) {
        let now = self.tick();
        let key = self.items[id].key.clone();
        if !self.of(&key).any(Item::has_the_key) && self.of(&key).any(Item::waits) {
            self.ready_since.insert(key, now);
        }
    }

    fn of(&self, key: &K) -> impl Iterator<Item = &Item<K>> {
        self.items.iter().filter(move |item| item.key == *key)
    }

    /// `Worker::step` of a worker of `shard`, up to where the handler begins.
    pub fn step(&self, shard: usize) -> Stepped {
        let may_start: Vec<_> = self
            .waiting()
            .filter(|&id| self.shard_of[&self.items[id].key] == shard && self.may_start(id).is_ok())
            .collect();
        let is_over = match self.stop {
            None => false,
            Some(Stop::HandBack) => true,
            Some(Stop::RunRemaining) => !self.waiting().any(|id| self.shard_of[&self.items[id].key] == shard),
        };
        match may_start.is_empty() {
            false => Stepped::OneOf(may_start),
            true if is_over => Stepped::Stopped,
            true => Stepped::Idle,
        }
    }

    /// The handler of an item begins.
    ///
    /// # Errors
    /// The guarantee that this breaks.
    pub fn start(&mut self, id: ItemId) -> Result<(), Violation> {
        self.may_start(id)?;
        self.takes_its_turn(id)?;
        self.items[id].started = Some(self.tick());
        let key = self.items[id].key.clone();
        self.ready_since.remove(&key);
        Ok(())
    }

    /// The handler of an item has ended, by returning or by a panic.
    ///
    /// # Panics
    /// If it does not run.
    pub fn end(&mut self, id: ItemId) {
        assert!(self.items[id].runs(), "only what runs can end");
        self.items[id].ended = Some(self.tick());
        self.goes_on(id);
    }

    /// Whether `pause` may have returned: no handler runs (P6).
    pub fn is_quiet(&self) -> bool {
        !self.items.iter().any(Item::runs)
    }

    /// `pause`. False: it must be refused, the pool has been shut down.
    pub fn pause(&mut self) -> bool {
        self.pauses += usize::from(self.stop.is_none());
        self.stop.is_none()
    }

    /// A `PauseGuard` is dropped.
    pub fn resume(&mut self) {
        self.pauses -= 1;
    }

    /// `drain` begins.
    pub fn drain(&mut self) -> DrainId {
        self.drains.push(Drain { below: self.items.len(), key: None });
        self.drains.len() - 1
    }

    /// `drain_key` begins.
    pub fn drain_key(&mut self, key: K) -> DrainId {
        self.drains.push(Drain { below: self.items.len(), key: Some(key) });
        self.drains.len() - 1
    }

    /// What `drain` must do now (P7).
    pub fn drained(&self, id: DrainId) -> Drained {
        let covered: Vec<_> = self.covered(id).collect();
        let never_runs =
            |item: &&Item<K>| item.handed_back || (item.waits() && self.stop == Some(Stop::HandBack));
        let stranded = covered.iter().any(never_runs);
        if stranded && covered.iter().any(|item| item.has_the_key()) {
            Drained::MayStop
        } else if stranded {
            Drained::Stopped
        } else if covered.iter().all(|item| item.removed || (item.ended.is_some() && !item.held)) {
            Drained::Done
        } else {
            Drained::Waits
        }
    }

    /// `shutdown`, all of it at one moment.
    pub fn shutdown(&mut self, stop: Stop) {
        self.close();
        self.shut_down(stop);
    }

    /// Its first step: nothing is accepted any more.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Its second. A paused pool hands back; of several calls, [`Stop::HandBack`] prevails (P8).
    pub fn shut_down(&mut self, stop: Stop) {
        let stop = if self.pauses > 0 { Stop::HandBack } else { stop };
        if self.stop != Some(Stop::HandBack) {
            self.stop = Some(stop);
        }
    }

    /// Whether it has been shut down.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// `reclaim`: what comes back, by key, each key's in order.
    pub fn reclaim(&mut self) -> BTreeMap<K, Vec<ItemId>> {
        self.shutdown(Stop::HandBack);
        let mut leftovers = BTreeMap::<K, Vec<ItemId>>::new();
        let mut rest: Vec<_> = self.waiting().collect();
        rest.sort_by_key(|&id| self.items[id].place);
        for id in rest {
            self.items[id].handed_back = true;
            leftovers.entry(self.items[id].key.clone()).or_default().push(id);
        }
        leftovers
    }

    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn waiting(&self) -> impl Iterator<Item = ItemId> {
        (0..self.items.len()).filter(|&id| self.items[id].waits())
    }

    fn may_start(&self, id: ItemId) -> Result<(), Violation> {
        let item = &self.items[id];
        if !item.waits() {
            Err(Violation::NotWaiting)
        } else if self.stop == Some(Stop::HandBack) {
            Err(Violation::Stopped)
        } else if self.pauses > 0 {
            Err(Violation::Paused)
        } else if self.of(&item.key).any(Item::has_the_key) {
            Err(Violation::KeyRuns)
        } else if self.of(&item.key).any(|other| other.waits() && other.place < item.place) {
            Err(Violation::OutOfOrder)
        } else {
            Ok(())
        }
    }

    /// No key starts twice while another of its shard could have started all that time.
    fn takes_its_turn(&self, id: ItemId) -> Result<(), Violation> {
        let Item { key, .. } = &self.items[id];
        let last_turn =
            self.items.iter().filter(|item| item.key == *key).filter_map(|item| item.started).max();
        let rivals = self.waiting().filter(|&rival| {
            let rival_key = &self.items[rival].key;
            rival_key != key
                && self.shard_of[rival_key] == self.shard_of[key]
                && self.may_start(rival).is_ok()
        });
        for rival in rivals {
            if last_turn > Some(self.ready_since[&self.items[rival].key]) {
                return Err(Violation::SecondTurn(rival));
            }
        }
        Ok(())
    }

    /// What a drain waits for.
    fn covered(&self, drain: DrainId) -> impl Iterator<Item = &Item<K>> {
        let Drain { below, key } = &self.drains[drain];
        (0..self.items.len())
            .filter(move |&id| match key {
                Some(key) => id < *below && self.items[id].key == *key,
                None => {
                    // An item, then its parent, then its parent's parent; any of them suffices.
                    let mut line = std::iter::successors(Some(id), |&id| self.items[id].parent);
                    line.any(|id| id < *below)
                }
            })
            .map(|id| &self.items[id])
    }
}
