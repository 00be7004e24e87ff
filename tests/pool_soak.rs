//! Many items through pools, a few keys having most of them, with all that a pool can do going on at once: fronts, batches,
//! removals, keys that are held and put back, items that submit others, panics, pauses in pauses, drains. What the
//! documentation promises is checked where it happens, with a few words for each key and nothing for each item, so that
//! their number does not matter. Two millions in an ordinary run; `KEYLANE_SOAK=1000000000 cargo test --release --test
//! pool_soak -- --nocapture` for as many as you like.
//!
//! How order is checked. An item says its number in its *lane*: those that one thread after the other submits to one key.
//! Those of a lane leave their key's line in this order, by being run or removed (P2, P9), none left out (P1). An item knows
//! how far each lane of its key had come before it was submitted, and finds that all these have left. What is put in front
//! has a *slot*, one for each lane, and a stamp for its begin and its return on a clock of the key. When an item of a key
//! ends, what fronts wait there is noted, of those whose call has returned: one of these is the next, or a later one.
//! Only while a removal of the same key is under way nobody can say what has left; then what is missing is not judged.

mod common;

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Barrier, RwLock};
use std::thread;

use keylane::{
    ControlError, Handler, KeyGuard, Lease, Limits, Permit, PoolHandle, ShardedThreadPool, Stop, SubmitError,
    Throttle,
};

use common::hear;
use common::zipf::Zipf;

const PRODUCERS: usize = 3;
/// The lane of a key's own handlers, and of whoever holds it: never two at a time.
const INNER: usize = PRODUCERS;
const LANES: usize = PRODUCERS + 1;
const KEYS: usize = 10_000;
/// Nobody but one producer knows it, and that only in the end.
const LAST_KEY: usize = KEYS;
/// Items under way.
const LIMIT: u64 = 2_000;
/// Keys that are held.
const HELD: usize = 64;
/// Items of a producer between two times that all is quiet.
const ROUND: u64 = 20_000;

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By `join`, when the producers are done.
    Join,
    /// In the midst of it, with either kind of stop.
    RunRemaining,
    HandBack,
    /// In the midst of it, and while it is paused.
    Paused,
}

/// What an item is whatever its place: it goes on from one to its child, or to the same one that is put back.
struct Load {
    owner: usize,
    dice: Dice,
    _permit: Permit,
}

struct Item {
    office: &'static Office,
    place: Place,
    /// For each lane of the key, how many items were there before.
    after: [u64; LANES],
    /// Until somebody tells what has become of the item.
    load: Option<Load>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// With its number in the lane. One that is joined is not the first of its batch.
    Back { lane: usize, number: u64, joined: bool },
    /// Behind, in no lane: by the handler of another key.
    Free,
    /// In front, as this one of its batch.
    Front { slot: usize, index: u64 },
}

impl Place {
    /// Not 0. That of the next in a lane is one more.
    fn code(self) -> u64 {
        match self {
            Self::Back { lane, number, .. } => (1 + lane as u64) << 56 | number,
            Self::Free => 0x7F << 56,
            Self::Front { slot, index } => (0x40 + slot as u64) << 56 | index,
        }
    }
}

impl Item {
    /// It has met its fate.
    fn meet(mut self, fate: &AtomicU64) -> Load {
        fate.fetch_add(1, Relaxed);
        self.load.take().expect("it has none yet")
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        if self.load.is_some() {
            self.office.counts.lost.fetch_add(1, Relaxed);
        }
    }
}

/// What is known of a key. The relaxed ones are written by whoever has the key, so that the pool's own hand-over is what
/// makes them right (P4).
#[derive(Default)]
struct Ledger {
    /// The code of the item that has the key.
    running: AtomicU64,
    lanes: [Lane; LANES],
    slots: [Slot; LANES],
    clock: AtomicU64,
    /// The code of what ran last, of those that were put behind.
    last_back: AtomicU64,
    /// When the last item ended, the latest begin among the fronts that waited; 0 for none.
    newest: AtomicU64,
    /// As of how many removals.
    newest_as_of: AtomicU64,
    removals_begun: AtomicU64,
    removals_ended: AtomicU64,
}

#[derive(Default)]
struct Lane {
    /// How many submits have returned.
    submitted: AtomicU64,
    /// One more than the number of the latest that ran.
    started: AtomicU64,
    ran: AtomicU64,
    /// One more than the number of the latest that was removed.
    removed_to: AtomicU64,
    removed: AtomicU64,
}

