//! The real pool, stepped by hand, each of its doings put before the model.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, Weak};

use keylane::testing::{Conservation, Fate};
use keylane::{ControlError, Handler, PauseGuard, PoolHandle, ShardedThreadPool, Step, Stop, Worker};
use keylane_proptests::{ItemId, PoolModel, Stepped};

use crate::drain::{Drain, hear, on_a_thread};
use crate::ops::{Key, Op, Order};

/// A pool, its workers, and the model that judges them.
pub struct Real {
    pool: PoolHandle<Clerk>,
    /// Absent while they are being stepped.
    workers: Vec<Mutex<Option<Worker<Clerk>>>>,
    model: Mutex<PoolModel<Key>>,
    books: Conservation,
    /// Items offered.
    offered: Mutex<u64>,
    /// Every item that has begun, in that order.
    begun: Mutex<Vec<ItemId>>,
    /// Items whose handlers are on the stack, the innermost last.
    inside: Mutex<Vec<ItemId>>,
    guards: Mutex<Vec<PauseGuard<Clerk>>>,
    drains: Mutex<Vec<Drain>>,
}

/// Carries out the scripts of items.
pub struct Clerk(Weak<Real>);

/// An order with its numbers: the books', and the model's if it is to be accepted.
pub struct Task {
    offer: u64,
    id: Option<ItemId>,
    script: Vec<Op>,
}

/// The payload of a panic that a script asked for.
struct Planned;

/// A handler on the stack.
struct Running<'a>(&'a Real, ItemId);

impl Handler for Clerk {
    type Key = Key;
    type Item = Task;

    fn handle(&self, _: &Key, task: Task) {
        let real = self.0.upgrade().expect("the test outlives its pool's handlers");
        let id = task.id.expect("only what is accepted runs");
        let verdict = real.model.lock().unwrap().start(id);
        assert_eq!(verdict, Ok(()), "item {id} started");
        real.books.met(task.offer, Fate::Ran);
        real.begun.lock().unwrap().push(id);
        real.inside.lock().unwrap().push(id);
        let _running = Running(&real, id);
        for op in &task.script {
            real.act(op);
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.inside.lock().unwrap().pop();
        self.0.model.lock().unwrap().end(self.1);
    }
}

impl Real {
    pub fn new(shards: usize, threads_per_shard: usize, shard_of: BTreeMap<Key, usize>) -> Arc<Self> {
        Arc::new_cyclic(|real| {
            let builder = ShardedThreadPool::builder(Clerk(Weak::clone(real)));
            let (pool, workers) =
                builder.shards(shards).threads_per_shard(threads_per_shard).stepped().unwrap();
            Self {
                pool,
                workers: workers.into_iter().map(|worker| Mutex::new(Some(worker))).collect(),
                model: Mutex::new(PoolModel::new(shard_of)),
                books: Conservation::new(),
                offered: Mutex::default(),
                begun: Mutex::default(),
                inside: Mutex::default(),
                guards: Mutex::default(),
                drains: Mutex::default(),
            }
        })
    }

    /// Does it, and fails if the outcome is not one that the model allows.
    pub fn act(&self, op: &Op) {
        match op {
            Op::Submit(order) => drop(self.submit(order)),
            Op::Step(worker) => drop(self.step(worker % self.workers.len())),
            Op::Pause => self.pause(),
            Op::Resume => self.resume(),
            Op::Drain => self.drain(),
            &Op::Shutdown(stop) => {
                self.pool.shutdown(stop);
                self.model.lock().unwrap().shutdown(stop);
            }
            Op::Panic => resume_unwind(Box::new(Planned)),
        }
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
        self.act(&Op::Shutdown(Stop::RunRemaining));
        // With no handler on the stack, a pass over all workers that finds nothing has found everything.
        loop {
            let outcomes: Vec<_> = (0..self.workers.len()).map(|worker| self.step(worker)).collect();
            if outcomes.iter().all(|outcome| *outcome == Some(Step::Stopped)) {
                break;
            }
        }
    }

    /// Ends the pool and closes the books.
    pub fn end(&self) {
        self.act(&Op::Shutdown(Stop::HandBack));
        self.check_drains();
        assert!(self.drains.lock().unwrap().is_empty(), "P8: no drain waits for a pool that has ended");
        let workers =
            self.workers.iter().map(|worker| worker.lock().unwrap().take().expect("nobody steps it"));
        let mut leftovers = BTreeMap::<Key, Vec<ItemId>>::new();
        for (key, task) in self.pool.reclaim(workers.collect()).leftovers {
            self.books.met(task.offer, Fate::HandedBack);
            leftovers.entry(key).or_default().push(task.id.expect("only what is accepted comes back"));
        }
        assert_eq!(leftovers, self.model.lock().unwrap().reclaim(), "P8: what came back, and should have");
        assert!(!self.submit(&Order { key: Key(0), script: Vec::new() }), "P8: a late item is refused");
        self.pause();
        self.guards.lock().unwrap().clear();
        self.books.check();
    }

    /// Whether it was accepted.
    fn submit(&self, order: &Order) -> bool {
        let parent = self.inside.lock().unwrap().last().copied();
        let id = self.model.lock().unwrap().submit(order.key, parent);
        let offer = {
            let mut offered = self.offered.lock().unwrap();
            *offered += 1;
            *offered
        };
        let task = Task { offer, id, script: order.script.clone() };
        let accepted = match self.pool.submit(order.key, task) {
            Ok(()) => true,
            Err(refused) => {
                let (key, task) = refused.into_parts();
                assert_eq!((key, task.offer), (order.key, offer), "the refused item comes back");
                false
            }
        };
        assert_eq!(accepted, id.is_some(), "accepted, and to be accepted");
        self.books.offered(offer, accepted);
        accepted
    }

    /// `None` if the worker is busy further up the stack, or its handler panicked.
    fn step(&self, number: usize) -> Option<Step> {
        let taken = self.workers[number].lock().unwrap().take();
        let mut worker = taken?;
        let expected = self.model.lock().unwrap().step(worker.shard());
        let begun_before = self.begun.lock().unwrap().len();
        let outcome = unless_planned(|| worker.step());
        *self.workers[number].lock().unwrap() = Some(worker);
        let first_begun = self.begun.lock().unwrap().get(begun_before).copied();
        match (outcome, first_begun, &expected) {
            (None | Some(Step::Ran), Some(id), Stepped::OneOf(allowed)) if allowed.contains(&id) => {}
            (Some(Step::Idle), None, Stepped::Idle) | (Some(Step::Stopped), None, Stepped::Stopped) => {}
            _ => panic!("a step gave {outcome:?} and began {first_begun:?}, but should: {expected:?}"),
        }
        outcome
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

    fn is_inside(&self) -> bool {
        !self.inside.lock().unwrap().is_empty()
    }
}

/// `None` if a script's panic came out of it; any other panic goes on.
fn unless_planned<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Planned>() => None,
        Err(payload) => resume_unwind(payload),
    }
}
