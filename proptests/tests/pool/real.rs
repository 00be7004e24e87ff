//! The real pool, stepped by hand, each of its doings put before the model.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, Weak};

use keylane::testing::{Conservation, Fate, ManualClock};
use keylane::{
    Candidate, Class, ControlError, Fifo, Handler, KeyGuard, Lease, PauseGuard, PoolHandle,
    ShardedThreadPool, Step, Stop, Worker,
};
use keylane_proptests::{Asked, ItemId, PoolModel, Stepped};

use crate::Plan;
use crate::chooser::{Account, Chooser, Ranked};
use crate::drain::{Drain, hear, on_a_thread};
use crate::ops::{Job, Key, Op, Order, second};
use crate::submits::offer_index;

/// A pool, its workers, and the model that judges them.
pub struct Real {
    pub(crate) pool: PoolHandle<Clerk>,
    clock: ManualClock,
    /// Absent while they are being stepped.
    workers: Vec<Mutex<Option<Worker<Clerk>>>>,
    pub(crate) model: Mutex<PoolModel<Key>>,
    pub(crate) books: Conservation,
    /// The items offered, by their numbers in the books: those in the model, if they are to be accepted.
    pub(crate) offers: Mutex<Vec<Option<ItemId>>>,
    /// Every item that has begun, in that order.
    begun: Mutex<Vec<ItemId>>,
    /// Items whose handlers are on the stack, the innermost last.
    pub(crate) inside: Mutex<Vec<ItemId>>,
    guards: Mutex<Vec<PauseGuard<Key, Task>>>,
    drains: Mutex<Vec<Drain>>,
    /// Keys that are held, and the items after which they are.
    pub(crate) held: Mutex<Vec<(ItemId, KeyGuard<Key, Task>)>>,
}

/// Carries out the scripts of items.
pub struct Clerk(Weak<Real>);

/// An order with its numbers: the books', and the model's if it is to be accepted.
pub struct Task {
    pub(crate) offer: u64,
    pub(crate) id: Option<ItemId>,
    pub(crate) job: Job,
}

/// The payload of a panic that a script asked for.
struct Planned;

/// A handler on the stack.
struct Running<'a>(&'a Real, ItemId);

impl Handler for Clerk {
    type Key = Key;
    type Item = Task;

    fn class(task: &Task) -> Class {
        task.job.class
    }

    /// So a scheduler can tell which item it is asked about.
    fn cost(task: &Task) -> u64 {
        task.offer
    }

    fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, task: Task) {
        let real = self.0.upgrade().expect("the test outlives its pool's handlers");
        let id = task.id.expect("only what is accepted runs");
        real.begins(id);
        assert_eq!(key.class(), task.job.class, "the class of the item that runs");
        real.books.met(task.offer, Fate::Ran);
        real.begun.lock().unwrap().push(id);
        real.inside.lock().unwrap().push(id);
        let _running = Running(&real, id);
        let mut key = Some(key);
        for op in &task.job.script {
            match op {
                Op::Hold => {
                    if let Some(key) = key.take() {
                        real.held.lock().unwrap().push((id, key.hold()));
                        real.model.lock().unwrap().hold(id);
                    }
                }
                op => real.act(op),
            }
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.inside.lock().unwrap().pop();
        // If the test has failed inside, that is what is to be told.
        let Ok(mut model) = self.0.model.lock() else { return };
        if std::thread::panicking() {
            model.panic(self.1);
        } else {
            model.end(self.1);
        }
    }
}

impl Real {
    pub fn new(plan: &Plan, shard_of: BTreeMap<Key, usize>) -> Arc<Self> {
        Arc::new_cyclic(|real| {
            let clock = ManualClock::new();
            let builder = ShardedThreadPool::builder(Clerk(Weak::clone(real)))
                .shards(plan.shards)
                .threads_per_shard(plan.threads_per_shard)
                .clock(clock.clone())
                .passes(plan.passes)
                .on_panic(plan.on_panic);
            let builder = match plan.chooser {
                Chooser::Fifo => builder,
                Chooser::Ranked { merged, rations } => builder.scheduler(Ranked::new(merged, rations)),
            };
            let (pool, workers) = builder.stepped().unwrap();
            let model = PoolModel::new(shard_of)
                .lines(plan.chooser.lines())
                .passes(plan.passes)
                .on_panic(plan.on_panic);
            Self {
                pool,
                clock,
                workers: workers.into_iter().map(|worker| Mutex::new(Some(worker))).collect(),
                model: Mutex::new(model),
                books: Conservation::new(),
                offers: Mutex::default(),
                begun: Mutex::default(),
                inside: Mutex::default(),
                guards: Mutex::default(),
                drains: Mutex::default(),
                held: Mutex::default(),
            }
        })
    }