/// What one lane has in front: one item or batch at a time.
#[derive(Default)]
struct Slot {
    items: AtomicU64,
    ran: AtomicU64,
    removed: AtomicU64,
    /// On the clock of the key: before the call, and after it, 0 until then.
    begun: AtomicU64,
    returned: AtomicU64,
}

impl Lane {
    /// All before this number have left the line.
    fn left(&self) -> u64 {
        self.started.load(Relaxed).max(self.removed_to.load(SeqCst))
    }
}

impl Slot {
    /// The first question in here is the last that `begin` answers.
    fn waits(&self) -> bool {
        self.items.load(SeqCst) > self.ran.load(SeqCst) + self.removed.load(SeqCst)
    }

    fn begin(&self, items: u64, clock: &AtomicU64) {
        self.items.store(0, SeqCst);
        self.returned.store(0, SeqCst);
        self.begun.store(clock.fetch_add(1, SeqCst) + 1, SeqCst);
        self.ran.store(0, SeqCst);
        self.removed.store(0, SeqCst);
        self.items.store(items, SeqCst);
    }
}

impl Ledger {
    fn submitted(&self) -> [u64; LANES] {
        std::array::from_fn(|lane| self.lanes[lane].submitted.load(SeqCst))
    }
}

/// What became of the items, and what else has happened.
#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    ran: AtomicU64,
    removed: AtomicU64,
    handed_back: AtomicU64,
    refused: AtomicU64,
    /// Dropped without having met any of these.
    lost: AtomicU64,
    fronts: AtomicU64,
    held: AtomicU64,
    put_back: AtomicU64,
    panics: AtomicU64,
    pauses: AtomicU64,
    nested: AtomicU64,
    drains: AtomicU64,
    key_drains: AtomicU64,
}

/// What a session's threads tell.
enum Told {
    Violation(String),
    Round,
    ProducerEnded,
    DiskEnded,
}

/// What all threads of a session know.
struct Office {
    ledgers: Vec<Ledger>,
    counts: Counts,
    /// Items that each producer, and what its items submitted, has under way.
    outstanding: [AtomicU64; PRODUCERS],
    /// Handlers that run.
    inside: AtomicU64,
    /// Pauses in force.
    paused: AtomicU64,
    /// A stop that hands back what is queued is about to begin, or has.
    hands_back: AtomicBool,
    /// It has been called: what was queued is on its way to the report.
    has_handed_back: AtomicBool,
    /// Shared by those who remove until they have recorded what.
    removing: RwLock<()>,
    throttle: Throttle,
    zipf: Zipf,
    all: Barrier,
    tell: Sender<Told>,
}

/// Fails the test, from whatever thread.
macro_rules! ensure {
    ($office:expr, $holds:expr, $($what:tt)+) => {
        if !$holds {
            $office.violated(format!($($what)+));
        }
    };
}

impl Office {
    fn violated(&self, what: String) -> ! {
        let _ = self.tell.send(Told::Violation(what.clone()));
        panic!("{what}");
    }

    /// Submits by `call` what has the loads, at the places. Whether the pool has taken it.
    fn submit(
        &'static self,
        after: [u64; LANES],
        loads: Vec<Load>,
        place: impl Fn(u64) -> Place,
        call: impl FnOnce(Vec<Item>) -> Result<(), Vec<Item>>,
    ) -> bool {
        let count = loads.len() as u64;
        loads.iter().for_each(|load| _ = self.outstanding[load.owner].fetch_add(1, SeqCst));
        let item = |(index, load)| Item { office: self, place: place(index), after, load: Some(load) };
        match call((0..).zip(loads).map(item).collect()) {
            Ok(()) => {
                self.counts.accepted.fetch_add(count, Relaxed);
                true
            }
            Err(refused) => {
                ensure!(self, refused.len() as u64 == count, "P1: {} of {count} come back", refused.len());
                for item in refused {
                    let load = item.meet(&self.counts.refused);
                    self.outstanding[load.owner].fetch_sub(1, SeqCst);
                }
                false
            }
        }
    }

