//! `ShardedThreadPool` by definition: every item ever submitted, and what may happen next.
//!
//! Which ready key runs next is the pool's own choice, within "keys take turns", and which class its scheduler's; so is
//! when a worker is stepped. The model is therefore asked before a choice ([`PoolModel::step`]) and told after it
//! ([`PoolModel::start`]).
//!
//! An item's place in its line is in `item.rs`, whose turn it is in `turns.rs`, what a drain waits for in `drains.rs`, what
//! comes back in `back.rs`. What of all this makes a difference is in `essence.rs`.

mod back;
mod drains;
mod essence;
mod item;
mod turns;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use keylane::{Class, OnItemPanic, Overtakes, Stop};

use drains::Drain;
pub use drains::{DrainId, Drained};
use item::{Item, Place, line_of};
pub use item::{Lines, Moment};
pub use turns::Asked;

/// Number of an accepted item, in the order of acceptance.
pub type ItemId = usize;

/// What a step of a worker must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// Run one of these; or nothing, if the scheduler says so.
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
    /// P2: an earlier item of its key and line waits.
    OutOfOrder,
    /// P3: its key runs already.
    KeyRuns,
    /// P6: the pool is paused.
    Paused,
    /// P8: it was to be handed back.
    Stopped,
    /// P10: it is not due.
    Early,
    /// P12: its key is poisoned.
    Poisoned,
    /// Keys take turns: its key had one already since this item became ready.
    SecondTurn(ItemId),
    /// The scheduler was asked about others than those that could start.
    Candidates,
    /// It is of another class than the scheduler chose, or of one that may not start yet.
    NotChosen,
    /// This class was next: it has been passed over as often as it may be, or nothing started while it could.
    PassedOver(Class),
}

/// The sequential specification of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolModel<K> {
    /// Given, not predicted: keys are spread by a hash.
    shard_of: BTreeMap<K, usize>,
    on_panic: OnItemPanic,
    /// How often a class may be passed over at most, if there is a limit.
    passes: Option<u64>,
    now: Moment,
    /// What the pool's clock says.
    time: Duration,
    items: Vec<Item<K>>,
    pauses: usize,
    /// The two steps of a shutdown: nothing is accepted any more; what was accepted is dealt with.
    closed: bool,
    stop: Option<Stop>,
    drains: Vec<Drain<K>>,
    poisoned: BTreeSet<K>,
    /// The lines of each scheduler that there has been; the last one is in force.
    schedulers: Vec<Lines>,
    /// Since when each line of a key has its turn: it has a waiting item, and had it at a moment at which the key was free.
    turns: BTreeMap<(K, Class), Moment>,
    /// How often each class of a shard has been passed over since one of it started, while one of it could have.
    passed: BTreeMap<(usize, Class), u64>,
}

impl<K: Clone + Ord + Debug> PoolModel<K> {
    /// A pool that nothing has happened to. Only the keys in `shard_of` may be used.
    pub fn new(shard_of: BTreeMap<K, usize>) -> Self {
        Self {
            shard_of,
            on_panic: OnItemPanic::default(),
            passes: most(Overtakes::default()),
            now: 0,
            time: Duration::ZERO,
            items: Vec::new(),
            pauses: 0,
            closed: false,
            stop: None,
            drains: Vec::new(),
            poisoned: BTreeSet::new(),
            schedulers: vec![Lines::new()],
            turns: BTreeMap::new(),
            passed: BTreeMap::new(),
        }
    }

    /// A pool that does this when a handler panics.
    #[must_use]
    pub fn on_panic(self, on_panic: OnItemPanic) -> Self {
        Self { on_panic, ..self }
    }

    /// A pool whose classes are passed over at most so often.
    #[must_use]
    pub fn passes(self, passes: Overtakes) -> Self {
        Self { passes: most(passes), ..self }
    }

    /// A pool whose scheduler has these lines.
    #[must_use]
    pub fn lines(self, lines: Lines) -> Self {
        Self { schedulers: vec![lines], ..self }
    }

    /// The shard of a key, as it was given.
    pub fn shard_of(&self, key: &K) -> usize {
        self.shard_of[key]
    }

    /// When an item was submitted, or was to be, by the pool's clock.
    pub fn arrived(&self, id: ItemId) -> Duration {
        self.items[id].arrived
    }

    /// `submit`, from inside the handler of `parent` if there is one. `None`: it must be refused.
    pub fn submit(&mut self, key: K, parent: Option<ItemId>) -> Option<ItemId> {
        self.submit_of(Class::default(), key, parent)
    }

    /// The same of a class.
    pub fn submit_of(&mut self, class: Class, key: K, parent: Option<ItemId>) -> Option<ItemId> {
        self.put(class, key, parent, Place::Back(self.now + 1), self.time)
    }

    /// `submit_front`, or `put_back` by who holds the key after the item `parent`. Of a batch, the last comes first.
    pub fn submit_front(&mut self, key: K, parent: Option<ItemId>) -> Option<ItemId> {
        self.submit_front_of(Class::default(), key, parent)
    }

    /// The same of a class.
    pub fn submit_front_of(&mut self, class: Class, key: K, parent: Option<ItemId>) -> Option<ItemId> {
        self.put(class, key, parent, Place::Front(self.now + 1), self.time)
    }

