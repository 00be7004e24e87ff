//! One shard: an inbox that any thread submits to, and a policy under a baton that its workers hand around.

mod claims;

use core::time::Duration;
use std::collections::HashMap;
use std::hash::Hash;

use crate::clock::{Clock, Moment};
use crate::inside::Generation;
use crate::lane::{Baton, Bell, Charge, Hold, Inbox, Origin, Pushed};
use crate::policy::{Class, End, Keyed, Overtakes, Place, Queued, Scheduler, Turn, Why};
use crate::pool::commits::Commits;
use crate::pool::histograms::Wanted;
use crate::pool::later::Later;
use crate::pool::lives::{DrainNumber, Lives, Tag};
use crate::pool::snapshot::{ShardSnapshot, Tally};
use crate::pool::together::{Fate, Together};
use crate::pool::work::{Arrival, Callback, Commit, Items, Labelled, Load, Work};
use crate::stop::{OnItemPanic, Stop};
use crate::sync::{Arc, Deadline, mark, took};
use claims::Kept;

/// What waits of a key.
pub(super) struct Waiting<K, I> {
    stander: Stander<K, I>,
    pub(super) tag: Tag,
}

enum Stander<K, I> {
    Item(Load<I>),
    /// One of the keys of an item that needs several.
    Claim(Arc<Together<K, I>>),
}

/// What a picked item leaves behind until its key goes on.
#[derive(Clone, Debug)]
pub(super) struct Running<K> {
    pub(super) key: K,
    /// Where the policy had it when it started.
    place: Place,
    pub(super) class: Class,
    pub(super) tag: Tag,
    /// When it started, if somebody looked at the clock.
    since: Option<Duration>,
}

/// What a worker is to do next.
pub(super) enum Job<K, I> {
    Item(Load<I>, Running<K>),
    /// The key is that of the last claim.
    Together(Load<I>, Running<K>, Arc<Together<K, I>>),
    Commit(Callback, Tag),
}

/// How a handler came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Returned,
    /// And what then?
    Panicked(OnItemPanic),
}

pub(super) type Mail<K, I> = Inbox<Arrival<K, I>>;
pub(super) type ShardHold<'a, K, I> = Hold<'a, Core<K, I>>;

/// See the module's documentation.
pub(super) struct Shard<K: Clone + Eq + Hash, I> {
    pub(super) inbox: Arc<Mail<K, I>>,
    pub(super) baton: Baton<Core<K, I>>,
}

/// What shards are built with.
pub(super) struct Plan {
    pub(super) workers: usize,
    pub(super) clock: Arc<dyn Clock>,
    /// Whether submits look at the clock, so that it is known how long things take.
    pub(super) stamps: bool,
    pub(super) scheduler: Box<dyn Scheduler>,
    pub(super) passes: Overtakes,
    pub(super) wanted: Wanted,
}

