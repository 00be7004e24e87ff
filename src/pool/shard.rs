//! One shard: an inbox that any thread submits to, and a policy under a baton that its workers hand around.

use std::collections::BTreeMap;
use std::hash::Hash;

use crate::inside::Generation;
use crate::lane::{Baton, Bell, Charge, Hold, Inbox, Origin, Pushed};
use crate::policy::Keyed;
use crate::stop::Stop;
use crate::sync::{Arc, mark};

/// An item on its way.
pub(super) struct Work<I> {
    pub(super) item: I,
    /// The generation of the item whose handler submitted this one, if one did.
    pub(super) parent: Option<Generation>,
}

/// What a picked item leaves behind until it is finished.
#[derive(Debug)]
pub(super) struct Running<K> {
    pub(super) key: K,
    pub(super) generation: Generation,
}

pub(super) type Mail<K, I> = Inbox<(K, Work<I>)>;
pub(super) type ShardHold<'a, K, I> = Hold<'a, Core<K, I>>;

/// See the module's documentation.
pub(super) struct Shard<K: Clone + Eq + Hash, I> {
    pub(super) inbox: Arc<Mail<K, I>>,
    pub(super) baton: Baton<Core<K, I>>,
}

/// The part of a shard that is under the baton: sequential code.
pub(super) struct Core<K, I> {
    inbox: Arc<Mail<K, I>>,
    batch: Vec<(K, Work<I>)>,
    policy: Keyed<K, (I, Generation)>,
    /// Handlers that run now.
    running: usize,
    /// Pauses that are in force.
    pauses: usize,
    stop: Option<Stop>,
    /// What will not run any more, since the shard was stopped: each key's items in order.
    handed_back: Vec<(K, I)>,
    /// The oldest generation among them.
    stranded: Option<Generation>,
    /// What arrives from outside now belongs to this generation.
    generation: Generation,
    /// How many items of each generation wait or run.
    alive: BTreeMap<Generation, usize>,
    waiting: Vec<(Until, Arc<Bell>)>,
}

/// What a controlling thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// No handler runs. (Only sensible while paused: then it stays so.)
    Quiet,
    /// Nothing of this generation or an earlier one waits or runs, or some of it never will run.
    Drained(Generation),
}

impl<K: Clone + Eq + Hash, I> Shard<K, I> {
    pub(super) fn new(workers: usize) -> Self {
        let inbox = Arc::new(Inbox::default());
        let core = Core {
            inbox: Arc::clone(&inbox),
            batch: Vec::new(),
            policy: Keyed::new(),
            running: 0,
            pauses: 0,
            stop: None,
            handed_back: Vec::new(),
            stranded: None,
            generation: 0,
            alive: BTreeMap::new(),
            waiting: Vec::new(),
        };
        Self { inbox, baton: Baton::new(core, workers) }
    }

    /// Queues an item; wakes a worker if one sleeps that could run it.
    pub(super) fn submit(&self, key: K, work: Work<I>) -> Result<(), (K, Work<I>)> {
        match self.inbox.push((key, work), Origin::Outside)? {
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
        let (key, (item, generation)) = self.policy.pick()?;
        self.running += 1;
        Some((item, Running { key, generation }))
    }

    /// The item behind `running` has come to its end, however it did.
    pub(super) fn finish(&mut self, running: Running<K>) {
        self.policy.finish(running.key);
        self.running -= 1;
        self.bury(running.generation);
        self.tell();
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
            for (key, (item, generation)) in self.policy.take_all() {
                self.bury(generation);
                self.stranded = Some(self.stranded.map_or(generation, |oldest| oldest.min(generation)));
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

    /// One item of the generation is no longer alive.
    fn bury(&mut self, generation: Generation) {
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
        for (key, Work { item, parent }) in self.batch.drain(..) {
            let generation = parent.unwrap_or(self.generation);
            *self.alive.entry(generation).or_insert(0) += 1;
            self.policy.push(key, (item, generation));
        }
        arrived
    }
}