    /// Behind, in a lane whose only user the caller is.
    fn behind(&'static self, pool: &PoolHandle<Clerk>, key: usize, lane: usize, loads: Vec<Load>) -> bool {
        let (after, count) = (self.ledgers[key].submitted(), loads.len() as u64);
        let first = after[lane];
        let place = |index| Place::Back { lane, number: first + index, joined: index > 0 };
        let accepted = self.submit(after, loads, place, |items| self.call(pool, key, items, false));
        if accepted {
            self.ledgers[key].lanes[lane].submitted.store(first + count, SeqCst);
        }
        accepted
    }

    /// In front, in a slot whose only user the caller is, and which nothing waits in.
    fn in_front(
        &'static self,
        key: usize,
        slot: usize,
        loads: Vec<Load>,
        call: impl FnOnce(Vec<Item>) -> Result<(), Vec<Item>>,
    ) -> bool {
        let Ledger { slots, clock, .. } = &self.ledgers[key];
        let count = loads.len() as u64;
        slots[slot].begin(count, clock);
        let accepted = self.submit([0; LANES], loads, |index| Place::Front { slot, index }, call);
        if accepted {
            slots[slot].returned.store(clock.fetch_add(1, SeqCst) + 1, SeqCst);
            self.counts.fronts.fetch_add(count, Relaxed);
        } else {
            slots[slot].items.store(0, SeqCst);
        }
        accepted
    }

    /// The call itself, by what fits.
    fn call(
        &self,
        pool: &PoolHandle<Clerk>,
        key: usize,
        mut items: Vec<Item>,
        front: bool,
    ) -> Result<(), Vec<Item>> {
        let one = |error: SubmitError<usize, Item>| {
            let (key, item) = error.into_parts();
            (key, vec![item])
        };
        let outcome = match (items.len(), front) {
            (1, false) => pool.submit(key, items.remove(0)).map_err(one),
            (1, true) => pool.submit_front(key, items.remove(0)).map_err(one),
            (_, false) => pool.submit_batch(key, items).map_err(SubmitError::into_parts),
            (_, true) => pool.submit_front_batch(key, items).map_err(SubmitError::into_parts),
        };
        outcome.map_err(|(of, items)| {
            ensure!(self, of == key, "refused with another key");
            items
        })
    }

    /// An item starts.
    fn begin(&self, key: usize, item: &Item) {
        self.inside.fetch_add(1, SeqCst);
        ensure!(self, self.paused.load(SeqCst) == 0, "P6: an item starts while the pool is paused");
        let (ledger, place, code) = (&self.ledgers[key], item.place, item.place.code());
        let other = ledger.running.swap(code, Relaxed);
        ensure!(self, other == 0, "P3: {place:?} runs with {other:x} of the same key");

        let ended = ledger.removals_ended.load(SeqCst);
        let newest = ledger.newest.load(Relaxed);
        let mut is_next = newest == 0;
        let mut missing = None;
        if let Place::Front { slot, index } = place {
            let slot = &ledger.slots[slot];
            ensure!(self, slot.ran.load(SeqCst) == index, "P2: {place:?} is not the next of its batch");
            let returned = slot.returned.load(SeqCst);
            is_next |= returned == 0 || returned > newest;
            // The last of them lets the slot be used again.
            slot.ran.store(index + 1, SeqCst);
        } else {
            let mut after = item.after;
            if let Place::Back { lane, number, joined } = place {
                // After those of its batch as well.
                after[lane] = number;
                let last = ledger.last_back.load(Relaxed);
                ensure!(
                    self,
                    !joined || last == code - 1,
                    "P2: {last:x} came between {place:?} and its batch"
                );
                let started = ledger.lanes[lane].started.load(Relaxed);
                ensure!(self, started <= number, "P2: {place:?} runs when {started} of its lane have");
            }
            let left = || (0..LANES).map(|lane| ledger.lanes[lane].left());
            missing = left().zip(after).any(|(left, after)| left < after).then(|| left().collect::<Vec<_>>());
            if let Place::Back { lane, number, .. } = place {
                ledger.lanes[lane].started.store(number + 1, Relaxed);
                ledger.lanes[lane].ran.fetch_add(1, Relaxed);
            }
            ledger.last_back.store(code, Relaxed);
        }

        let begun = ledger.removals_begun.load(SeqCst);
        if let (Some(left), true) = (missing, begun == ended) {
            self.violated(format!("P1, P2: {place:?}, after {:?}, runs when {left:?} have left", item.after));
        }
        let as_of = ledger.newest_as_of.load(Relaxed);
        ensure!(self, is_next || begun != as_of, "P2: {place:?} overtakes the front begun at {newest}");
    }

