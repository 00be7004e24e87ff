//! A pool judged by the specification's own steps: `specs/twin`. What it knows nothing of is left out of these programs:
//! classes, schedulers, whose turn it is, held and poisoned keys, batches, the drain of one key. Commits are in.

use core::time::Duration;
use std::sync::{Arc, Mutex, Weak};

use keylane::testing::ManualClock;
use keylane::{ControlError, Handler, Lease, PauseGuard, PoolHandle, ShardedThreadPool, Step, Stop, Worker};
use keylane_twin::Id;
use keylane_twin::judge::{Judge, Judged, Unexplained};
use keylane_twin::sharded_pool::ShardedPool;
use keylane_twin::sharded_pool::judge::{Found, Part, Scope, Submitted};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::drain::{Drain, hear, on_a_thread};
use crate::judged;

const KEYS: Id = 4;
/// Of sets of these the twin has room for 63.
const ITEMS: u8 = 48;
const COMMITS: u8 = 12;
const PAUSES: u8 = 10;
const DRAINS: u8 = 5;
const WAITING: usize = 1;

#[derive(Clone, Debug)]
enum Op {
    Submit(Id, How, Vec<Op>),
    Commit(Id),
    Remove(Id),
    Step(usize),
    Advance(u32),
    Pause,
    Resume,
    Drain,
    Shutdown,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Back,
    Front,
    /// After so many seconds.
    Later(u32),
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    shards: usize,
    threads_per_shard: usize,
    stop: Stop,
}

fn program() -> impl Strategy<Value = (Plan, Vec<Op>)> {
    let stop = prop_oneof![Just(Stop::RunRemaining), Just(Stop::HandBack)];
    let plan = (1..=3_usize, 1..=2_usize, stop);
    let plan = plan.prop_map(|(shards, threads_per_shard, stop)| Plan { shards, threads_per_shard, stop });
    let op = prop_oneof![
        25 => submit(how(), 2),
        3 => (1..=KEYS).prop_map(Op::Commit),
        25 => (0..6_usize).prop_map(Op::Step),
        5 => (1..4_u32).prop_map(Op::Advance),
        2 => (1..=KEYS).prop_map(Op::Remove),
        3 => Just(Op::Pause),
        5 => Just(Op::Resume),
        3 => Just(Op::Drain),
        1 => Just(Op::Shutdown),
    ];
    (plan, prop::collection::vec(op, 1..60))
}

fn how() -> BoxedStrategy<How> {
    prop_oneof![3 => Just(How::Back), 1 => Just(How::Front), 1 => (0..5_u32).prop_map(How::Later)].boxed()
}

fn submit(how: BoxedStrategy<How>, depth: u32) -> BoxedStrategy<Op> {
    (1..=KEYS, how, script(depth)).prop_map(|(key, how, script)| Op::Submit(key, how, script)).boxed()
}

/// What a handler submits in front or for later, and its commits, are its children, too; of those the twin has none.
fn script(depth: u32) -> BoxedStrategy<Vec<Op>> {
    let Some(below) = depth.checked_sub(1) else { return Just(Vec::new()).boxed() };
    let inside = prop_oneof![
        10 => submit(Just(How::Back).boxed(), below),
        8 => (0..6_usize).prop_map(Op::Step),
        2 => (1..4_u32).prop_map(Op::Advance),
        1 => (1..=KEYS).prop_map(Op::Remove),
        1 => Just(Op::Shutdown),
    ];
    prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(inside, 1..4)].boxed()
}

/// A pool, its workers, and the twin that judges them.
struct Real {
    this: Weak<Self>,
    plan: Plan,
    pool: PoolHandle<Clerk>,
    clock: ManualClock,
    workers: Vec<Mutex<Option<Worker<Clerk>>>>,
    /// The pool's keys, by the twin's.
    keys: Vec<u64>,
    twin: Mutex<Twin>,
    /// The keys whose handlers are on the stack, the innermost last.
    inside: Mutex<Vec<Id>>,
    guards: Mutex<Vec<PauseGuard<u64, Task>>>,
    drains: Mutex<Vec<(usize, Drain)>>,
    /// When items that are for later are due.
    later: Mutex<Vec<(u32, u64)>>,
    counts: Mutex<Counts>,
    /// Commits that came back: they are run, to learn which they are.
    left: Mutex<Option<Vec<u64>>>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    names: u64,
    items: u8,
    commits: u8,
    pauses: u8,
    drains: u8,
    seconds: u32,
}

