//! Pairs of operations of an inbox.

use keylane::Stop;
use keylane::internals::{Arc, Inbox, Origin, Pushed, Taken, Tally};
use keylane::testing::Model;
use keylane_proptests::history::Specification;
use keylane_twin::inbox::Inbox as Twin;
use keylane_twin::inbox::judge::{Part, Told};
use keylane_twin::judge::Call;
use loom::thread;

use crate::history::{History, Judge, Recorded, Retold};
use crate::pairs::{FIRST, OVERLAP, SECOND, mark_order, pairs};

/// What one thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Push,
    PushInside,
    Take,
    LieDown,
    Seal,
    CloseRun,
    CloseHandBack,
    Inspect,
    HasNews,
}

const OPS: [(Op, &str); 9] = [
    (Op::Push, "push"),
    (Op::PushInside, "push_inside"),
    (Op::Take, "take"),
    (Op::LieDown, "lie_down"),
    (Op::Seal, "seal"),
    (Op::CloseRun, "close_run"),
    (Op::CloseHandBack, "close_hand_back"),
    (Op::Inspect, "inspect"),
    (Op::HasNews, "has_news"),
];

/// Which methods the operations stand for.
pub const COVERED: &[&str] = &[
    "Inbox::push",
    "Inbox::take",
    "Inbox::settle_and_take",
    "Inbox::inspect",
    "Inbox::seal",
    "Inbox::close",
    "Inbox::has_news",
];

/// How many messages arrived, and of how many the consumer has told that they are done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Counts {
    arrived: u32,
    done: u32,
}

impl Tally<u32> for Counts {
    type Done = u32;

    fn arrive(&mut self, message: &u32) -> bool {
        self.arrived += 1;
        is_news(*message)
    }

    fn settle(&mut self, done: &mut u32) {
        self.done += std::mem::take(done);
    }
}

/// All but what the second thread pushes.
fn is_news(message: u32) -> bool {
    message != SECOND_PUSHES
}

/// What has happened before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    One,
    Asleep,
    Sealed,
}

const STATES: [(State, &str); 4] =
    [(State::Empty, "empty"), (State::One, "one"), (State::Asleep, "asleep"), (State::Sealed, "sealed")];

/// An inbox as a sequential program.
#[derive(Clone, Debug, Default)]
struct Sequential {
    arrived: Vec<u32>,
    asleep: bool,
    sealed: bool,
    closed: Option<Stop>,
    news: bool,
    counts: Counts,
    wakes: u64,
}

impl Sequential {
    fn wake(&mut self) -> bool {
        let woke = std::mem::take(&mut self.asleep);
        self.wakes += u64::from(woke);
        woke
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    /// A push, and whether it found the consumer asleep.
    Push(u32, Inside, Result<Woke, ()>),
    Take {
        lie_down: bool,
        got: Vec<u32>,
        taken: Taken,
    },
    Seal,
    Close(Stop, Woke),
    Inspect(Counts, u64),
    HasNews(bool),
}

/// The messages of the two threads.
const FIRST_PUSHES: u32 = 1;
const SECOND_PUSHES: u32 = 2;

/// What is said to be done at each take.
const DONE: u32 = 3;

type Inside = bool;
type Woke = bool;

impl Specification for Sequential {
    type Action = Action;

