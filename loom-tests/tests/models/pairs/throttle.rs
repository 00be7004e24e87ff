//! Pairs of operations of a throttle.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keylane::testing::Model;
use keylane::{Acquire, AcquireError, Limits, Permit, Throttle, ThrottleSnapshot};
use keylane_proptests::history::Specification;
use keylane_proptests::{self as reference, RequestId, Standing, ThrottleModel};
use loom::thread;

use crate::history::{History, Judge};
use crate::pairs::{FIRST, OVERLAP, SECOND, Span, mark_order, pairs};
use crate::throttle::block_on;

/// What one thread does. Those that wait for others come first: the main thread does the second of a pair, and then all
/// that the first may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Acquire,
    Await,
    AcquireTimeout,
    Cancel,
    Try,
    TryLarge,
    Release,
    Raise,
    Lower,
    Close,
    Snapshot,
}

const OPS: [(Op, &str); 11] = [
    (Op::Acquire, "acquire"),
    (Op::Await, "await"),
    (Op::AcquireTimeout, "acquire_timeout"),
    (Op::Cancel, "cancel"),
    (Op::Try, "try"),
    (Op::TryLarge, "try_large"),
    (Op::Release, "release"),
    (Op::Raise, "raise"),
    (Op::Lower, "lower"),
    (Op::Close, "close"),
    (Op::Snapshot, "snapshot"),
];

/// Which methods the operations stand for.
pub const COVERED: &[&str] = &[
    "Throttle::try_acquire",
    "Throttle::acquire",
    "Throttle::acquire_timeout",
    "Throttle::acquire_async",
    "Throttle::set_limits",
    "Throttle::close",
    "Throttle::snapshot",
    "Permit::drop",
    "Acquire::drop",
];

/// What has happened before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    /// Two are out, which is all in both units.
    Full,
    /// One is out that leaves no bytes, and somebody waits, whom the main thread speaks for.
    Waiting,
    /// One is out, and there are no limits.
    Off,
}

const STATES: [(State, &str); 4] =
    [(State::Fresh, "fresh"), (State::Full, "full"), (State::Waiting, "waiting"), (State::Off, "off")];

const USUAL: Limits = Limits { count: Some(2), bytes: Some(4) };
const HIGH: Limits = Limits { count: None, bytes: Some(100) };
const LOW: Limits = Limits { count: Some(0), bytes: None };

/// Two of them fit, one of the large ones does only alone.
const BYTES: u64 = 2;
const LARGE: u64 = 9;