    /// `submit_after` (P10).
    pub fn submit_after(
        &mut self,
        delay: Duration,
        class: Class,
        key: K,
        parent: Option<ItemId>,
    ) -> Option<ItemId> {
        let due = self.time + delay;
        let id = self.put(class, key, parent, Place::Later { due, since: None }, due);
        self.find_due();
        id
    }

    fn put(
        &mut self,
        class: Class,
        key: K,
        parent: Option<ItemId>,
        place: Place,
        arrived: Duration,
    ) -> Option<ItemId> {
        if self.closed {
            return None;
        }
        let id = self.items.len();
        self.items.push(Item {
            id,
            key,
            class,
            parent,
            place,
            arrived,
            since_scheduler: self.schedulers.len(),
            started: None,
            ended: None,
            held: false,
            handed_back: None,
            reclaimed: false,
            removed: false,
        });
        self.settle();
        Some(id)
    }

    /// The pool's clock moves on.
    pub fn advance(&mut self, by: Duration) {
        self.time += by;
        self.find_due();
    }

    /// Items become due: they stand in their lines.
    fn find_due(&mut self) {
        self.now += 1;
        for item in self.items.iter_mut().filter(|item| item.waits()) {
            if let Place::Later { due, since: since @ None, .. } = &mut item.place {
                if *due <= self.time {
                    *since = Some(self.now);
                    item.since_scheduler = self.schedulers.len();
                }
            }
        }
        self.settle();
    }

    /// `set_scheduler`: which class's items wait in which line. Every line has a new turn.
    pub fn set_scheduler(&mut self, lines: Lines) {
        self.schedulers.push(lines);
        self.turns.clear();
        self.passed.clear();
        self.settle();
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
        self.settle();
    }

    /// `Worker::step` of a worker of `shard`, up to where the handler begins.
    pub fn step(&mut self, shard: usize) -> Stepped {
        let could_start = self.could_start(shard);
        let is_over = self.stop.is_some() && !self.waiting().any(|id| self.shard(id) == shard);
        match could_start.is_empty() {
            false => Stepped::OneOf(could_start),
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
        self.takes_its_turn(id, &self.could_start(self.shard(id)))?;
        self.now += 1;
        self.items[id].started = Some(self.now);
        self.turns.remove(&(self.items[id].key.clone(), self.line(id)));
        self.settle();
        Ok(())
    }

    /// The handler of an item has ended by returning.
    ///
    /// # Panics
    /// If it does not run.
    pub fn end(&mut self, id: ItemId) {
        assert!(self.items[id].runs(), "only what runs can end");
        self.items[id].ended = Some(self.now);
        self.settle();
    }

    /// The handler of an item has ended by a panic (P12).
    ///
    /// # Panics
    /// If it does not run.
    pub fn panic(&mut self, id: ItemId) {
        match self.on_panic {
            OnItemPanic::PoisonKey => {
                self.poisoned.insert(self.items[id].key.clone());
                if self.stop.is_some() {
                    self.hand_back(|item, poisoned| poisoned.contains(&item.key));
                }
            }
            OnItemPanic::Stop => self.shutdown(Stop::HandBack),
            _ => {}
        }
        self.end(id);
    }

    /// `heal`. False if the key is not poisoned.
    pub fn heal(&mut self, key: &K) -> bool {
        let was_poisoned = self.poisoned.remove(key);
        self.settle();
        was_poisoned
    }

    /// `poisoned`, in the order of keys.
    pub fn poisoned(&self) -> impl Iterator<Item = &K> {
        self.poisoned.iter()
    }

    /// Whether the handler of an item runs.
    pub fn runs(&self, id: ItemId) -> bool {
        self.items[id].runs()
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

    /// Whether it has been shut down.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    fn waiting(&self) -> impl Iterator<Item = ItemId> {
        self.items.iter().filter(|item| item.waits()).map(|item| item.id)
    }

    fn shard(&self, id: ItemId) -> usize {
        self.shard_of[&self.items[id].key]
    }

    /// The line in which an item waits.
    fn line(&self, id: ItemId) -> Class {
        line_of(self.schedulers.last().expect("there is one"), self.items[id].class)
    }

    /// What may start in a shard, if the scheduler says nothing.
    fn could_start(&self, shard: usize) -> Vec<ItemId> {
        self.waiting().filter(|&id| self.shard(id) == shard && self.may_start(id).is_ok()).collect()
    }

    fn may_start(&self, id: ItemId) -> Result<(), Violation> {
        let item = &self.items[id];
        let is_first = |other: &Item<K>| !(other.is_queued() && other.precedes(item, &self.schedulers));
        if item.handed_back.is_some() {
            Err(Violation::Stopped)
        } else if !item.waits() {
            Err(Violation::NotWaiting)
        } else if item.is_to_come() {
            Err(Violation::Early)
        } else if self.pauses > 0 {
            Err(Violation::Paused)
        } else if self.items.iter().any(|other| other.key == item.key && other.has_the_key()) {
            Err(Violation::KeyRuns)
        } else if self.poisoned.contains(&item.key) {
            Err(Violation::Poisoned)
        } else if !self.items.iter().all(is_first) {
            Err(Violation::OutOfOrder)
        } else {
            Ok(())
        }
    }
}

fn most(passes: Overtakes) -> Option<u64> {
    match passes {
        Overtakes::AtMost(times) => Some(times),
        Overtakes::Unbounded => None,
    }
}