struct Twin {
    judge: Judge<ShardedPool>,
    broken: Option<Unexplained>,
    /// How many other outcomes were refused, if these are asked for.
    objections: Option<usize>,
}

impl Twin {
    fn does(&mut self, part: Part) {
        if let Some(objections) = &mut self.objections {
            for other in ShardedPool::otherwise(&part) {
                let accepted = self.judge.clone().does(std::slice::from_ref(&other)).is_ok();
                assert!(!accepted, "not {part:?}, but {other:?}: no objection");
                *objections += 1;
            }
        }
        if self.broken.is_none() {
            self.broken = self.judge.does(&[part]).err();
        }
    }
}

/// Carries out the scripts of items.
struct Clerk(Weak<Real>);

struct Task {
    name: u64,
    key: Id,
    script: Vec<Op>,
}

impl Handler for Clerk {
    type Key = u64;
    type Item = Task;

    fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, task: Task) {
        let real = self.0.upgrade().expect("the test outlives its pool's handlers");
        let shard = real.shard(task.key);
        real.saw(Part::Step { shard, seen: Found::Runs(task.name) });
        real.inside.lock().unwrap().push(task.key);
        task.script.iter().for_each(|op| real.act(op));
        real.inside.lock().unwrap().pop();
        real.saw(Part::Finish { name: task.name });
    }
}

/// The call that returns well from a drain; the next one stands for the same drain, refused.
fn call(drain: usize) -> usize {
    1 + 2 * drain
}

impl Real {
    fn new(plan: Plan, asks: bool) -> Arc<Self> {
        Arc::new_cyclic(|real| {
            let clock = ManualClock::new();
            let builder = ShardedThreadPool::builder(Clerk(Weak::clone(real)))
                .shards(plan.shards)
                .threads_per_shard(plan.threads_per_shard)
                .clock(clock.clone());
            let (pool, workers) = builder.stepped().unwrap();
            let mut keys = vec![];
            for key in 0..KEYS {
                let fits = |other: &u64| {
                    pool.shard_of(other) == usize::from(key) % plan.shards && !keys.contains(other)
                };
                keys.push((0..).find(fits).expect("some go to each shard"));
            }
            let judge = Judge::new(ShardedPool::judging(&Scope {
                shards: plan.shards as u8,
                keys: KEYS,
                items: ITEMS,
                commits: COMMITS,
                pausers: PAUSES + 1,
                drainers: DRAINS,
                hands_back: plan.stop == Stop::HandBack,
            }));
            Self {
                this: Weak::clone(real),
                plan,
                pool,
                clock,
                workers: workers.into_iter().map(|worker| Mutex::new(Some(worker))).collect(),
                keys,
                twin: Mutex::new(Twin { judge, broken: None, objections: asks.then_some(0) }),
                inside: Mutex::default(),
                guards: Mutex::default(),
                drains: Mutex::default(),
                later: Mutex::default(),
                counts: Mutex::default(),
                left: Mutex::default(),
            }
        })
    }

    fn saw(&self, part: Part) {
        self.twin.lock().unwrap().does(part);
    }

    fn shard(&self, key: Id) -> Id {
        (key - 1) % self.plan.shards as Id + 1
    }

    fn key(&self, key: Id) -> u64 {
        self.keys[usize::from(key) - 1]
    }

    fn name(&self) -> u64 {
        let mut counts = self.counts.lock().unwrap();
        counts.names += 1;
        counts.names
    }

    fn is_inside(&self) -> bool {
        !self.inside.lock().unwrap().is_empty()
    }

    fn act(&self, op: &Op) {
        match *op {
            Op::Submit(key, how, ref script) => self.submit(key, how, script),
            Op::Commit(key) => self.commit(key),
            Op::Remove(key) => {
                let removed = self.pool.remove(&self.key(key)).iter().map(|task| task.name).collect();
                self.saw(Part::Remove { key, removed });
            }
            Op::Step(worker) => _ = self.step(worker % self.workers.len()),
            Op::Advance(seconds) => self.advance(seconds),
            Op::Pause => self.pause(),
            Op::Resume => self.resume(),
            Op::Drain => self.drain(),
            Op::Shutdown => {
                self.pool.shutdown(self.plan.stop);
                self.saw(Part::Shutdown);
            }
        }
    }

