//! The real pool, stepped by hand, each of its doings put before the model.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, Weak};

use keylane::testing::{Conservation, Fate};
use keylane::{
    ControlError, Handler, KeyGuard, Lease, PauseGuard, PoolHandle, ShardedThreadPool, Step, Stop, Worker,
};
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
    guards: Mutex<Vec<PauseGuard<Key, Task>>>,
    drains: Mutex<Vec<Drain>>,
    /// Keys that are held, and the items after which they are.
    held: Mutex<Vec<(ItemId, KeyGuard<Key, Task>)>>,
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

    fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, task: Task) {
        let real = self.0.upgrade().expect("the test outlives its pool's handlers");
        let id = task.id.expect("only what is accepted runs");
        let verdict = real.model.lock().unwrap().start(id);
        assert_eq!(verdict, Ok(()), "item {id} started");
        real.books.met(task.offer, Fate::Ran);
        real.begun.lock().unwrap().push(id);
        real.inside.lock().unwrap().push(id);
        let _running = Running(&real, id);
        let mut key = Some(key);
        for op in &task.script {
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
                held: Mutex::default(),
            }
        })
    }

    /// Does it, and fails if the outcome is not one that the model allows.
    pub fn act(&self, op: &Op) {
        match op {
            Op::Submit(order) => _ = self.submit(order),
            Op::SubmitFront(order) => self.submit_front(order),
            Op::SubmitBatch { key, front, scripts } => self.submit_batch(*key, *front, scripts),
            Op::Remove(key) => self.remove(key),
            Op::DrainKey(key) => self.drain_key(*key),
            Op::Hold => unreachable!("the handler does it"),
            Op::Release(number) => self.release(*number),
            Op::PutBack(number) => self.put_back(*number),
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
        self.release_all();
        self.act(&Op::Shutdown(Stop::RunRemaining));
        // With no handler on the stack, a pass over all workers that finds nothing has found everything.
        loop {
            let outcomes: Vec<_> = (0..self.workers.len()).map(|worker| self.step(worker)).collect();
            // What runs may hold its key, and another item wait behind it.
            self.release_all();
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
        assert_eq!(leftovers, self.model.lock().unwrap().reclaim(), "P8: what came back, and should have");
        assert!(!self.submit(&Order { key: Key(0), script: Vec::new() }), "P8: a late item is refused");
        self.pause();
        self.guards.lock().unwrap().clear();
        self.books.check();
    }

    /// Whether it was accepted.
    fn submit(&self, order: &Order) -> bool {
        let id = self.model.lock().unwrap().submit(order.key, self.parent());
        let task = self.task(id, &order.script);
        let offer = task.offer;
        let refused = self.pool.submit(order.key, task).err();
        self.offered(order.key, &[(offer, id)], refused.map(|refused| one(refused.into_parts())));
        id.is_some()
    }

    fn submit_front(&self, order: &Order) {
        let id = self.model.lock().unwrap().submit_front(order.key, self.parent());
        let task = self.task(id, &order.script);
        let offer = task.offer;
        let refused = self.pool.submit_front(order.key, task).err();
        self.offered(order.key, &[(offer, id)], refused.map(|refused| one(refused.into_parts())));
    }

    fn submit_batch(&self, key: Key, front: bool, scripts: &[Vec<Op>]) {
        let parent = self.parent();
        let mut ids: Vec<_> = {
            let mut model = self.model.lock().unwrap();
            let ids = scripts.iter().map(|_| match front {
                true => model.submit_front(key, parent),
                false => model.submit(key, parent),
            });
            ids.collect()
        };
        if front {
            // Of a batch the last is in front of nothing but what was there.
            ids.reverse();
        }
        let tasks: Vec<_> = ids.iter().zip(scripts).map(|(id, script)| self.task(*id, script)).collect();
        let offers: Vec<_> = tasks.iter().map(|task| (task.offer, task.id)).collect();
        let outcome = match front {
            true => self.pool.submit_front_batch(key, tasks),
            false => self.pool.submit_batch(key, tasks),
        };
        self.offered(key, &offers, outcome.err().map(|refused| refused.into_parts()));
    }

    fn put_back(&self, number: usize) {
        let held = self.held.lock().unwrap();
        let Some((holder, guard)) = held.get(number % held.len().max(1)) else { return };
        let key = *guard.key();
        let id = self.model.lock().unwrap().submit_front(key, Some(*holder));
        let task = self.task(id, &[]);
        let offer = task.offer;
        let refused = guard.put_back(task).err();
        self.offered(key, &[(offer, id)], refused.map(|refused| one(refused.into_parts())));
    }

    /// The item whose handler this is.
    fn parent(&self) -> Option<ItemId> {
        self.inside.lock().unwrap().last().copied()
    }

    fn task(&self, id: Option<ItemId>, script: &[Op]) -> Task {
        let mut offered = self.offered.lock().unwrap();
        *offered += 1;
        Task { offer: *offered, id, script: script.to_vec() }
    }

    /// What was offered has been refused as a whole and come back, or has been accepted as a whole.
    fn offered(&self, key: Key, offers: &[(u64, Option<ItemId>)], refused: Option<(Key, Vec<Task>)>) {
        if let Some((refused_key, tasks)) = &refused {
            let back: Vec<_> = tasks.iter().map(|task| (task.offer, task.id)).collect();
            assert_eq!((*refused_key, &*back), (key, offers), "what is refused comes back");
        }
        for &(offer, id) in offers {
            assert_eq!(refused.is_none(), id.is_some(), "accepted, and to be accepted");
            self.books.offered(offer, refused.is_none());
        }
    }

    fn remove(&self, key: &Key) {
        let expected = self.model.lock().unwrap().remove(key);
        let removed = self.pool.remove(key);
        removed.iter().for_each(|task| self.books.met(task.offer, Fate::Discarded));
        let removed: Vec<_> =
            removed.iter().map(|task| task.id.expect("only what is accepted waits")).collect();
        assert_eq!(removed, expected, "P9: what came back, and should have");
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

fn one((key, task): (Key, Task)) -> (Key, Vec<Task>) {
    (key, vec![task])
}

/// `None` if a script's panic came out of it; any other panic goes on.
fn unless_planned<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Planned>() => None,
        Err(payload) => resume_unwind(payload),
    }
}
