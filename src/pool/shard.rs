//! One shard: an inbox that any thread submits to, and a policy under a baton that its workers hand around.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

use crate::error::SubmitError;
use crate::inside::Generation;
use crate::lane::{Baton, Bell, Charge, Hold, Inbox, Origin, Pushed};
use crate::policy::Keyed;
use crate::stop::Stop;
use crate::sync::{Arc, mark};

/// What is submitted at once.
pub(super) struct Work<K, I> {
    pub(super) key: K,
    pub(super) items: Items<I>,
    pub(super) end: End,
    /// The generation of the item whose handler submitted this, if one did.
    pub(super) parent: Option<Generation>,
}

/// One, or some that keep their order.
pub(super) enum Items<I> {
    One(I),
    Batch(Vec<I>),
}

/// Where among the items of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Front,
    Back,
}

/// An item that waits.
struct Waiting<I> {
    item: I,
    tag: Tag,
}

/// What is known of an item besides.
#[derive(Clone, Copy, Debug)]
struct Tag {
    generation: Generation,
    /// In the order in which the shard took it in.
    number: u64,
}

/// What a picked item leaves behind until its key goes on.
#[derive(Clone, Debug)]
pub(super) struct Running<K> {
    pub(super) key: K,
    pub(super) generation: Generation,
    number: u64,
}

pub(super) type Mail<K, I> = Inbox<Work<K, I>>;
pub(super) type ShardHold<'a, K, I> = Hold<'a, Core<K, I>>;

/// See the module's documentation.
pub(super) struct Shard<K: Clone + Eq + Hash, I> {
    pub(super) inbox: Arc<Mail<K, I>>,
    pub(super) baton: Baton<Core<K, I>>,
}

/// The part of a shard that is under the baton: sequential code.
pub(super) struct Core<K, I> {
    inbox: Arc<Mail<K, I>>,
    batch: Vec<Work<K, I>>,
    policy: Keyed<K, Waiting<I>>,
    /// How many items have been taken in.
    taken_in: u64,
    /// Handlers that run now.
    running: usize,
    /// Pauses that are in force.
    pauses: usize,
    stop: Option<Stop>,
    /// What will not run any more, since the shard was stopped: each key's items in order.
    handed_back: Vec<(K, I)>,
    /// The oldest generation among them.
    stranded: Option<Generation>,
    /// Their keys.
    stranded_keys: HashSet<K>,
    /// What arrives from outside now belongs to this generation.
    generation: Generation,
    /// How many items of each generation wait or run.
    alive: BTreeMap<Generation, usize>,
    /// By number, what each drain of a key still waits for.
    key_drains: BTreeMap<DrainNumber, KeyDrain<K>>,
    next_key_drain: DrainNumber,
    waiting: Vec<(Until, Arc<Bell>)>,
}

type DrainNumber = u64;

/// A drain of one key.
struct KeyDrain<K> {
    key: K,
    /// It waits for items with smaller numbers.
    before: u64,
    /// How many of these wait, or have the key.
    left: usize,
    /// Whether one of these will never run.
    stranded: bool,
}

impl<K: Eq> KeyDrain<K> {
    fn waits_for(&self, key: &K, number: u64) -> bool {
        self.key == *key && number < self.before
    }
}

/// What a controlling thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// No handler runs. (Only sensible while paused: then it stays so.)
    Quiet,
    /// Nothing of this generation or an earlier one waits or runs, or some of it never will run.
    Drained(Generation),
    /// The same of one key.
    KeyDrained(DrainNumber),
}

impl<K: Clone + Eq + Hash, I> Shard<K, I> {
    pub(super) fn new(workers: usize) -> Self {
        let inbox = Arc::new(Inbox::default());
        let core = Core {
            inbox: Arc::clone(&inbox),
            batch: Vec::new(),
            policy: Keyed::new(),
            taken_in: 0,
            running: 0,
            pauses: 0,
            stop: None,
            handed_back: Vec::new(),
            stranded: None,
            stranded_keys: HashSet::new(),
            generation: 0,
            alive: BTreeMap::new(),
            key_drains: BTreeMap::new(),
            next_key_drain: 0,
            waiting: Vec::new(),
        };
        Self { inbox, baton: Baton::new(core, workers) }
    }

    /// Queues work; wakes a worker if one sleeps that could run it.
    pub(super) fn submit(&self, work: Work<K, I>) -> Result<(), Work<K, I>> {
        match self.inbox.push(work, Origin::Outside)? {
            Pushed::OntoSleeper => self.baton.nudge(),
            Pushed::Quietly => {}
        }
        Ok(())
    }