    /// An item ends; the caller is about to let go of the key.
    fn end(&self, key: usize, code: u64, owner: usize) {
        let ledger = &self.ledgers[key];
        let ended = ledger.removals_ended.load(SeqCst);
        // In this order: a slot that is used anew has not returned.
        let waits = |slot: &&Slot| slot.waits() && slot.returned.load(SeqCst) != 0;
        let newest = ledger.slots.iter().filter(waits).map(|slot| slot.begun.load(SeqCst)).max();
        let begun = ledger.removals_begun.load(SeqCst);
        ledger.newest.store(if begun == ended { newest.unwrap_or(0) } else { 0 }, Relaxed);
        ledger.newest_as_of.store(begun, Relaxed);
        self.outstanding[owner].fetch_sub(1, SeqCst);
        let running = ledger.running.swap(0, Relaxed);
        ensure!(self, running == code, "P3: {running:x} has joined {code:x}");
    }

    /// Of one key, what comes back.
    fn take_out(&self, key: usize, items: Vec<Item>, fate: &AtomicU64) {
        let ledger = &self.ledgers[key];
        let (mut next, mut next_in_slot) = ([None; LANES], [None; LANES]);
        let (mut last_back, mut first_returned) = (None, u64::MAX);
        for item in items {
            let place = item.place;
            if let Place::Front { slot: number, index } = place {
                ensure!(self, last_back.is_none(), "P2: {place:?} is behind {last_back:x?}");
                let expected = next_in_slot[number].replace(index + 1);
                ensure!(self, expected.is_none_or(|next| next == index), "P2: {place:?}, not {expected:?}");
                let slot = &ledger.slots[number];
                let (begun, returned) = (slot.begun.load(SeqCst), slot.returned.load(SeqCst));
                ensure!(self, begun < first_returned, "P2: {place:?} is behind one that was in front of");
                if returned != 0 {
                    first_returned = first_returned.min(returned);
                }
                slot.removed.fetch_add(1, SeqCst);
            } else {
                let before = last_back.replace(place.code());
                if let Place::Back { lane, number, joined } = place {
                    let expected = next[lane].replace(number + 1);
                    ensure!(
                        self,
                        expected.is_none_or(|next| next == number),
                        "P9: {place:?}, not {expected:?}"
                    );
                    let follows = before.is_none_or(|before| before == place.code() - 1);
                    ensure!(self, !joined || follows, "P2: {before:x?} came between {place:?} and its batch");
                    ledger.lanes[lane].removed_to.fetch_max(number + 1, SeqCst);
                    ledger.lanes[lane].removed.fetch_add(1, SeqCst);
                }
            }
            let load = item.meet(fate);
            self.outstanding[load.owner].fetch_sub(1, SeqCst);
        }
    }

    fn remove(&self, pool: &PoolHandle<Clerk>, key: usize) {
        let _until_recorded = self.removing.read().unwrap();
        let ledger = &self.ledgers[key];
        let others = ledger.removals_ended.load(SeqCst);
        let begun = ledger.removals_begun.fetch_add(1, SeqCst);
        let (before, has_handed_back) = (ledger.submitted(), self.has_handed_back.load(SeqCst));
        let removed = pool.remove(&key);
        ensure!(self, removed.is_empty() || !has_handed_back, "P8: what was handed back is removed as well");
        // If not even this holds yet, all that was queued was still there.
        let hands_back = self.hands_back.load(SeqCst);
        self.take_out(key, removed, &self.counts.removed);
        let here =
            ledger.lanes.iter().zip(before).map(|(lane, before)| before.saturating_sub(lane.left())).sum();
        let alone = begun == others && ledger.removals_begun.load(SeqCst) == begun + 1;
        let has_all = alone && !hands_back;
        // One may have been picked, and is about to tell.
        ensure!(self, !has_all || matches!(here, 0..=1_u64), "P9: {here} of key {key} do not come back");
        ledger.removals_ended.fetch_add(1, SeqCst);
    }

    /// What had been removed before this is called is recorded when it returns.
    fn await_records(&self) {
        drop(self.removing.write().unwrap());
    }