/// The part of a shard that is under the baton: sequential code.
pub(super) struct Core<K, I> {
    inbox: Arc<Mail<K, I>>,
    batch: Vec<Arrival<K, I>>,
    policy: Keyed<K, Waiting<K, I>>,
    later: Later<K, I>,
    /// Keys that are kept for items that need several.
    kept: HashMap<K, Kept<K, I>>,
    /// Of those, what was called off here, and of which other shards are to be told.
    called_off: Vec<Arc<Together<K, I>>>,
    commits: Commits,
    lives: Lives<K>,
    pub(super) tally: Tally,
    clock: Arc<dyn Clock>,
    stamps: bool,
    /// What the clock said when the shard last looked, if the time matters.
    now: Duration,
    /// Workers that there are, and that there are to be: those that are too many retire.
    workers: usize,
    wanted: usize,
    /// Handlers and commits that run now.
    running: usize,
    /// Pauses that are in force.
    pauses: usize,
    stop: Option<Stop>,
    /// Keys whose last item panicked, where that poisons them.
    poisoned: Vec<K>,
    /// What will not run any more, since the shard was stopped: each key's items in order.
    handed_back: Vec<(K, Load<I>)>,
    /// The same of what was to come later.
    never_came: Vec<(K, Load<I>)>,
    commits_back: Vec<Callback>,
    waiting: Vec<(Until, Arc<Bell>)>,
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
    pub(super) fn new(plan: Plan) -> Self {
        let inbox = Arc::new(Inbox::default());
        let core = Core {
            inbox: Arc::clone(&inbox),
            batch: Vec::new(),
            policy: Keyed::new(plan.scheduler, plan.passes),
            later: Later::new(),
            kept: HashMap::new(),
            called_off: Vec::new(),
            commits: Commits::new(),
            lives: Lives::new(),
            tally: Tally::new(plan.wanted),
            clock: plan.clock,
            stamps: plan.stamps,
            now: Duration::ZERO,
            workers: plan.workers,
            wanted: plan.workers,
            running: 0,
            pauses: 0,
            stop: None,
            poisoned: Vec::new(),
            handed_back: Vec::new(),
            never_came: Vec::new(),
            commits_back: Vec::new(),
            waiting: Vec::new(),
        };
        Self { inbox, baton: Baton::new(core) }
    }

    /// Queues work; wakes a worker if one sleeps that could run it.
    #[inline]
    pub(super) fn submit(&self, work: Work<K, I>) -> Result<(), Work<K, I>> {
        self.post(Arrival::Work(work)).map_err(|refused| match refused {
            Arrival::Work(work) => work,
            Arrival::Commit(_) => unreachable!("it was work"),
        })
    }

    /// Queues a commit, in the same way.
    pub(super) fn commit(&self, commit: Commit) -> Result<(), Commit> {
        self.post(Arrival::Commit(commit)).map_err(|refused| match refused {
            Arrival::Commit(commit) => commit,
            Arrival::Work(_) => unreachable!("it was a commit"),
        })
    }

    #[inline]
    fn post(&self, arrival: Arrival<K, I>) -> Result<(), Arrival<K, I>> {
        match self.inbox.push(arrival, Origin::Outside)? {
            Pushed::OntoSleeper => self.baton.nudge(),
            Pushed::Quietly => {}
        }
        Ok(())
    }

    /// Sleeps until `until` holds of this shard.
    pub(super) fn wait(&self, until: Until, bell: &Arc<Bell>) {
        let mut core = self.baton.take_up();
        let holds = core.holds(until);
        took(&*core, "wait", u64::from(holds));
        if holds {
            return;
        }
        core.waiting.push((until, Arc::clone(bell)));
        drop(core);
        mark("control waited");
        bell.wait();
    }
}

impl<K: Clone + Eq + Hash, I> Core<K, I> {
    /// What is next, if something may start now. Commits go first: what they complete is over already.
    #[inline]
    pub(super) fn pick(&mut self) -> Option<Job<K, I>> {
        if !self.may_start() {
            return None;
        }
        if let Some((callback, tag)) = self.commits.pick() {
            self.running += 1;
            took(self, "pick_commit", 0);
            return Some(Job::Commit(callback, tag));
        }
        loop {
            let Turn { key, place, queued } = self.policy.pick(self.now)?;
            let Queued { item: Waiting { stander, tag }, class, arrived, .. } = queued;
            match stander {
                Stander::Item(load) => {
                    return Some(Job::Item(load, self.start(key, place, class, tag, arrived)));
                }
                Stander::Claim(together) => {
                    let kept = Kept { together, tag, arrived };
                    if let Some(job) = self.claim(key, place, kept) {
                        return Some(job);
                    }
                }
            }
        }
    }

    #[inline]
    fn start(&mut self, key: K, place: Place, class: Class, tag: Tag, arrived: Duration) -> Running<K> {
        self.running += 1;
        took(self, "pick", 0);
        let since = self.stamps.then_some(self.now);
        self.tally.unqueue(self.stamps.then_some(arrived));
        self.tally.start(class, since.map(|since| since.saturating_sub(arrived)));
        Running { key, place, class, tag, since }
    }