    /// Sleeps until `until` holds of this shard.
    pub(super) fn wait(&self, until: Until, bell: &Arc<Bell>) {
        let mut core = self.baton.take_up();
        if core.holds(until) {
            return;
        }
        core.waiting.push((until, Arc::clone(bell)));
        drop(core);
        mark("control waited");
        bell.wait();
    }
}

impl<K: Clone + Eq + Hash, I> Core<K, I> {
    /// The next item, if one may start now.
    pub(super) fn pick(&mut self) -> Option<(I, Running<K>)> {
        if !self.may_start() {
            return None;
        }
        let (key, Waiting { item, tag: Tag { generation, number } }) = self.policy.pick()?;
        self.running += 1;
        Some((item, Running { key, generation, number }))
    }

    /// The handler that ran the item has come to its end, however it did.
    pub(super) fn finish(&mut self, running: &Running<K>) {
        self.running -= 1;
        if self.policy.finish(running.key.clone()) {
            self.bury(&running.key, running.generation, running.number);
        }
        self.tell();
    }

    /// Keeps the key, whose item runs, beyond the item's end.
    pub(super) fn hold(&mut self, key: &K) {
        self.policy.hold(key);
    }

    /// Takes that back.
    pub(super) fn release(&mut self, running: &Running<K>) {
        if self.policy.release(running.key.clone()) {
            self.bury(&running.key, running.generation, running.number);
        }
        self.tell();
    }

    /// Takes what waits of `key`, in its order.
    pub(super) fn remove(&mut self, key: &K) -> Vec<I> {
        self.take_in(false);
        let removed = self.policy.remove(key);
        let removed = removed.into_iter().map(|Waiting { item, tag }| {
            self.bury(key, tag.generation, tag.number);
            item
        });
        let removed = removed.collect();
        self.tell();
        removed
    }

    /// Begins to count what a drain of `key` has to wait for.
    pub(super) fn begin_key_drain(&mut self, key: &K) -> DrainNumber {
        self.take_in(false);
        let number = self.next_key_drain;
        self.next_key_drain += 1;
        let left = self.policy.waiting(key) + usize::from(self.policy.is_busy(key));
        let stranded = self.stranded_keys.contains(key);
        let drain = KeyDrain { key: key.clone(), before: self.taken_in, left, stranded };
        self.key_drains.insert(number, drain);
        number
    }

    /// Ends it. Whether nothing of what it waited for was handed back, before or meanwhile.
    pub(super) fn end_key_drain(&mut self, number: DrainNumber) -> bool {
        !self.key_drains.remove(&number).expect("a drain ends once").stranded
    }

    /// Whether nothing will ever start here again. (Items that wait behind a running key still will.)
    pub(super) fn is_over(&self) -> bool {
        self.stop.is_some() && self.policy.is_empty()
    }

    /// Whether items may start at all.
    fn may_start(&self) -> bool {
        self.pauses == 0
    }

    /// Begins a pause. False if the shard has been stopped.
    pub(super) fn pause(&mut self) -> bool {
        if self.stop.is_some() {
            return false;
        }
        self.pauses += 1;
        true
    }

    /// Ends a pause. If it was the last, laying down the baton wakes whom there is work for.
    pub(super) fn resume(&mut self) {
        self.pauses -= 1;
    }

    /// Stops the shard, whose inbox has been closed, whatever else is going on. A paused one hands back:
    /// nothing may run there.
    pub(super) fn shut_down(&mut self, stop: Stop) {
        self.stop = Some(stop);
        self.take_in(false);
        if stop == Stop::HandBack || self.pauses > 0 {
            for (key, Waiting { item, tag: Tag { generation, number } }) in self.policy.take_all() {
                for drain in self.key_drains.values_mut() {
                    drain.stranded |= drain.waits_for(&key, number);
                }
                self.bury(&key, generation, number);
                self.stranded = Some(self.stranded.map_or(generation, |oldest| oldest.min(generation)));
                self.stranded_keys.insert(key.clone());
                self.handed_back.push((key, item));
            }
        }
        self.tell();
    }

    /// Takes in what has arrived, as the generation that ends here: later arrivals belong to a later one.
    pub(super) fn end_generation(&mut self, generation: Generation) {
        self.take_in(false);
        self.generation = self.generation.max(generation + 1);
    }