    /// All is quiet: nothing is under way, and each item has met its fate.
    fn audit(&self) {
        let Counts { accepted, ran, removed, handed_back, lost, .. } = &self.counts;
        let met = [ran, removed, handed_back].map(|count| count.load(SeqCst));
        let accepted = accepted.load(SeqCst);
        ensure!(self, accepted == met.iter().sum(), "P1: {accepted} accepted, {met:?} have run or come back");
        let lost = lost.load(SeqCst);
        ensure!(self, lost == 0, "P1: {lost} lost");
        let (outstanding, inside) = (&self.outstanding, self.inside.load(SeqCst));
        ensure!(self, outstanding.iter().all(|of| of.load(SeqCst) == 0), "P7: {outstanding:?} under way");
        ensure!(self, inside == 0, "P7: {inside} handlers run");
        for (key, Ledger { running, lanes, slots, .. }) in self.ledgers.iter().enumerate() {
            ensure!(self, running.load(SeqCst) == 0, "P7: key {key} is not let go of");
            ensure!(self, !slots.iter().any(Slot::waits), "P7: something waits in front of {key}");
            for (lane, Lane { submitted, ran, removed, .. }) in lanes.iter().enumerate() {
                let [submitted, ran, removed] = [submitted, ran, removed].map(|count| count.load(SeqCst));
                ensure!(
                    self,
                    submitted == ran + removed,
                    "P1: {submitted}, {ran}, {removed} of {lane} of {key}"
                );
            }
        }
    }
}

/// A key that is held, for the item that has it.
struct Held {
    guard: KeyGuard<usize, Item>,
    code: u64,
    load: Load,
}

/// The handler.
struct Clerk {
    office: &'static Office,
    disk: Sender<Held>,
}

impl Handler for Clerk {
    type Key = usize;
    type Item = Item;

    fn handle(&self, lease: Lease<'_, usize, Item>, item: Item) {
        let (office, key, pool) = (self.office, *lease, lease.pool::<Self>());
        office.begin(key, &item);
        let code = item.place.code();
        let mut load = item.meet(&office.counts.ran);
        let (owner, mut panics) = (load.owner, false);
        match load.dice.roll(1_000) {
            0..30 if key != LAST_KEY => {
                let guard = lease.hold();
                office.counts.held.fetch_add(1, Relaxed);
                self.disk.send(Held { guard, code, load }).expect("it outlives this");
                office.leave();
                return;
            }
            30..80 => _ = office.behind(&pool, key, INNER, vec![load]),
            80..120 if !office.ledgers[key].slots[INNER].waits() => {
                office.in_front(key, INNER, vec![load], |items| office.call(&pool, key, items, true));
            }
            120..160 => {
                let other = load.dice.roll(KEYS as u64) as usize;
                let after = office.ledgers[other].submitted();
                let call = |items| office.call(&pool, other, items, false);
                office.submit(after, vec![load], |_| Place::Free, call);
            }
            160 => office.remove(&pool, office.zipf.rank(load.dice.next())),
            161 => {
                let refused = [pool.drain().err(), pool.drain_key(&key).err(), pool.pause().err()];
                let all = refused == [Some(ControlError::FromCallback); 3];
                ensure!(office, all, "a handler waits for handlers: {refused:?}");
            }
            162 => panics = true,
            _ => {}
        }
        office.end(key, code, owner);
        office.leave();
        if panics {
            office.counts.panics.fetch_add(1, Relaxed);
            // Without the message that `panic` prints.
            resume_unwind(Box::new("as planned"));
        }
    }
}

impl Office {
    /// A handler is about to return.
    fn leave(&self) {
        ensure!(self, self.paused.load(SeqCst) == 0, "P6: an item still runs while the pool is paused");
        self.inside.fetch_sub(1, SeqCst);
    }

    /// Lets go of keys some time after their handlers have returned, in no order.
    fn be_the_disk(&'static self, written: &Receiver<Held>) {
        let (mut held, mut dice): (Vec<Held>, _) = (Vec::with_capacity(HELD), Dice::new(PRODUCERS as u64));
        loop {
            match written.try_recv() {
                Ok(another) => held.push(another),
                // Nobody waits for more than this thread: it waits only if it has nothing.
                Err(TryRecvError::Empty) if held.is_empty() => match written.recv() {
                    Ok(another) => held.push(another),
                    Err(_) => break,
                },
                Err(_) if held.is_empty() => break,
                Err(_) => self.let_go(held.swap_remove(dice.roll(held.len() as u64) as usize), &mut dice),
            }
            if held.len() == HELD {
                self.let_go(held.swap_remove(dice.roll(HELD as u64) as usize), &mut dice);
            }
        }
    }

