//! Pairs of operations of a pool with one shard. (Several shards at once: `pool_control.rs`.)

mod twin;

use std::collections::BTreeMap;

use keylane::testing::Model;
use keylane::{
    ControlError, Handler, KeyGuard, Lease, PauseGuard, PoolHandle, ShardedThreadPool, Step, Stop, Worker,
};
use keylane_proptests as reference;
use keylane_proptests::history::Specification;
use keylane_proptests::{DrainId, Drained, ItemId, PoolModel, Stepped};
use loom::thread;

use crate::harness::Log;
use crate::history::{History, Judge};
use crate::pairs::{FIRST, OVERLAP, SECOND, Span, mark_order, pairs};

/// What one thread does. Those that may wait for others come first: the main thread does the second of a pair, and then
/// all that the first may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Drain,
    DrainKey,
    Pause,
    SubmitSame,
    SubmitOther,
    SubmitFront,
    PutBack,
    Remove,
    Release,
    Step,
    Resume,
    ShutdownRun,
    ShutdownHandBack,
    Reclaim,
}

const OPS: [(Op, &str); 14] = [
    (Op::Drain, "drain"),
    (Op::DrainKey, "drain_key"),
    (Op::Pause, "pause"),
    (Op::SubmitSame, "submit_same_key"),
    (Op::SubmitOther, "submit_other_key"),
    (Op::SubmitFront, "submit_front"),
    (Op::PutBack, "put_back"),
    (Op::Remove, "remove"),
    (Op::Release, "release"),
    (Op::Step, "step"),
    (Op::Resume, "resume"),
    (Op::ShutdownRun, "shutdown_run"),
    (Op::ShutdownHandBack, "shutdown_hand_back"),
    (Op::Reclaim, "reclaim"),
];

/// Which methods the operations stand for.
pub const COVERED: &[&str] = &[
    "PoolHandle::submit",
    "PoolHandle::submit_front",
    "PoolHandle::remove",
    "PoolHandle::drain_key",
    "Lease::hold",
    "KeyGuard::put_back",
    "KeyGuard::drop",
    "PoolHandle::pause",
    "PauseGuard::drop",
    "PoolHandle::drain",
    "PoolHandle::shutdown",
    "PoolHandle::reclaim",
    "Worker::step",
];

/// What has happened before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    /// Two items of one key wait; one, where a drain makes another thread run it at the same time.
    Loaded,
    /// As `Loaded`, and a pause is in force.
    Paused,
    /// As `Loaded`, and an item that ran before these has its key held.
    Held,
}

const STATES: [(State, &str); 4] =
    [(State::Fresh, "fresh"), (State::Loaded, "loaded"), (State::Paused, "paused"), (State::Held, "held")];

/// The item that keeps its key.
const HOLDER: u32 = 0;

/// Items are numbered; a key is the number of tens.
struct Recorder {
    history: History<Action>,
    /// Where the holder leaves its key.
    held: Log<KeyGuard<u32, u32>>,
}

impl Handler for Recorder {
    type Key = u32;
    type Item = u32;

    fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, item: u32) {
        assert_eq!(*key, item / 10);
        self.history.callback(item, u64::from(*key));
        if item == HOLDER {
            self.held.add(key.hold());
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Submit(u32, bool),
    SubmitFront(u32, bool),
    /// By who holds the key after the holder.
    PutBack(u32, bool),
    Remove(Vec<u32>),
    Holds(u32),
    Release(u32),
    Begins(u32),
    Ends(u32),
    Idle,
    Stopped,
    Pause(bool),
    Quiet,
    Resume,
    DrainBegins(usize),
    KeyDrainBegins(usize),
    DrainEnds(usize, bool),
    Close,
    ShutDown(Stop),
    Leftovers(BTreeMap<u32, Vec<u32>>),
}

/// The reference model, asked action by action.
#[derive(Clone, Debug)]
struct Sequential {
    model: PoolModel<u32>,
    items: BTreeMap<u32, ItemId>,
    drains: BTreeMap<usize, DrainId>,
}

fn sequential() -> Sequential {
    let shard_of = [(0, 0), (1, 0)].into_iter().collect();
    Sequential { model: PoolModel::new(shard_of), items: BTreeMap::new(), drains: BTreeMap::new() }
}

impl Specification for Sequential {
    type Action = Action;

    fn allows(&mut self, action: &Action) -> bool {
        let Self { model, items, drains } = self;
        match action {
            Action::Submit(item, accepted) => match model.submit(item / 10, None) {
                Some(id) => items.insert(*item, id).is_none() && *accepted,
                None => !accepted,
            },
            Action::SubmitFront(item, accepted) => match model.submit_front(item / 10, None) {
                Some(id) => items.insert(*item, id).is_none() && *accepted,
                None => !accepted,
            },
            Action::PutBack(item, accepted) => match model.submit_front(item / 10, Some(items[&HOLDER])) {
                Some(id) => items.insert(*item, id).is_none() && *accepted,
                None => !accepted,
            },
            Action::Remove(removed) => {
                let expected = model.remove(&0);
                let removed = removed.iter().map(|item| items.get(item).copied());
                removed.eq(expected.into_iter().map(Some))
            }
            Action::Holds(item) => {
                model.hold(items[item]);
                true
            }
            Action::Release(item) => {
                model.release(items[item]);
                true
            }
            Action::Begins(item) => items.get(item).is_some_and(|&id| model.start(id).is_ok()),
            Action::Ends(item) => {
                model.end(items[item]);
                true
            }
            Action::Idle => model.step(0) == Stepped::Idle,
            Action::Stopped => model.step(0) == Stepped::Stopped,
            Action::Pause(accepted) => model.pause() == *accepted,
            Action::Quiet => model.is_quiet(),
            Action::Resume => {
                model.resume();
                true
            }
            Action::DrainBegins(number) => drains.insert(*number, model.drain()).is_none(),
            Action::KeyDrainBegins(number) => drains.insert(*number, model.drain_key(0)).is_none(),
            Action::DrainEnds(number, well) => match model.drained(drains[number]) {
                Drained::Done => *well,
                Drained::Stopped | Drained::MayStop => !well,
                Drained::Waits => false,
            },
            Action::Close => {
                model.close();
                true
            }
            Action::ShutDown(stop) => {
                model.shut_down(match stop {
                    Stop::RunRemaining => reference::Stop::RunRemaining,
                    Stop::HandBack => reference::Stop::HandBack,
                });
                true
            }
            Action::Leftovers(left) => {
                let expected = model.reclaim();
                let ids = |left: &Vec<u32>| {
                    left.iter().map(|item| items.get(item).copied()).collect::<Option<Vec<_>>>()
                };
                let expected = expected.into_iter().map(|(key, left)| (key, Some(left)));
                expected.eq(left.iter().map(|(&key, left)| (key, ids(left))))
            }
        }
    }
}

/// What a thread owns.
struct Ends {
    pool: PoolHandle<Recorder>,
    worker: Option<Worker<Recorder>>,
    guards: Vec<PauseGuard<u32, u32>>,
    held: Option<KeyGuard<u32, u32>>,
}

pub fn models() -> Vec<Model> {
    let mut models = Vec::new();
    for ((one, one_name), (other, other_name)) in pairs(&OPS) {
        for (state, state_name) in STATES {
            if !can_race(one, other, state) {
                continue;
            }
            let judge = Judge::new(sequential()).and_twin(twin::knows(&[one, other], state), twin::retell);
            // Nobody else runs what a drain finds.
            let waits = drains(one) && state != State::Fresh;
            let orders: &[_] = if waits { &[SECOND, OVERLAP] } else { &[FIRST, SECOND, OVERLAP] };
            models.push(
                Model::new(format!("pool.{one_name}.{other_name}.{state_name}"), "P1 P2 P3 P6 P7 P8", 2)
                    .reaches(orders)
                    .scenario(move || race(&[one, other], state, &judge)),
            );
        }
    }
    models.extend(triples());
    models
}

/// The triples that matter, chosen by hand.
const TRIPLES: &[(&str, [Op; 3], State)] = &[
    ("submit_submit_step", [Op::SubmitSame, Op::SubmitSame, Op::Step], State::Fresh),
    ("submit_step_step", [Op::SubmitSame, Op::Step, Op::Step], State::Loaded),
    ("drain_submit_submit", [Op::Drain, Op::SubmitSame, Op::SubmitOther], State::Fresh),
    ("pause_submit_shutdown", [Op::Pause, Op::SubmitSame, Op::ShutdownRun], State::Fresh),
    ("pause_step_shutdown", [Op::Pause, Op::Step, Op::ShutdownRun], State::Loaded),
    ("step_submit_shutdown", [Op::Step, Op::SubmitSame, Op::ShutdownHandBack], State::Fresh),
];

fn triples() -> impl Iterator<Item = Model> {
    TRIPLES.iter().map(|&(name, ops, state)| {
        let judge = Judge::new(sequential()).and_twin(twin::knows(&ops, state), twin::retell);
        let model = Model::new(format!("pool.{name}"), "P1 P2 P3 P6 P7 P8", 3)
            .reaches(&[OVERLAP])
            .scenario(move || race(&ops, state, &judge));
        // It does not end in minutes: the items that the drain makes the main thread run are stamped too.
        if drains(ops[0]) { model.bounded(5) } else { model }
    })
}

/// One of two cannot go on before the other is over: two threads that both wait for a third, or that both own all the
/// workers.
fn can_race(one: Op, other: Op, state: State) -> bool {
    let owns_workers = |op| matches!(op, Op::Step | Op::Reclaim);
    let both_own = owns_workers(one) && owns_workers(other) && (one, other) != (Op::Step, Op::Step);
    // `drain_against_drain` in `pool_control.rs` has a third thread that runs the items.
    let both_wait = drains(one) && drains(other) && state != State::Fresh;
    let has_no_guard = state != State::Paused && (one == Op::Resume || other == Op::Resume);
    let has_one_guard = (one, other) == (Op::Resume, Op::Resume);
    // Whoever takes the workers back says that the pauses are over.
    let paused_for_ever = state == State::Paused && other == Op::Reclaim && drains(one);
    // Each of them owns the key that is held; and without them nothing is asked of that which is not asked elsewhere.
    let lets_go = |op| matches!(op, Op::Release | Op::PutBack);
    let held_in_vain = (state == State::Held) != (lets_go(one) || lets_go(other));
    let both_let_go = lets_go(one) && lets_go(other);
    !(both_own
        || both_wait
        || has_no_guard
        || has_one_guard
        || paused_for_ever
        || held_in_vain
        || both_let_go)
}

/// Whether it waits for items to be run.
fn drains(op: Op) -> bool {
    matches!(op, Op::Drain | Op::DrainKey)
}

/// Each operation on a thread of its own, the last one on the main thread.
fn race(ops: &[Op], state: State, judge: &Judge<Sequential>) {
    // What a drain has to do with is when the handlers ran.
    let fine = ops.len() <= 2 || drains(ops[0]);
    let history = if fine { History::new() } else { History::coarse() };
    let held = Log::new();
    let recorder = Recorder { history: history.clone(), held: held.clone() };
    let builder = ShardedThreadPool::builder(recorder);
    let (pool, mut workers) = builder.shards(1).threads_per_shard(2).stepped().unwrap();
    if state == State::Held {
        submit(&pool, HOLDER, &history);
        let _ = step(workers.last_mut().expect("there are two"), &history);
    }
    if state != State::Fresh {
        submit(&pool, 1, &history);
        if !drains(ops[0]) && state != State::Held {
            submit(&pool, 2, &history);
        }
    }
    let held = held.take().pop();
    let mut ours = Ends { pool: pool.clone(), worker: workers.pop(), guards: Vec::new(), held };
    if state == State::Paused {
        pause(&mut ours, &history);
    }

    let (&last, others) = ops.split_last().expect("somebody does something");
    let mut spare = workers.pop();
    let mut racers: Vec<_> = others
        .iter()
        .enumerate()
        .map(|(index, &op)| {
            let mut theirs = Ends { pool: pool.clone(), worker: None, guards: Vec::new(), held: None };
            match op {
                Op::Step => theirs.worker = spare.take(),
                Op::Resume => theirs.guards.append(&mut ours.guards),
                Op::Release | Op::PutBack => theirs.held = ours.held.take(),
                _ => {}
            }
            let history = history.clone();
            thread::spawn(move || {
                let span = act(op, index, &mut theirs, &mut None, &history);
                (span, theirs)
            })
        })
        .collect();
    let mut spans = vec![act(last, others.len(), &mut ours, &mut spare, &history)];
    while let Some(racer) = racers.pop() {
        if racers.is_empty() && drains(ops[0]) {
            // It may wait for all that is left.
            resume(&mut ours, &history);
            release(&mut ours, &history);
            run_unstamped(&mut ours, spans[0].1, &history);
        }
        let (span, mut theirs) = racer.join().unwrap();
        spans.push(span);
        ours.guards.append(&mut theirs.guards);
        ours.held = ours.held.take().or(theirs.held);
        spare = spare.or(theirs.worker);
    }
    mark_order(&spans);

    resume(&mut ours, &history);
    release(&mut ours, &history);
    run_all(&mut ours, &history);
    if ours.worker.is_some() {
        reclaim(&mut ours, &mut spare, &history);
    }
    judge.judge(history.take());
}

/// Does `op`, as number `index` of those that race.
fn act(
    op: Op,
    index: usize,
    ends: &mut Ends,
    spare: &mut Option<Worker<Recorder>>,
    history: &History<Action>,
) -> Span {
    let item = 3 + index as u32;
    match op {
        Op::SubmitSame => submit(&ends.pool, item, history),
        Op::SubmitOther => submit(&ends.pool, 10 + item, history),
        Op::Step => step(ends.worker.as_mut().expect("it is its own"), history).1,
        Op::Pause => pause(ends, history),
        Op::Resume => resume(ends, history),
        Op::SubmitFront => submit_front(&ends.pool, item, history),
        Op::PutBack => put_back(ends, item, history),
        Op::Remove => remove(&ends.pool, history),
        Op::Release => release(ends, history),
        Op::Drain => drain(&ends.pool, index, history),
        Op::DrainKey => drain_key(&ends.pool, index, history),
        Op::ShutdownRun => shutdown(&ends.pool, Stop::RunRemaining, history),
        Op::ShutdownHandBack => shutdown(&ends.pool, Stop::HandBack, history),
        Op::Reclaim => reclaim(ends, spare, history),
    }
}

fn submit(pool: &PoolHandle<Recorder>, item: u32, history: &History<Action>) -> Span {
    let (outcome, invoked, returned) = history.stamped(|| pool.submit(item / 10, item));
    if let Err(refused) = &outcome {
        assert!(format!("{refused}").contains("shut down"));
    }
    history.record(invoked, returned, vec![Action::Submit(item, outcome.is_ok())]);
    (invoked, returned)
}

fn submit_front(pool: &PoolHandle<Recorder>, item: u32, history: &History<Action>) -> Span {
    let (outcome, invoked, returned) = history.stamped(|| pool.submit_front(item / 10, item));
    history.record(invoked, returned, vec![Action::SubmitFront(item, outcome.is_ok())]);
    (invoked, returned)
}

fn put_back(ends: &mut Ends, item: u32, history: &History<Action>) -> Span {
    let guard = ends.held.as_ref().expect("it is its own");
    let (outcome, invoked, returned) = history.stamped(|| guard.put_back(item));
    history.record(invoked, returned, vec![Action::PutBack(item, outcome.is_ok())]);
    (invoked, returned)
}

fn remove(pool: &PoolHandle<Recorder>, history: &History<Action>) -> Span {
    let (removed, invoked, returned) = history.stamped(|| pool.remove(&0));
    history.record(invoked, returned, vec![Action::Remove(removed)]);
    (invoked, returned)
}

/// Lets go of the key, if it is held.
fn release(ends: &mut Ends, history: &History<Action>) -> Span {
    let Some(guard) = ends.held.take() else { return Span::default() };
    let ((), invoked, returned) = history.stamped(|| drop(guard));
    history.record(invoked, returned, vec![Action::Release(HOLDER)]);
    (invoked, returned)
}

fn step(worker: &mut Worker<Recorder>, history: &History<Action>) -> (Step, Span) {
    let (step, invoked, returned) = history.stamped(|| worker.step());
    match (step, history.ran_here()) {
        (Step::Ran, Some(ran)) => {
            let (begins, ends) = (Action::Begins(ran.number), Action::Ends(ran.number));
            if ran.number == HOLDER {
                history.record(invoked, returned, vec![begins, Action::Holds(HOLDER), ends]);
            } else {
                history.record_around(ran, (invoked, returned), begins, ends);
            }
        }
        (Step::Idle, None) => history.record(invoked, returned, vec![Action::Idle]),
        (Step::Stopped, None) => history.record(invoked, returned, vec![Action::Stopped]),
        other => panic!("{other:?}"),
    }
    (step, (invoked, returned))
}

fn run_all(ends: &mut Ends, history: &History<Action>) {
    if let Some(worker) = &mut ends.worker {
        while step(worker, history).0 == Step::Ran {}
    }
}

/// Runs items while the other thread drains. Only the handlers are stamped: each stamp is one more point at which the
/// other thread may come in between, and when a handler ran is all that a drain has to do with.
fn run_unstamped(ends: &mut Ends, since: usize, history: &History<Action>) {
    while ends.worker.as_mut().is_some_and(|worker| worker.step() == Step::Ran) {
        let ran = history.ran_here().expect("an item has run");
        let (begins, ends) = (Action::Begins(ran.number), Action::Ends(ran.number));
        history.record_around(ran, (since, usize::MAX), begins, ends);
    }
}

fn pause(ends: &mut Ends, history: &History<Action>) -> Span {
    let (outcome, invoked, returned) = history.stamped(|| ends.pool.pause());
    match outcome {
        Ok(guard) => {
            ends.guards.push(guard);
            history.record(invoked, returned, vec![Action::Pause(true), Action::Quiet]);
        }
        Err(error) => {
            assert_eq!(error, ControlError::Stopped);
            history.record(invoked, returned, vec![Action::Pause(false)]);
        }
    }
    (invoked, returned)
}

/// Ends the pauses of these ends; when the first of them was ended, if there was one.
fn resume(ends: &mut Ends, history: &History<Action>) -> Span {
    let spans: Vec<Span> = ends
        .guards
        .drain(..)
        .map(|guard| {
            let ((), invoked, returned) = history.stamped(|| drop(guard));
            history.record(invoked, returned, vec![Action::Resume]);
            (invoked, returned)
        })
        .collect();
    spans.first().copied().unwrap_or_default()
}

fn drain(pool: &PoolHandle<Recorder>, number: usize, history: &History<Action>) -> Span {
    let (outcome, invoked, returned) = history.stamped(|| pool.drain());
    let well = outcome.map_err(|error| assert_eq!(error, ControlError::Stopped)).is_ok();
    history.record(invoked, returned, vec![Action::DrainBegins(number), Action::DrainEnds(number, well)]);
    (invoked, returned)
}

fn drain_key(pool: &PoolHandle<Recorder>, number: usize, history: &History<Action>) -> Span {
    let (outcome, invoked, returned) = history.stamped(|| pool.drain_key(&0));
    let well = outcome.map_err(|error| assert_eq!(error, ControlError::Stopped)).is_ok();
    history.record(invoked, returned, vec![Action::KeyDrainBegins(number), Action::DrainEnds(number, well)]);
    (invoked, returned)
}

fn shutdown(pool: &PoolHandle<Recorder>, stop: Stop, history: &History<Action>) -> Span {
    let ((), invoked, returned) = history.stamped(|| pool.shutdown(stop));
    history.record(invoked, returned, vec![Action::Close, Action::ShutDown(stop)]);
    (invoked, returned)
}

fn reclaim(ends: &mut Ends, spare: &mut Option<Worker<Recorder>>, history: &History<Action>) -> Span {
    let workers = ends.worker.take().into_iter().chain(spare.take()).collect();
    let (report, invoked, returned) = history.stamped(|| ends.pool.reclaim(workers));
    let mut left = BTreeMap::<u32, Vec<u32>>::new();
    for (key, item) in report.leftovers {
        left.entry(key).or_default().push(item);
    }
    let stop = Stop::HandBack;
    history.record(invoked, returned, vec![Action::Close, Action::ShutDown(stop), Action::Leftovers(left)]);
    (invoked, returned)
}