    /// Whether nothing of the generation, or an earlier one, waits or runs.
    pub(super) fn is_drained(&self, generation: Generation) -> bool {
        self.alive.first_key_value().is_none_or(|(&oldest, _)| oldest > generation)
    }

    /// Whether something of the generation, or an earlier one, will never run.
    pub(super) fn is_stranded(&self, generation: Generation) -> bool {
        self.stranded.is_some_and(|oldest| oldest <= generation)
    }

    /// Everything that will not run any more, each key's items in order.
    pub(super) fn leftovers(&mut self) -> Vec<(K, I)> {
        std::mem::take(&mut self.handed_back)
    }

    fn holds(&self, until: Until) -> bool {
        match until {
            Until::Quiet => self.running == 0,
            Until::Drained(generation) => self.is_drained(generation) || self.is_stranded(generation),
            Until::KeyDrained(number) => {
                let drain = self.key_drains.get(&number).expect("it has begun, and has not ended");
                drain.left == 0 || drain.stranded
            }
        }
    }

    /// Rings for everyone whose wait is over.
    fn tell(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let (over, waiting) = waiting.into_iter().partition(|&(until, _)| self.holds(until));
        self.waiting = waiting;
        let over: Vec<(Until, Arc<Bell>)> = over;
        for (_, bell) in over {
            bell.ring();
        }
    }

    /// One item of the key and generation, with that number, is no longer alive.
    fn bury(&mut self, key: &K, generation: Generation, number: u64) {
        for drain in self.key_drains.values_mut() {
            drain.left -= usize::from(drain.waits_for(key, number));
        }
        let alive = self.alive.get_mut(&generation).expect("a generation with an item is alive");
        *alive -= 1;
        if *alive == 0 {
            self.alive.remove(&generation);
        }
    }
}

impl<K: Clone + Eq + Hash, I> Charge for Core<K, I> {
    fn runnable(&self) -> usize {
        if self.may_start() { self.policy.ready() } else { 0 }
    }

    fn take_in(&mut self, lie_down: bool) -> bool {
        // While nothing may start there is nothing to be woken for: whoever ends the pause lays down the baton.
        let lie_down = lie_down && self.may_start();
        // Whether the workers lie down is the baton's to say: the inbox's consumer is whoever holds it.
        let _ = self.inbox.take(&mut self.batch, lie_down);
        let arrived = !self.batch.is_empty();
        let mut batch = std::mem::take(&mut self.batch);
        for Work { key, items, end, parent } in batch.drain(..) {
            let generation = parent.unwrap_or(self.generation);
            match (items, end) {
                (Items::One(item), _) => self.admit(key, item, end, generation),
                (Items::Batch(items), End::Back) => {
                    items.into_iter().for_each(|item| self.admit(key.clone(), item, end, generation));
                }
                // The last goes first, so that the first is in front of it.
                (Items::Batch(items), End::Front) => {
                    items.into_iter().rev().for_each(|item| self.admit(key.clone(), item, end, generation));
                }
            }
        }
        self.batch = batch;
        arrived
    }
}

impl<K: Clone + Eq + Hash, I> Core<K, I> {
    fn admit(&mut self, key: K, item: I, end: End, generation: Generation) {
        let number = self.taken_in;
        self.taken_in += 1;
        *self.alive.entry(generation).or_insert(0) += 1;
        let waiting = Waiting { item, tag: Tag { generation, number } };
        match end {
            End::Front => self.policy.push_front(key, waiting),
            End::Back => self.policy.push(key, waiting),
        }
    }
}

impl<K, I> Work<K, I> {
    /// What comes back of one item that was refused.
    pub(super) fn refused(self) -> SubmitError<K, I> {
        match self.items {
            Items::One(item) => SubmitError::new(self.key, item),
            Items::Batch(_) => unreachable!("it was one"),
        }
    }

    /// What comes back of a batch that was refused.
    pub(super) fn batch_refused(self) -> SubmitError<K, Vec<I>> {
        match self.items {
            Items::One(_) => unreachable!("it was a batch"),
            Items::Batch(items) => SubmitError::new(self.key, items),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_used_again() {
        let shard = Shard::new(1);
        for item in 0..3 {
            let work = Work { key: (), items: Items::One(item), end: End::Back, parent: None };
            assert!(shard.submit(work).is_ok());
        }
        let mut core = shard.baton.take_up();
        assert!(core.take_in(false));
        assert!(core.batch.is_empty() && core.batch.capacity() >= 3);
    }
}