    fn let_go(&'static self, held: Held, dice: &mut Dice) {
        let Held { guard, code, load } = held;
        let (key, owner) = (*guard.key(), load.owner);
        if dice.roll(3) == 0 && !self.ledgers[key].slots[INNER].waits() {
            let put_back = |mut items: Vec<Item>| {
                guard.put_back(items.remove(0)).map_err(|error| vec![error.into_parts().1])
            };
            let accepted = self.in_front(key, INNER, vec![load], put_back);
            self.counts.put_back.fetch_add(u64::from(accepted), Relaxed);
        }
        self.end(key, code, owner);
        drop(guard);
    }
}

/// A fixed sequence that looks random (Marsaglia's xorshift64).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15 ^ (seed + 1) << 32)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }
}

/// What a call returns when the pool has been shut down: the producer is done.
struct Stopped;

struct Producer {
    office: &'static Office,
    pool: PoolHandle<Clerk>,
    number: usize,
    dice: Dice,
    end: End,
}

impl Producer {
    fn load(&mut self, permit: Permit) -> Load {
        Load { owner: self.number, dice: Dice(self.dice.next() | 1), _permit: permit }
    }

    /// As many as were asked for, with their permits.
    fn loads(&mut self, count: u64) -> Result<Vec<Load>, Stopped> {
        (0..count)
            .map(|_| {
                let permit = self.office.throttle.acquire(1).map_err(|_| Stopped)?;
                Ok(self.load(permit))
            })
            .collect()
    }

    fn key(&mut self) -> usize {
        self.office.zipf.rank(self.dice.next())
    }

    /// All items, in rounds: after each nothing is under way, and everything is counted. The last is left as it is.
    fn run(mut self, items: u64) {
        let rounds = items.div_ceil(ROUND).max(1);
        for _ in 1..rounds {
            if self.produce(ROUND, false).is_err() {
                self.office.violated("a pool stops that nobody has shut down".to_owned());
            }
            self.office.all.wait();
            if self.number == 0 {
                ensure!(self.office, self.pool.drain().is_ok(), "nobody has shut it down");
                self.office.audit();
                let _ = self.office.tell.send(Told::Round);
            }
            self.office.all.wait();
        }
        let last = items - (rounds - 1) * ROUND;
        let _ = self.produce(last / 2, true).and_then(|()| {
            self.shut_down()?;
            self.produce(last / 2, true)
        });
    }

    fn produce(&mut self, items: u64, is_last: bool) -> Result<(), Stopped> {
        let mut produced = 0;
        while produced < items {
            let (key, count) = (self.key(), [1, 1, 1, 1, 1, 2, 5, 0][self.dice.roll(8) as usize]);
            produced += count;
            self.submit(key, count)?;
            match self.dice.roll(5_000) {
                // A pool that is shut down while paused hands back, and that is for the last round's end to say.
                0 if !is_last => self.pause(),
                1 => self.drain()?,
                2 | 3 => self.drain_key(key)?,
                4..8 => self.office.remove(&self.pool, key),
                _ => {}
            }
        }
        Ok(())
    }

    fn submit(&mut self, key: usize, count: u64) -> Result<(), Stopped> {
        let (office, number, loads) = (self.office, self.number, self.loads(count)?);
        let in_front = self.dice.roll(8) == 0 && count > 0 && !office.ledgers[key].slots[number].waits();
        let accepted = if in_front {
            office.in_front(key, number, loads, |items| office.call(&self.pool, key, items, true))
        } else {
            office.behind(&self.pool, key, number, loads)
        };
        if accepted { Ok(()) } else { Err(Stopped) }
    }