    /// Does it, and fails if the outcome is not one that the model allows.
    pub fn act(&self, op: &Op) {
        match op {
            Op::Submit(order) => _ = self.submit(order),
            Op::SubmitFront(order) => self.submit_front(order),
            Op::SubmitAfter(seconds, order) => _ = self.submit_after(second() * *seconds, order),
            Op::SubmitBatch { key, front, jobs } => self.submit_batch(*key, *front, jobs),
            Op::Remove(key) => self.remove(key),
            Op::DrainKey(key) => self.drain_key(*key),
            Op::Hold => unreachable!("the handler does it"),
            Op::Release(number) => self.release(*number),
            Op::PutBack(number, class) => self.put_back(*number, *class),
            Op::Heal(key) => {
                let healed = self.model.lock().unwrap().heal(key);
                assert_eq!(self.pool.heal(key), healed, "P12: whether it was poisoned");
            }
            Op::Step(worker) => drop(self.step(worker % self.workers.len())),
            Op::Advance(seconds) => self.advance(*seconds),
            &Op::SetScheduler(chooser) => {
                match chooser {
                    Chooser::Fifo => self.pool.set_scheduler(Fifo),
                    Chooser::Ranked { merged, rations } => {
                        self.pool.set_scheduler(Ranked::new(merged, rations));
                    }
                }
                self.model.lock().unwrap().set_scheduler(chooser.lines());
            }
            Op::Pause => self.pause(),
            Op::Resume => self.resume(),
            Op::Drain => self.drain(),
            &Op::Shutdown(stop) => {
                self.pool.shutdown(stop);
                self.model.lock().unwrap().shutdown(stop);
            }
            Op::Panic => resume_unwind(Box::new(Planned)),
        }
        self.check_poisoned();
    }

    fn advance(&self, seconds: u32) {
        self.clock.advance(second() * seconds);
        self.model.lock().unwrap().advance(second() * seconds);
    }

    fn check_poisoned(&self) {
        let mut poisoned = self.pool.poisoned();
        poisoned.sort();
        assert!(self.model.lock().unwrap().poisoned().eq(&poisoned), "P12: {poisoned:?} are poisoned");
    }

    /// P7, with no handler on the stack: drains have returned, or have not, as they must.
    pub fn check_drains(&self) {
        let model = self.model.lock().unwrap();
        self.drains.lock().unwrap().retain_mut(|drain| drain.still_waits(model.drained(drain.id())));
    }

    /// Shuts down and steps whatever can be stepped, to the end.
    pub fn run_the_rest(&self) {
        while !self.guards.lock().unwrap().is_empty() {
            self.resume();
        }
        self.release_all();
        // Nothing is to come any more.
        self.advance(60);
        self.act(&Op::Shutdown(Stop::RunRemaining));
        // With no handler on the stack, a pass over all workers that finds nothing has found everything.
        loop {
            let outcomes: Vec<_> = (0..self.workers.len()).map(|worker| self.step(worker)).collect();
            // What runs may hold its key, and another item wait behind it; or for its ration.
            self.release_all();
            self.advance(10);
            if outcomes.iter().all(|outcome| *outcome == Some(Step::Stopped)) {
                break;
            }
        }
    }

    /// Ends the pool and closes the books.
    pub fn end(&self) {
        self.act(&Op::Shutdown(Stop::HandBack));
        self.release_all();
        self.check_drains();
        assert!(self.drains.lock().unwrap().is_empty(), "P8: no drain waits for a pool that has ended");
        let workers =
            self.workers.iter().map(|worker| worker.lock().unwrap().take().expect("nobody steps it"));
        let mut leftovers = BTreeMap::<Key, Vec<ItemId>>::new();
        for (key, task) in self.pool.reclaim(workers.collect()).leftovers {
            self.books.met(task.offer, Fate::HandedBack);
            leftovers.entry(key).or_default().push(task.id.expect("only what is accepted comes back"));
        }
        let mut model = self.model.lock().unwrap();
        let expected = model.reclaim();
        assert!(
            leftovers.keys().eq(expected.keys()),
            "P8: {leftovers:?} came back, and should: {expected:?}"
        );
        leftovers.iter().for_each(|(key, back)| comes_back(&model, back, &expected[key]));
        drop(model);
        let late = || Order { key: Key(0), job: Job { class: Class(0), script: Vec::new() } };
        assert!(!self.submit(&late()), "P8: a late item is refused");
        assert!(!self.submit_after(second(), &late()), "P8: and one for later");
        self.pause();
        self.guards.lock().unwrap().clear();
        self.books.check();
    }

    fn remove(&self, key: &Key) {
        let expected = self.model.lock().unwrap().remove(key);
        let removed = self.pool.remove(key);
        removed.iter().for_each(|task| self.books.met(task.offer, Fate::Discarded));
        let removed: Vec<_> =
            removed.iter().map(|task| task.id.expect("only what is accepted waits")).collect();
        comes_back(&self.model.lock().unwrap(), &removed, &expected);
    }

    fn release(&self, number: usize) {
        let mut held = self.held.lock().unwrap();
        if held.is_empty() {
            return;
        }
        let number = number % held.len();
        let (id, guard) = held.remove(number);
        drop(held);
        drop(guard);
        self.model.lock().unwrap().release(id);
    }

    fn release_all(&self) {
        while !self.held.lock().unwrap().is_empty() {
            self.release(0);
        }
    }