/// Requests are numbered by who makes them.
type Number = usize;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Tries(Number, u64, Result<(), Refusal>),
    /// Comes, to wait if need be.
    Arrives(Number, u64),
    Has(Number),
    Refused(Number),
    /// Its time is over while it waits.
    GivesUp(Number),
    /// It is dropped, whatever has become of it.
    Cancels(Number),
    GivesBack(Number),
    SetLimits(Limits),
    Close,
    Looks(Limits, u64, u64, usize, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Refusal {
    Full,
    Closed,
}

/// The reference model, asked action by action.
#[derive(Clone, Debug)]
struct Sequential {
    model: ThrottleModel,
    requests: BTreeMap<Number, RequestId>,
}

impl Sequential {
    fn stands(&self, number: Number, standing: Standing) -> bool {
        self.requests.get(&number).is_some_and(|&id| self.model.standing(id) == standing)
    }

    /// Whether it stands so, and goes.
    fn leaves(&mut self, number: Number, standing: Standing) -> bool {
        let stands = self.stands(number, standing);
        if stands {
            self.model.leave(self.requests[&number]);
        }
        stands
    }
}

impl Specification for Sequential {
    type Action = Action;

    fn allows(&mut self, action: &Action) -> bool {
        match action {
            Action::Tries(number, bytes, outcome) => {
                let closed = self.model.is_closed();
                let got = self.model.try_acquire(*bytes);
                if let Some(id) = got {
                    self.requests.insert(*number, id);
                }
                let refusal = if closed { Refusal::Closed } else { Refusal::Full };
                *outcome == got.map(|_| ()).ok_or(refusal)
            }
            Action::Arrives(number, bytes) => {
                let id = self.model.arrive(*bytes);
                self.requests.insert(*number, id).is_none()
            }
            Action::Has(number) => self.stands(*number, Standing::Out),
            Action::Refused(number) => self.stands(*number, Standing::Refused),
            Action::GivesUp(number) => self.leaves(*number, Standing::Waits),
            Action::Cancels(number) => [Standing::Waits, Standing::Out, Standing::Refused]
                .iter()
                .any(|&any| self.leaves(*number, any)),
            Action::GivesBack(number) => self.leaves(*number, Standing::Out),
            Action::SetLimits(limits) => {
                self.model.set_limits(modelled(*limits));
                true
            }
            Action::Close => {
                self.model.close();
                true
            }
            Action::Looks(limits, count, bytes, waiting, closed) => {
                self.model.sums() == (*count, u128::from(*bytes), *waiting)
                    && (self.model.limits(), self.model.is_closed()) == (modelled(*limits), *closed)
            }
        }
    }
}

/// What a thread owns.
struct Ends {
    throttle: Throttle,
    held: Vec<(Number, Permit)>,
    waits: Option<(Number, Acquire)>,
}

pub fn models() -> Vec<Model> {
    let mut models = Vec::new();
    for ((one, one_name), (other, other_name)) in pairs(&OPS) {
        for (state, state_name) in STATES {
            if !can_race(one, other, state) {
                continue;
            }
            let judge = judge(state);
            // Nothing comes back before the main thread has done the other one.
            let after = waits(one) && matches!(state, State::Full | State::Waiting);
            let orders: &[_] = if after { &[SECOND, OVERLAP] } else { &[FIRST, SECOND, OVERLAP] };
            models.push(
                Model::new(format!("throttle.{one_name}.{other_name}.{state_name}"), "D8", 2)
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
    ("cancel_try_release", [Op::Cancel, Op::Try, Op::Release], State::Full),
    ("cancel_release_raise", [Op::Cancel, Op::Release, Op::Raise], State::Waiting),
    ("release_try_lower", [Op::Release, Op::Try, Op::Lower], State::Full),
    ("timeout_release_close", [Op::AcquireTimeout, Op::Release, Op::Close], State::Full),
];

fn triples() -> impl Iterator<Item = Model> {
    TRIPLES.iter().map(|&(name, ops, state)| {
        let judge = judge(state);
        Model::new(format!("throttle.{name}"), "D8", 3)
            .reaches(&[OVERLAP])
            .scenario(move || race(&ops, state, &judge))
    })
}

fn judge(state: State) -> Judge<Sequential> {
    Judge::new(Sequential { model: ThrottleModel::new(modelled(limits(state))), requests: BTreeMap::new() })
}

fn limits(state: State) -> Limits {
    if state == State::Off { Limits::NONE } else { USUAL }
}

/// The reference model is of another build of keylane.
fn modelled(Limits { count, bytes }: Limits) -> reference::Limits {
    reference::Limits { count, bytes }
}

/// Whether it may return only after somebody else has done something.
fn waits(op: Op) -> bool {
    matches!(op, Op::Acquire | Op::Await)
}

/// Two that wait for a third cannot both be among two; who gives back must have got it.
fn can_race(one: Op, other: Op, state: State) -> bool {
    let both_wait = waits(one) && waits(other) && matches!(state, State::Full | State::Waiting);
    let releases = [one, other].into_iter().filter(|&op| op == Op::Release).count();
    !both_wait && releases <= out(state).len()
}

/// The bytes of what is out.
fn out(state: State) -> &'static [u64] {
    match state {
        State::Fresh => &[],
        State::Full => &[BYTES, BYTES],
        State::Waiting => &[2 * BYTES],
        State::Off => &[BYTES],
    }
}

/// Each operation on a thread of its own, the last one on the main thread.
fn race(ops: &[Op], state: State, judge: &Judge<Sequential>) {
    let history = History::new();
    let throttle = Throttle::new(limits(state));
    let mut ours = Ends { throttle: throttle.clone(), held: Vec::new(), waits: None };
    for (number, bytes) in (10..).zip(out(state)) {
        try_acquire(*bytes, number, &mut ours, &history);
    }
    if state == State::Waiting {
        let mut acquire = throttle.acquire_async(BYTES);
        let (outcome, invoked, returned) = history.stamped(|| poll(&mut acquire));
        assert!(outcome.is_pending());
        history.record(invoked, returned, vec![Action::Arrives(20, BYTES)]);
        ours.waits = Some((20, acquire));
    }

    let (&last, others) = ops.split_last().expect("somebody does something");
    let some_wait = others.iter().any(|&op| waits(op));
    // One that has been served may be all that another waits for.
    let at_once = some_wait && others.len() > 1;
    let racers: Vec<_> = others
        .iter()
        .enumerate()
        .map(|(number, &op)| {
            let mut theirs = Ends { throttle: throttle.clone(), held: Vec::new(), waits: None };
            if op == Op::Release {
                theirs.held.extend(ours.held.pop());
            }
            let history = history.clone();
            thread::spawn(move || {
                let span = act(op, number, &mut theirs, &history);
                if at_once {
                    finish(&mut theirs, span.1, &history);
                }
                (span, theirs)
            })
        })
        .collect();
    let mut spans = vec![act(last, others.len(), &mut ours, &history)];
    if some_wait {
        finish(&mut ours, spans[0].1, &history);
    }
    for racer in racers {
        let (span, mut theirs) = racer.join().unwrap();
        finish(&mut theirs, span.1, &history);
        spans.push(span);
    }
    finish(&mut ours, spans[0].1, &history);
    mark_order(&spans);
    act(Op::Snapshot, 30, &mut ours, &history);
    let quiet = throttle.snapshot();
    assert_eq!((quiet.count, quiet.bytes, quiet.waiting), (0, 0, 0), "zero when quiet");
    judge.judge(history.take());
}

/// Gives back and gives up all that these ends have: one call of several actions, at any time after `since`. It is not
/// stamped, as each stamp is one more point at which others may come in between.
fn finish(ends: &mut Ends, since: usize, history: &History<Action>) {
    let mut actions = Vec::new();
    let mut give_back = |held: &mut Vec<(Number, Permit)>| {
        while let Some((number, permit)) = held.pop() {
            drop(permit);
            actions.push(Action::GivesBack(number));
        }
    };
    give_back(&mut ends.held);
    if let Some((number, mut acquire)) = ends.waits.take() {
        match poll(&mut acquire) {
            Poll::Pending => {
                drop(acquire);
                actions.push(Action::Cancels(number));
            }
            Poll::Ready(Ok(permit)) => {
                drop(permit);
                actions.extend([Action::Has(number), Action::GivesBack(number)]);
            }
            Poll::Ready(Err(error)) => {
                assert_eq!(error, AcquireError::Closed);
                actions.push(Action::Refused(number));
            }
        }
    }
    if !actions.is_empty() {
        history.record(since, usize::MAX, actions);
    }
}

/// Does `op`, as request `number` if it is one.
fn act(op: Op, number: Number, ends: &mut Ends, history: &History<Action>) -> Span {
    let throttle = ends.throttle.clone();
    let waiting = |outcome, span, ends| {
        settled(outcome, number, span, ends, history);
        span
    };
    match op {
        Op::Acquire => {
            let (outcome, invoked, returned) = history.stamped(|| throttle.acquire(BYTES));
            waiting(outcome, (invoked, returned), ends)
        }
        Op::Await => {
            let (outcome, invoked, returned) = history.stamped(|| block_on(throttle.acquire_async(BYTES)));
            waiting(outcome, (invoked, returned), ends)
        }
        Op::AcquireTimeout => {
            let limit = Duration::from_secs(1);
            let (outcome, invoked, returned) = history.stamped(|| throttle.acquire_timeout(BYTES, limit));
            waiting(outcome, (invoked, returned), ends)
        }
        Op::Cancel => {
            let (outcome, invoked, returned) = history.stamped(|| poll(&mut throttle.acquire_async(BYTES)));
            match outcome {
                Poll::Ready(outcome) => waiting(outcome, (invoked, returned), ends),
                Poll::Pending => {
                    let actions = vec![Action::Arrives(number, BYTES), Action::Cancels(number)];
                    history.record(invoked, returned, actions);
                    (invoked, returned)
                }
            }
        }
        Op::Try => try_acquire(BYTES, number, ends, history),
        Op::TryLarge => try_acquire(LARGE, number, ends, history),
        Op::Release => {
            let (held, permit) = ends.held.pop().expect("it has one");
            does(Action::GivesBack(held), || drop(permit), history)
        }
        Op::Raise => does(Action::SetLimits(HIGH), || throttle.set_limits(HIGH), history),
        Op::Lower => does(Action::SetLimits(LOW), || throttle.set_limits(LOW), history),
        Op::Close => does(Action::Close, || throttle.close(), history),
        Op::Snapshot => {
            let (seen, invoked, returned) = history.stamped(|| throttle.snapshot());
            let ThrottleSnapshot { limits, count, bytes, waiting, closed, .. } = seen;
            history.record(invoked, returned, vec![Action::Looks(limits, count, bytes, waiting, closed)]);
            (invoked, returned)
        }
    }
}

fn try_acquire(bytes: u64, number: Number, ends: &mut Ends, history: &History<Action>) -> Span {
    let (outcome, invoked, returned) = history.stamped(|| ends.throttle.try_acquire(bytes));
    let outcome = match outcome {
        Ok(permit) => {
            ends.held.push((number, permit));
            Ok(())
        }
        Err(AcquireError::Full) => Err(Refusal::Full),
        Err(error) => {
            assert_eq!(error, AcquireError::Closed);
            Err(Refusal::Closed)
        }
    };
    history.record(invoked, returned, vec![Action::Tries(number, bytes, outcome)]);
    (invoked, returned)
}

/// One action without an outcome.
fn does(action: Action, call: impl FnOnce(), history: &History<Action>) -> Span {
    let ((), invoked, returned) = history.stamped(call);
    history.record(invoked, returned, vec![action]);
    (invoked, returned)
}

/// Writes down a wait, and how it has ended.
fn settled(
    outcome: Result<Permit, AcquireError>,
    number: Number,
    (invoked, returned): Span,
    ends: &mut Ends,
    history: &History<Action>,
) {
    let end = match outcome {
        Ok(permit) => {
            ends.held.push((number, permit));
            Action::Has(number)
        }
        Err(AcquireError::TimedOut) => Action::GivesUp(number),
        Err(error) => {
            assert_eq!(error, AcquireError::Closed);
            Action::Refused(number)
        }
    };
    history.record(invoked, returned, vec![Action::Arrives(number, BYTES), end]);
}

fn poll(acquire: &mut Acquire) -> Poll<Result<Permit, AcquireError>> {
    Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop()))
}