    /// The handler that ran the item has come to its end.
    #[inline]
    pub(super) fn finish(&mut self, running: &Running<K>, outcome: Outcome) {
        took(self, "finish", 0);
        self.end(running, outcome);
        self.let_go(running, Why::Runs);
    }

    #[inline]
    fn end(&mut self, running: &Running<K>, outcome: Outcome) {
        self.running -= 1;
        let took = running.since.map(|since| self.clock.now().saturating_sub(since));
        self.tally.finish(running.class, took);
        if let Outcome::Panicked(then) = outcome {
            self.tally.panicked += 1;
            if then == OnItemPanic::PoisonKey {
                self.poison(&running.key);
            }
        }
    }

    /// The commit that ran has come to its end.
    pub(super) fn finish_commit(&mut self, tag: Tag) {
        took(self, "finish_commit", 0);
        self.running -= 1;
        self.commits.finish();
        self.tally.commits.ran += 1;
        self.lives.bury_keyless(tag);
        self.tell();
    }

    /// Nobody knows whether the next item of the key, which runs, may run.
    fn poison(&mut self, key: &K) {
        self.policy.hold(key, Why::Poisoned);
        self.poisoned.push(key.clone());
        if self.stop.is_some() {
            self.hand_back_poisoned();
        }
    }

    /// Keeps the key, whose item runs, beyond the item's end.
    pub(super) fn hold(&mut self, key: &K) {
        self.policy.hold(key, Why::Held);
    }

    /// Takes that back.
    pub(super) fn release(&mut self, running: &Running<K>) {
        self.let_go(running, Why::Held);
    }

    #[inline]
    fn let_go(&mut self, running: &Running<K>, why: Why) {
        let left = self.policy.let_go(&running.key, running.place, why);
        // A poisoned key stays busy, but the item is over.
        if !left.has(Why::Runs) && !left.has(Why::Held) {
            self.lives.bury(&running.key, running.tag);
        }
        self.tell();
    }

    /// Lets a poisoned key go on. False if it is not poisoned.
    pub(super) fn heal(&mut self, key: &K) -> bool {
        let Some(place) = self.poisoned.iter().position(|poisoned| poisoned == key) else { return false };
        self.poisoned.swap_remove(place);
        self.policy.let_go(key, Place::ANYWHERE, Why::Poisoned);
        true
    }

    /// The keys that are poisoned.
    pub(super) fn poisoned(&self) -> &[K] {
        &self.poisoned
    }

    /// What waits behind poisoned keys will not run any more.
    fn hand_back_poisoned(&mut self) {
        for key in self.poisoned.clone() {
            for queued in self.policy.remove(&key) {
                self.hand_back(key.clone(), queued);
            }
        }
    }

    /// What was queued will not run.
    fn hand_back(&mut self, key: K, queued: Queued<Waiting<K, I>>) {
        let load = self.withdraw(&key, queued, Fate::HandedBack);
        self.handed_back.extend(load.map(|load| (key, load)));
    }

    /// Something that waited, and is not queued any more, meets its fate.
    fn meet(&mut self, key: &K, class: Class, tag: Tag, fate: Fate) {
        match fate {
            Fate::Removed => {
                self.tally.remove(class);
                self.lives.bury(key, tag);
            }
            Fate::HandedBack => {
                self.tally.hand_back(class);
                self.lives.strand(key, tag);
            }
        }
    }