    fn submit(&self, key: Id, how: How, script: &[Op]) {
        if self.counts.lock().unwrap().items == ITEMS {
            return;
        }
        let name = self.name();
        let task = Task { name, key, script: script.to_vec() };
        let parent = self.inside.lock().unwrap().last().copied();
        let (refused, seen) = match how {
            How::Back => {
                let refused = self.pool.submit(self.key(key), task).is_err();
                (refused, parent.map_or(Submitted::Back, Submitted::Inside))
            }
            How::Front => (self.pool.submit_front(self.key(key), task).is_err(), Submitted::Front),
            How::Later(seconds) => {
                let delay = Duration::from_secs(seconds.into());
                (self.pool.submit_after(delay, self.key(key), task).is_err(), Submitted::Later)
            }
        };
        self.saw(Part::Submit { name, key, how: seen, accepted: !refused });
        if !refused {
            let mut counts = self.counts.lock().unwrap();
            counts.items += 1;
            if let How::Later(seconds) = how {
                self.later.lock().unwrap().push((counts.seconds + seconds, name));
            }
        }
        self.advance(0);
    }

    /// Times come one after the other, of two at once the first that was submitted.
    fn advance(&self, seconds: u32) {
        self.clock.advance(Duration::from_secs(seconds.into()));
        let now = {
            let mut counts = self.counts.lock().unwrap();
            counts.seconds += seconds;
            counts.seconds
        };
        let mut later = self.later.lock().unwrap();
        later.sort_unstable();
        let due = later.iter().take_while(|(due, _)| *due <= now).count();
        later.drain(..due).for_each(|(_, name)| self.saw(Part::Ripen { name }));
    }

    fn commit(&self, key: Id) {
        if self.counts.lock().unwrap().commits == COMMITS {
            return;
        }
        let (name, shard) = (self.name(), self.shard(key));
        let real = Weak::clone(&self.this);
        let callback = move || {
            let real = real.upgrade().expect("the test outlives it");
            if let Some(left) = &mut *real.left.lock().unwrap() {
                return left.push(name);
            }
            real.saw(Part::Step { shard, seen: Found::Commits(name) });
            real.saw(Part::Finish { name });
        };
        let accepted = self.pool.commit(&self.key(key), callback).is_ok();
        self.counts.lock().unwrap().commits += u8::from(accepted);
        self.saw(Part::Commit { name, shard, accepted });
    }

    fn step(&self, number: usize) -> Option<Step> {
        let taken = self.workers[number].lock().unwrap().take();
        let mut worker = taken?;
        let shard = worker.shard() as Id + 1;
        let step = worker.step();
        *self.workers[number].lock().unwrap() = Some(worker);
        match step {
            Step::Idle => self.saw(Part::Step { shard, seen: Found::Idle }),
            Step::Stopped => self.saw(Part::Step { shard, seen: Found::Stopped }),
            _ => {}
        }
        Some(step)
    }

    fn pause(&self) {
        let thread = self.counts.lock().unwrap().pauses;
        if self.is_inside() || thread == PAUSES {
            return;
        }
        self.counts.lock().unwrap().pauses += 1;
        self.pause_as(thread);
    }

    fn pause_as(&self, thread: Id) {
        let pool = self.pool.clone();
        let outcome = hear(&on_a_thread(move || pool.pause()));
        self.saw(Part::Pause { thread, accepted: outcome.is_ok() });
        self.guards.lock().unwrap().extend(outcome);
    }

    fn resume(&self) {
        let guard = self.guards.lock().unwrap().pop();
        if guard.is_some() {
            drop(guard);
            self.saw(Part::Resume { thread: None });
        }
    }