    fn pause(&mut self) {
        let office = self.office;
        let pause = || match self.pool.pause() {
            Ok(guard) => {
                office.paused.fetch_add(1, SeqCst);
                guard
            }
            Err(error) => office.violated(format!("a pause is refused: {error}")),
        };
        let quiet = || {
            thread::yield_now();
            ensure!(office, office.inside.load(SeqCst) == 0, "P6: a handler runs while the pool is paused");
        };
        let mut guards = vec![pause()];
        office.counts.pauses.fetch_add(1, Relaxed);
        quiet();
        let (nested, other) = (self.dice.roll(2) == 0, self.dice.roll(2) as usize);
        if nested {
            guards.push(pause());
            office.counts.nested.fetch_add(1, Relaxed);
        }
        // To wait for room would be to wait for the end of the pause.
        while let (Ok(permit), true) = (office.throttle.try_acquire(1), self.dice.roll(10) > 0) {
            let (key, load) = (self.key(), self.load(permit));
            ensure!(office, office.behind(&self.pool, key, self.number, vec![load]), "a pause refuses");
        }
        if nested {
            office.paused.fetch_sub(1, SeqCst);
            drop(guards.swap_remove(other));
        }
        quiet();
        office.paused.fetch_sub(1, SeqCst);
    }

    fn drain(&self) -> Result<(), Stopped> {
        self.pool.drain().map_err(|_| Stopped)?;
        self.office.await_records();
        let left = self.office.outstanding[self.number].load(SeqCst);
        ensure!(self.office, left == 0, "P7: {left} are under way, and were before the drain");
        self.office.counts.drains.fetch_add(1, Relaxed);
        Ok(())
    }

    fn drain_key(&self, key: usize) -> Result<(), Stopped> {
        let (office, ledger) = (self.office, &self.office.ledgers[key]);
        let before = ledger.submitted();
        self.pool.drain_key(&key).map_err(|_| Stopped)?;
        office.await_records();
        let running = ledger.running.load(SeqCst);
        for (lane, (of, &before)) in ledger.lanes.iter().zip(&before).enumerate() {
            ensure!(office, of.left() >= before, "P7: {lane} of key {key} had {before}");
            let since = Place::Back { lane, number: before, joined: false }.code();
            let is_old = running >> 56 == since >> 56 && running < since;
            ensure!(office, !is_old, "P7: {running:x} of key {key} still runs, before {since:x}");
        }
        ensure!(office, !ledger.slots[self.number].waits(), "P7: what was in front of key {key} has not run");
        office.counts.key_drains.fetch_add(1, Relaxed);
        Ok(())
    }

    /// In the midst of it, if that is how it ends.
    fn shut_down(&mut self) -> Result<(), Stopped> {
        if self.number != 0 || self.end == End::Join {
            return Ok(());
        }
        let (office, pool) = (self.office, self.pool.clone());
        let mut paused = None;
        if self.end == End::Paused {
            let Ok(guard) = pool.pause() else { office.violated("a pause is refused".to_owned()) };
            office.paused.fetch_add(1, SeqCst);
            paused = Some(guard);
        }
        if self.end != End::RunRemaining {
            // Something to hand back. With a limit, nothing that waits for its end could come in.
            office.throttle.set_limits(Limits::NONE);
            self.submit(LAST_KEY, 1)?;
            for count in [1, 2, 5].into_iter().cycle().take(500) {
                let key = self.key();
                self.submit(key, count)?;
            }
        }
        let hands_back = self.end != End::RunRemaining;
        office.hands_back.store(hands_back, SeqCst);
        pool.shutdown(if self.end == End::HandBack { Stop::HandBack } else { Stop::RunRemaining });
        office.has_handed_back.store(hands_back, SeqCst);
        // Those that most of it waited for.
        (0..10).for_each(|key| office.remove(&pool, key));
        // Those who wait for room are waiting for what comes back when they have ended.
        office.throttle.close();
        drop(paused);
        Ok(())
    }
}