    /// What was queued will not run: the item, unless it was a claim of one that has been called off before.
    fn withdraw(&mut self, key: &K, queued: Queued<Waiting<K, I>>, fate: Fate) -> Option<Load<I>> {
        let Queued { item: Waiting { stander, tag }, class, arrived, .. } = queued;
        match stander {
            Stander::Item(load) => {
                self.tally.unqueue(self.stamps.then_some(arrived));
                self.meet(key, class, tag, fate);
                Some(load)
            }
            Stander::Claim(together) => {
                let load = together.call_off(fate);
                if load.is_some() {
                    self.called_off.push(Arc::clone(&together));
                }
                let fate = together.fate().expect("called off, by now");
                self.end_claim(key, &Kept { together, tag, arrived }, fate);
                load
            }
        }
    }

    /// What was to come later never will.
    fn withdraw_later(&mut self, key: &K, queued: Queued<Waiting<K, I>>, fate: Fate) -> Load<I> {
        let Queued { item: Waiting { stander, tag }, class, .. } = queued;
        let Stander::Item(load) = stander else { unreachable!("what needs several keys is queued at once") };
        self.meet(key, class, tag, fate);
        load
    }

    /// Takes what waits of `key`, in its order.
    pub(super) fn remove(&mut self, key: &K) -> Vec<Load<I>> {
        took(self, "remove", 0);
        self.take_in(false);
        let mut removed: Vec<Load<I>> = self.call_off_kept(key, Fate::Removed).into_iter().collect();
        for queued in self.policy.remove(key) {
            removed.extend(self.withdraw(key, queued, Fate::Removed));
        }
        for queued in self.later.remove(key) {
            removed.push(self.withdraw_later(key, queued, Fate::Removed));
        }
        self.tell();
        removed
    }

    /// Begins to count what a drain of `key` has to wait for.
    pub(super) fn begin_key_drain(&mut self, key: &K) -> DrainNumber {
        self.take_in(false);
        let reasons = self.policy.reasons(key);
        let has_it = reasons.has(Why::Runs) || reasons.has(Why::Held);
        let waiting = self.policy.waiting(key) + self.later.waiting(key);
        self.lives.begin_key_drain(key, waiting + usize::from(has_it))
    }

    /// Ends it. Whether nothing of what it waited for was handed back, before or meanwhile.
    pub(super) fn end_key_drain(&mut self, number: DrainNumber) -> bool {
        self.lives.end_key_drain(number)
    }

    /// Lets another scheduler choose from here on.
    pub(super) fn set_scheduler(&mut self, scheduler: Box<dyn Scheduler>) {
        self.policy.set_scheduler(scheduler);
        self.look_at_the_clock();
    }

    /// So many workers there are to be. How many have to be added; if some are too many, the others wake and see. `None` if
    /// the shard has been stopped.
    pub(super) fn want(&mut self, workers: usize) -> Option<usize> {
        if self.stop.is_some() {
            return None;
        }
        self.wanted = workers;
        let missing = workers.saturating_sub(self.workers);
        self.workers += missing;
        Some(missing)
    }

    /// A worker that was to be added could not be.
    pub(super) fn miss_one(&mut self) {
        self.workers -= 1;
    }

    /// Whether one worker less is wanted: then the one that asks has to go.
    pub(super) fn retires(&mut self) -> bool {
        let retires = self.workers > self.wanted;
        self.workers -= usize::from(retires);
        retires
    }

    /// How many workers there are.
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// Whether nothing will ever start here again. (Items that wait behind a running key still will.)
    pub(super) fn is_over(&self) -> bool {
        self.stop.is_some() && self.policy.is_empty() && self.commits.len() == 0
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
        took(self, "pause", 0);
        true
    }

    /// Ends a pause. If it was the last, laying down the baton wakes whom there is work for.
    pub(super) fn resume(&mut self) {
        self.pauses -= 1;
        took(self, "resume", 0);
    }