    /// `None` if the worker is busy further up the stack, or its handler panicked.
    fn step(&self, number: usize) -> Option<Step> {
        let taken = self.workers[number].lock().unwrap().take();
        let mut worker = taken?;
        let shard = worker.shard();
        let expected = self.model.lock().unwrap().step(shard);
        let begun_before = self.begun.lock().unwrap().len();
        Account::take();
        let outcome = unless_planned(|| worker.step());
        *self.workers[number].lock().unwrap() = Some(worker);
        let first_begun = self.begun.lock().unwrap().get(begun_before).copied();
        match (outcome, first_begun, &expected) {
            (None | Some(Step::Ran), Some(id), Stepped::OneOf(allowed)) if allowed.contains(&id) => {}
            (Some(Step::Idle), None, Stepped::Idle) | (Some(Step::Stopped), None, Stepped::Stopped) => {}
            (Some(Step::Idle), None, Stepped::OneOf(_)) => {
                let asked = self.asked(&Account::take());
                let verdict = self.model.lock().unwrap().rest(shard, &asked);
                assert_eq!(verdict, Ok(()), "a step began nothing, but should: {expected:?}; {asked:?}");
            }
            _ => panic!("a step gave {outcome:?} and began {first_begun:?}, but should: {expected:?}"),
        }
        outcome
    }

    /// The handler of an item begins, and the scheduler had its say if it is one that tells.
    fn begins(&self, id: ItemId) {
        let account = Account::take();
        let asked = self.asked(&account);
        let mut model = self.model.lock().unwrap();
        let verdict = match account.charged {
            Some(_) => model.start_chosen(id, &asked),
            None => model.start(id),
        };
        assert_eq!(verdict, Ok(()), "item {id} started; {asked:?}");
        let offers = self.offers.lock().unwrap();
        let charged = account.charged.map(|charged| offers[offer_index(charged.cost)]);
        assert!(charged.is_none_or(|charged| charged == Some(id)), "what starts is charged");
    }

    /// What a scheduler was asked and said, in the words of the model.
    fn asked(&self, account: &Account) -> Asked {
        let offers = self.offers.lock().unwrap();
        let model = self.model.lock().unwrap();
        let by_class = |candidates: &[Candidate]| {
            let named = candidates.iter().map(|candidate| {
                let id = offers[offer_index(candidate.cost)].expect("only what is accepted may start");
                (candidate.class, id)
            });
            named.collect::<BTreeMap<_, _>>()
        };
        for &(ref candidate, now) in &account.times {
            let id = offers[offer_index(candidate.cost)].expect("only what is accepted may start");
            assert_eq!(now, self.clock.now(), "the time");
            assert_eq!(candidate.arrived, model.arrived(id), "when item {id} was submitted");
        }
        Asked { may: by_class(&account.may), may_not: by_class(&account.may_not), chosen: account.chosen }
    }

    fn pause(&self) {
        if self.is_inside() {
            assert_eq!(self.pool.pause().err(), Some(ControlError::FromCallback));
            return;
        }
        // Nothing runs, so it returns at once. On a thread of its own, so that a hang is a failure.
        let pool = self.pool.clone();
        let outcome = hear(&on_a_thread(move || pool.pause()));
        let mut model = self.model.lock().unwrap();
        assert!(model.is_quiet(), "P6: nothing runs when pause returns");
        let expected = if model.pause() { None } else { Some(ControlError::Stopped) };
        assert_eq!(outcome.as_ref().err().copied(), expected, "P6, P8");
        self.guards.lock().unwrap().extend(outcome);
    }

    fn resume(&self) {
        if let Some(guard) = self.guards.lock().unwrap().pop() {
            drop(guard);
            self.model.lock().unwrap().resume();
        }
    }

    fn drain(&self) {
        if self.is_inside() {
            assert_eq!(self.pool.drain(), Err(ControlError::FromCallback));
            return;
        }
        let id = self.model.lock().unwrap().drain();
        let pool = self.pool.clone();
        self.drains.lock().unwrap().push(Drain::begin(id, move || pool.drain()));
    }

    fn drain_key(&self, key: Key) {
        if self.is_inside() {
            assert_eq!(self.pool.drain_key(&key), Err(ControlError::FromCallback));
            return;
        }
        let id = self.model.lock().unwrap().drain_key(key);
        let pool = self.pool.clone();
        self.drains.lock().unwrap().push(Drain::begin(id, move || pool.drain_key(&key)));
    }

    fn is_inside(&self) -> bool {
        !self.inside.lock().unwrap().is_empty()
    }
}

/// What came back of a key is what should have, in an order that is allowed.
fn comes_back(model: &PoolModel<Key>, back: &[ItemId], expected: &[ItemId]) {
    let [set, expected_set] = [back, expected].map(|items| items.iter().copied().collect::<BTreeSet<_>>());
    assert_eq!((set, back.len()), (expected_set, expected.len()), "P8, P9: what came back, and should have");
    assert!(model.may_come_back(back), "P8, P9: the order {back:?}, where {expected:?} would do");
}

/// `None` if a script's panic came out of it; any other panic goes on.
fn unless_planned<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Planned>() => None,
        Err(payload) => resume_unwind(payload),
    }
}