    fn drain(&self) {
        let number = self.counts.lock().unwrap().drains;
        // Two that wait may be in many places.
        if self.is_inside() || number == DRAINS || self.drains.lock().unwrap().len() == WAITING {
            return;
        }
        self.counts.lock().unwrap().drains += 1;
        let pool = self.pool.clone();
        let drain = Drain::begin(0, move || pool.drain());
        let thread = PAUSES + 1 + number;
        self.saw(Part::Drain { thread });
        let number = usize::from(number);
        self.drains.lock().unwrap().push((number, drain));
        let judge = &mut self.twin.lock().unwrap().judge;
        judge.invoked(call(number), &[vec![Part::Drained { thread, well: true }]]);
        judge.invoked(call(number) + 1, &[vec![Part::Drained { thread, well: false }]]);
    }

    /// P7, with no handler on the stack: those that may return do, and no others.
    fn check_drains(&self) {
        let Twin { judge, broken, objections } = &mut *self.twin.lock().unwrap();
        if broken.is_some() {
            return;
        }
        self.drains.lock().unwrap().retain(|(number, drain)| {
            let (well, refused) = (call(*number), call(*number) + 1);
            let outcome = drain.returns(judge.must_return(&[well, refused]));
            let Some(outcome) = outcome else {
                assert!(!judge.must_return(&[well, refused]), "P7: a drain hangs");
                return true;
            };
            let (it, other) = match outcome {
                Ok(()) => (well, refused),
                Err(ControlError::Stopped) => (refused, well),
                Err(error) => panic!("P7: a drain gave {error:?}"),
            };
            if let Some(objections) = objections {
                assert!(!judge.may_return(other), "P7: a drain gave {outcome:?}: anything goes");
                *objections += 1;
            }
            if broken.is_none() {
                *broken = judge.returned(it).err();
            }
            judge.forget(other);
            false
        });
    }

    /// Runs what is to be run, and takes back the rest.
    fn end(&self) {
        let runs_the_rest = self.plan.stop == Stop::RunRemaining;
        if runs_the_rest {
            while !self.guards.lock().unwrap().is_empty() {
                self.resume();
            }
            self.advance(60);
            self.act(&Op::Shutdown);
            // With no handler on the stack, a pass over all workers that finds nothing has found everything.
            while (0..self.workers.len()).any(|worker| self.step(worker) != Some(Step::Stopped)) {}
        }
        self.pool.shutdown(Stop::HandBack);
        self.saw(if runs_the_rest { Part::ShutdownBack } else { Part::Shutdown });
        self.check_drains();
        assert!(self.drains.lock().unwrap().is_empty(), "P8: no drain waits for a pool that has ended");
        let workers =
            self.workers.iter().map(|worker| worker.lock().unwrap().take().expect("nobody steps it"));
        let report = self.pool.reclaim(workers.collect());
        *self.left.lock().unwrap() = Some(report.leftovers.iter().map(|(_, task)| task.name).collect());
        report.commits.into_iter().for_each(|commit| commit.run());
        let left = self.left.lock().unwrap().take().expect("just put there");
        self.saw(Part::Leftovers { left });
        self.submit(1, How::Back, &[]);
        self.commit(1);
        self.pause_as(PAUSES);
    }
}

/// What the twin has judged of a program.
struct Verdict {
    parts: usize,
    objections: usize,
}

fn judge(plan: Plan, program: &[Op], asks: bool) -> Result<Verdict, Unexplained> {
    let real = Real::new(plan, asks);
    for op in program {
        real.act(op);
        real.check_drains();
    }
    real.end();
    let mut twin = real.twin.lock().unwrap();
    match twin.broken.take() {
        Some(broken) => Err(broken),
        None => Ok(Verdict { parts: twin.judge.judged, objections: twin.objections.unwrap_or(0) }),
    }
}

#[test]
fn the_pool_does_what_the_twin_says() {
    // In milliseconds: each step of shrinking a hang takes as long as a hang.
    let config = Config { max_shrink_time: 60_000, ..judged::config(2048) };
    judged::all_are_explained(config, &program(), |(plan, ops)| {
        judge(plan, &ops, false).map(|verdict| verdict.parts)
    });
}

#[test]
fn the_twin_says_nothing_else() {
    judged::nothing_else_is(&program(), 5_000, |(plan, ops)| {
        judge(plan, &ops, true).map(|verdict| verdict.objections)
    });
}