    /// Stops the shard, whose inbox has been closed, whatever else is going on. What is to come later never will. A paused
    /// shard hands back all: nothing may run there.
    pub(super) fn shut_down(&mut self, stop: Stop) {
        took(self, "shut_down", 0);
        self.stop = Some(stop);
        self.take_in(false);
        if stop == Stop::HandBack || self.pauses > 0 {
            self.hand_back_kept();
            for (key, queued) in self.policy.take_all() {
                self.hand_back(key, queued);
            }
            self.hand_back_commits();
        }
        self.hand_back_poisoned();
        for (key, queued) in self.later.take_all() {
            let load = self.withdraw_later(&key, queued, Fate::HandedBack);
            self.never_came.push((key, load));
        }
        self.tell();
    }

    /// Takes in what has arrived, as the generation that ends here: later arrivals belong to a later one.
    pub(super) fn end_generation(&mut self, generation: Generation) {
        took(self, "end_generation", generation.get());
        self.take_in(false);
        self.lives.end_generation(generation);
    }

    /// Whether nothing of the generation, or an earlier one, waits or runs.
    pub(super) fn is_drained(&self, generation: Generation) -> bool {
        self.lives.is_drained(generation)
    }

    /// Whether something of the generation, or an earlier one, will never run.
    pub(super) fn is_stranded(&self, generation: Generation) -> bool {
        self.lives.is_stranded(generation)
    }

    /// Whether the shard has been stopped.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    fn hand_back_commits(&mut self) {
        for (callback, tag) in self.commits.take_all() {
            self.lives.strand_keyless(tag);
            self.commits_back.push(callback);
        }
        self.tally.commits.handed_back = self.commits_back.len() as u64;
    }

    /// Everything that will not run any more: each key's items in order, those last that were to come; and the commits.
    pub(super) fn leftovers(&mut self) -> (Vec<(K, Load<I>)>, Vec<Callback>) {
        let mut items = std::mem::take(&mut self.handed_back);
        items.append(&mut self.never_came);
        (items, std::mem::take(&mut self.commits_back))
    }

    /// What has been counted.
    pub(super) fn snapshot(&mut self) -> ShardSnapshot {
        self.take_in(false);
        let now = self.stamps.then(|| self.clock.now());
        let mut snapshot = self.tally.snapshot(self.later.len(), self.poisoned.len(), now);
        snapshot.workers = self.workers;
        snapshot.commits.waiting = self.commits.len() as u64;
        snapshot.commits.running = u64::from(self.commits.is_running());
        snapshot
    }

    fn holds(&self, until: Until) -> bool {
        match until {
            Until::Quiet => self.running == 0,
            Until::Drained(generation) => self.is_drained(generation) || self.is_stranded(generation),
            Until::KeyDrained(number) => self.lives.is_key_drained(number),
        }
    }

    /// Rings for everyone whose wait is over.
    fn tell(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let (over, waiting) = waiting.into_iter().partition(|&(until, _)| self.holds(until));
        self.waiting = waiting;
        let over: Vec<(Until, Arc<Bell>)> = over;
        for (_, bell) in over {
            bell.ring();
        }
    }
}

impl<K: Clone + Eq + Hash, I> Charge for Core<K, I> {
    fn runnable(&mut self) -> usize {
        if !self.may_start() {
            return 0;
        }
        self.policy.ready(self.now) + usize::from(self.commits.is_ready())
    }

    fn take_in(&mut self, lie_down: bool) -> bool {
        // While nothing may start there is nothing to be woken for: whoever ends the pause lays down the baton.
        let lie_down = lie_down && self.may_start();
        // Whether the workers lie down is the baton's to say: the inbox's consumer is whoever holds it.
        let _ = self.inbox.take(&mut self.batch, lie_down);
        let arrived = !self.batch.is_empty();
        let mut batch = std::mem::take(&mut self.batch);
        self.look_at_the_clock();
        for arrival in batch.drain(..) {
            match arrival {
                Arrival::Work(work) => self.admit(work),
                Arrival::Commit(commit) => self.admit_commit(commit),
            }
        }
        self.batch = batch;
        self.queue_what_is_due(None);
        arrived
    }