    fn allows(&mut self, action: &Action) -> bool {
        match action {
            Action::Push(message, inside, outcome) => {
                let refused = self.closed.is_some() || (self.sealed && !inside);
                if refused {
                    return *outcome == Err(());
                }
                self.arrived.push(*message);
                self.news |= is_news(*message);
                self.counts.arrived += 1;
                *outcome == Ok(self.wake())
            }
            Action::Take { lie_down, got, taken } => {
                let arrived = std::mem::take(&mut self.arrived);
                self.counts.done += DONE;
                let expected = match self.closed {
                    Some(stop) => Taken::Closed(stop),
                    None if *lie_down && arrived.is_empty() => Taken::Asleep,
                    None => Taken::Awake,
                };
                self.asleep |= expected == Taken::Asleep;
                self.news = self.closed == Some(Stop::HandBack);
                (got, *taken) == (&arrived, expected)
            }
            Action::Seal => {
                self.sealed = true;
                true
            }
            Action::Close(stop, woke) => {
                if self.closed != Some(Stop::HandBack) {
                    self.closed = Some(*stop);
                }
                self.news |= *stop == Stop::HandBack;
                *woke == self.wake()
            }
            Action::HasNews(has_news) => *has_news == self.news,
            Action::Inspect(counts, wakes) => (counts, *wakes) == (&self.counts, self.wakes),
        }
    }
}

pub fn models() -> Vec<Model> {
    let raced = pairs(&OPS).filter(|((one, _), (other, _))| !(consumes(*one) && consumes(*other)));
    raced
        .flat_map(|((one, one_name), (other, other_name))| {
            STATES.map(|(state, state_name)| {
                let knows = !is_sealed([one, other], state);
                let judge = Judge::new(Sequential::default()).and_twin(knows, retell);
                Model::new(format!("inbox.{one_name}.{other_name}.{state_name}"), "D1 D10 D11", 2)
                    .reaches(&[FIRST, SECOND, OVERLAP])
                    .scenario(move || race(one, other, state, &judge))
            })
        })
        .collect()
}

/// The twin knows no seal.
fn is_sealed(ops: [Op; 2], state: State) -> bool {
    ops.contains(&Op::Seal) || state == State::Sealed
}

/// In the words of the twin: each message has a producer of its own. What has been counted, and what is news, it does not know.
fn retell(calls: &[Recorded<Action>]) -> Retold<Twin> {
    let pushed: Vec<_> = calls
        .iter()
        .filter_map(|call| match call.alternatives[0][0] {
            Action::Push(message, ..) => Some(message),
            _ => None,
        })
        .collect();
    let producer = |message: &u32| pushed.iter().position(|other| other == message).expect("pushed") as u8;
    let part = |action: &Action| match action {
        Action::Push(message, _, outcome) => {
            Some(Part::Push { thread: producer(message), seen: outcome.ok() })
        }
        &Action::Close(_, woke) => Some(Part::Close { woke }),
        Action::Take { lie_down, got, taken } => Some(Part::Take {
            lie_down: *lie_down,
            got: got.iter().map(producer).collect(),
            told: match taken {
                Taken::Awake => Told::Awake,
                Taken::Asleep => Told::Asleep,
                Taken::Closed(_) => Told::Closed,
            },
        }),
        Action::HasNews(_) | Action::Inspect(..) => None,
        Action::Seal => unreachable!("not in these models"),
    };
    let calls = calls.iter().map(|call| Call {
        invoked: call.invoked,
        returned: call.returned,
        alternatives: call
            .alternatives
            .iter()
            .map(|actions| actions.iter().filter_map(part).collect())
            .collect(),
    });
    (Twin::judging(pushed.len() as u8), calls.collect())
}

/// An inbox has one consumer.
fn consumes(op: Op) -> bool {
    matches!(op, Op::Take | Op::LieDown | Op::HasNews)
}

fn race(one: Op, other: Op, state: State, judge: &Judge<Sequential>) {
    let inbox = Arc::new(Inbox::default());
    let history = History::new();
    match state {
        State::Empty => {}
        State::One => drop(act(Op::Push, 9, &inbox, &history)),
        State::Asleep => drop(act(Op::LieDown, 9, &inbox, &history)),
        State::Sealed => drop(act(Op::Seal, 9, &inbox, &history)),
    }
    let racer = {
        let (inbox, history) = (Arc::clone(&inbox), history.clone());
        thread::spawn(move || act(one, FIRST_PUSHES, &inbox, &history))
    };
    let second = act(other, SECOND_PUSHES, &inbox, &history);
    let first = racer.join().unwrap();
    mark_order(&[second, first]);
    for op in [Op::HasNews, Op::LieDown, Op::PushInside, Op::CloseRun, Op::Take, Op::HasNews, Op::Inspect] {
        act(op, 3, &inbox, &history);
    }
    judge.judge(history.take());
}

fn act(op: Op, message: u32, inbox: &Inbox<u32, Counts>, history: &History<Action>) -> (usize, usize) {
    let (action, invoked, returned) = history.stamped(|| match op {
        Op::Push => push(inbox, message, Origin::Outside),
        Op::PushInside => push(inbox, message, Origin::Inside),
        Op::Take => take(inbox, false),
        Op::LieDown => take(inbox, true),
        Op::Seal => {
            inbox.seal();
            Action::Seal
        }
        Op::CloseRun => Action::Close(Stop::RunRemaining, woke(inbox.close(Stop::RunRemaining))),
        Op::HasNews => Action::HasNews(inbox.has_news()),
        Op::Inspect => inbox.inspect(|counts, wakes| Action::Inspect(counts.clone(), wakes)),
        Op::CloseHandBack => Action::Close(Stop::HandBack, woke(inbox.close(Stop::HandBack))),
    });
    history.record(invoked, returned, vec![action]);
    (invoked, returned)
}

fn push(inbox: &Inbox<u32, Counts>, message: u32, origin: Origin) -> Action {
    let outcome = inbox.push(message, origin).map(woke).map_err(|refused| assert_eq!(refused, message));
    Action::Push(message, origin == Origin::Inside, outcome)
}

fn take(inbox: &Inbox<u32, Counts>, lie_down: bool) -> Action {
    let mut got = Vec::new();
    let taken = inbox.settle_and_take(&mut { DONE }, &mut got, lie_down);
    Action::Take { lie_down, got, taken }
}

fn woke(pushed: Pushed) -> bool {
    pushed == Pushed::OntoSleeper
}