/// The workers help so many other shards; those that do also poll before they sleep.
fn session(items: u64, end: End, helped: usize) -> &'static Counts {
    let (tell, told) = channel();
    let limits = Limits { count: Some(LIMIT), bytes: None };
    let office: &'static Office = Box::leak(Box::new(Office {
        ledgers: (0..=KEYS).map(|_| Ledger::default()).collect(),
        counts: Counts::default(),
        outstanding: Default::default(),
        inside: AtomicU64::new(0),
        paused: AtomicU64::new(0),
        hands_back: AtomicBool::new(false),
        has_handed_back: AtomicBool::new(false),
        removing: RwLock::default(),
        throttle: Throttle::new(limits),
        zipf: Zipf::new(KEYS, 0.99),
        all: Barrier::new(PRODUCERS),
        tell,
    }));
    let (disk, written) = channel();
    let builder = ShardedThreadPool::builder(Clerk { office, disk }).shards(2).threads_per_shard(2);
    let pool = builder.help(helped).spin(50 * helped as u32).start().unwrap();
    let handle = pool.handle();
    let disk = move || {
        office.be_the_disk(&written);
        let _ = office.tell.send(Told::DiskEnded);
    };
    thread::spawn(disk);
    for number in 0..PRODUCERS {
        let producer = Producer { office, pool: pool.handle(), number, dice: Dice::new(number as u64), end };
        thread::spawn(move || {
            producer.run(items / PRODUCERS as u64);
            let _ = office.tell.send(Told::ProducerEnded);
        });
    }

    // A thread that fails leaves others waiting, for ever: they are not waited for.
    let ((end_it, may_end), (ended, has_ended)) = (channel(), channel());
    thread::spawn(move || match may_end.recv() {
        Ok(()) => ended.send(pool.join().unwrap()).unwrap(),
        Err(_) => std::mem::forget(pool),
    });
    let next = || match hear(&told) {
        Told::Violation(what) => panic!("{what}"),
        next => next,
    };
    let mut producing = PRODUCERS;
    while producing > 0 {
        producing -= usize::from(matches!(next(), Told::ProducerEnded));
    }
    end_it.send(()).unwrap();
    let report = hear(&has_ended);
    // The handler has gone with the workers; so nothing is held any more when this has ended.
    while !matches!(next(), Told::DiskEnded) {}
    let elsewhere = Throttle::new(Limits::NONE);
    for count in [1, 3] {
        let loads = || {
            let load = |_| Load { owner: 0, dice: Dice(1), _permit: elsewhere.try_acquire(1).unwrap() };
            (0..count).map(load).collect()
        };
        assert!(!office.behind(&handle, LAST_KEY, 0, loads()), "P8: it takes no more");
        let in_front =
            office.in_front(LAST_KEY, 0, loads(), |items| office.call(&handle, LAST_KEY, items, true));
        assert!(!in_front, "P8: it takes no more");
    }

    let mut by_key: HashMap<usize, Vec<Item>> = HashMap::new();
    report.leftovers.into_iter().for_each(|(key, item)| by_key.entry(key).or_default().push(item));
    match end {
        End::Join | End::RunRemaining => assert!(by_key.is_empty(), "P8"),
        End::HandBack => {}
        // Nothing could run, and nobody else knows this key.
        End::Paused => assert_eq!(by_key[&LAST_KEY].len(), 1, "P8"),
    }
    for (key, items) in by_key {
        office.take_out(key, items, &office.counts.handed_back);
    }
    office.audit();
    assert_eq!(report.panics as u64, office.counts.panics.load(SeqCst));
    let out = office.throttle.snapshot();
    assert_eq!((out.count, out.bytes, out.waiting), (0, 0, 0), "D8");
    &office.counts
}

#[test]
fn every_item_has_one_fate_in_its_order_whatever_goes_on() {
    let items: u64 = std::env::var("KEYLANE_SOAK").map_or(2_000_000, |text| text.parse().unwrap());
    let ends = [End::Join, End::RunRemaining, End::HandBack, End::Paused];
    let sessions = ends.iter().flat_map(|&end| [(end, 0), (end, 1)]);
    let counts: Vec<_> = sessions.map(|(end, helped)| session(items / 8, end, helped)).collect();
    let sum =
        |of: fn(&Counts) -> &AtomicU64| counts.iter().map(|counts| of(counts).load(SeqCst)).sum::<u64>();
    let [ran, removed, handed_back] = [sum(|of| &of.ran), sum(|of| &of.removed), sum(|of| &of.handed_back)];
    let [fronts, held, put_back] = [sum(|of| &of.fronts), sum(|of| &of.held), sum(|of| &of.put_back)];
    let [pauses, nested, panics] = [sum(|of| &of.pauses), sum(|of| &of.nested), sum(|of| &of.panics)];
    let [drains, key_drains] = [sum(|of| &of.drains), sum(|of| &of.key_drains)];
    println!(
        "{ran} run, {removed} removed, {handed_back} handed back; {fronts} of them from the front, {held} held, \
         {put_back} put back, {panics} panicked; {pauses} pauses, {nested} in others, {drains} drains, {key_drains} of a key"
    );
    let happened =
        [ran, removed, handed_back, fronts, held, put_back, panics, pauses, nested, drains, key_drains];
    assert!(happened.iter().all(|&count| count > 0), "all of it has happened");
}