    fn due(&mut self) -> Option<Duration> {
        if !self.may_start() {
            return None;
        }
        let (later, limited) = (self.later.first(), self.policy.due(self.now));
        later.into_iter().chain(limited).min()
    }

    fn deadline(&self, at: Duration) -> Deadline {
        Deadline::after(at.saturating_sub(self.clock.now()))
    }
}

impl<K: Clone + Eq + Hash, I> Core<K, I> {
    #[inline]
    fn look_at_the_clock(&mut self) {
        if self.stamps || self.policy.asks_the_time() {
            self.now = self.clock.now();
        }
    }

    #[inline]
    fn admit(&mut self, work: Work<K, I>) {
        let Work { key, items, end, parent, arrived } = work;
        let arrived = arrived.map(Moment::time);
        // What came later than that comes behind it.
        self.queue_what_is_due(arrived);
        let arrived = arrived.unwrap_or(self.now);
        match items {
            Items::One(item) => self.queue(key, item, end, parent, arrived),
            Items::Batch(items) if end == End::Back => {
                items.into_iter().for_each(|item| self.queue(key.clone(), item, end, parent, arrived));
            }
            // The last goes first, so that the first is in front of it.
            Items::Batch(items) => {
                items.into_iter().rev().for_each(|item| self.queue(key.clone(), item, end, parent, arrived));
            }
            Items::Later(later) => {
                let (item, at) = *later;
                let queued = self.begin(item, parent, at);
                self.later.push(at, key, queued);
            }
        }
    }

    #[inline]
    fn queue(&mut self, key: K, item: Labelled<I>, end: End, parent: Option<Generation>, arrived: Duration) {
        let queued = self.begin(item, parent, arrived);
        self.tally.queue(self.stamps.then_some(arrived));
        self.policy.push(key, queued, end);
    }

    /// An item begins to live here.
    #[inline]
    fn begin(
        &mut self,
        item: Labelled<I>,
        parent: Option<Generation>,
        arrived: Duration,
    ) -> Queued<Waiting<K, I>> {
        let Labelled { load, class, cost } = item;
        self.tally.accept(class);
        let item = Waiting { stander: Stander::Item(load), tag: self.lives.begin(parent) };
        Queued { item, class, cost, arrived }
    }

    /// What the clock said last, if the time matters.
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// The generation of what arrives from outside now.
    pub(super) fn generation(&self) -> Generation {
        self.lives.generation()
    }

    fn admit_commit(&mut self, commit: Commit) {
        let tag = self.lives.begin(commit.parent);
        self.tally.commits.accepted += 1;
        self.commits.push(commit.callback, tag);
    }

    /// Queues what was due at that time; by now, if none is given.
    #[inline]
    fn queue_what_is_due(&mut self, by: Option<Duration>) {
        if self.later.is_empty() {
            return;
        }
        let by = by.unwrap_or_else(|| {
            self.now = self.clock.now();
            self.now
        });
        while let Some((key, queued)) = self.later.pop_due(by) {
            self.tally.queue(self.stamps.then_some(queued.arrived));
            self.policy.push(key, queued, End::Back);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MonotonicClock;
    use crate::context::Context;
    use crate::policy::Fifo;

    #[test]
    fn a_batch_is_used_again() {
        let clock = Arc::new(MonotonicClock::new());
        let passes = Overtakes::default();
        let (scheduler, wanted) = (Box::new(Fifo), Wanted::none());
        let shard = Shard::new(Plan { workers: 1, clock, stamps: false, scheduler, passes, wanted });
        for item in 0..3 {
            let load = Load { item, context: Context::current() };
            let items = Items::One(Labelled { load, class: Class::default(), cost: 1 });
            let work = Work { key: (), items, end: End::Back, parent: None, arrived: None };
            assert!(shard.submit(work).is_ok());
        }
        let mut core = shard.baton.take_up();
        assert!(core.take_in(false));
        assert!(core.batch.is_empty() && core.batch.capacity() >= 3);
    }
}
