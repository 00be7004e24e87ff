//! Pairs of operations of a gate with one session that has seen something, and one that has not.

mod twin;

use keylane::internals::Mutex;
use keylane::testing::Model;
use keylane::{Epoch, EpochGate, GateSession, Gatekeeper, PublishError, Turn};
use keylane_proptests::history::Specification;
use keylane_proptests::{Arrival, GateModel, Publishing};
use loom::thread;
use std::sync::Arc;

use crate::harness::Log;
use crate::history::{History, Judge};
use crate::pairs::{FIRST, OVERLAP, SECOND, Span, mark_order, pairs};

/// What one thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Publish,
    Appear,
    ArriveReady,
    ArriveNext,
    ArriveMissing,
    OpenAndArrive,
    Reset,
    Drop,
    Stop,
    Wanted,
    Published,
}

const OPS: [(Op, &str); 11] = [
    (Op::Publish, "publish"),
    (Op::Appear, "group_appeared"),
    (Op::ArriveReady, "arrive_ready"),
    (Op::ArriveNext, "arrive_for_the_next_epoch"),
    (Op::ArriveMissing, "arrive_for_a_missing_group"),
    (Op::OpenAndArrive, "open_and_arrive"),
    (Op::Reset, "reset"),
    (Op::Drop, "drop"),
    (Op::Stop, "stop"),
    (Op::Wanted, "wanted"),
    (Op::Published, "published"),
];

/// Which methods the operations stand for.
pub const COVERED: &[&str] = &[
    "EpochGate::session",
    "EpochGate::publish",
    "EpochGate::group_appeared",
    "EpochGate::published",
    "EpochGate::wanted",
    "EpochGate::stop",
    "GateSession::arrive",
    "GateSession::reset",
    "GateSession::drop",
    "Turn::wait_for_group",
];

/// What has happened before. Epoch 1 has been published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    /// A message waits for epoch 2, and one that needs only epoch 1 behind it.
    Waiting,
    /// One waits for its group, and one behind it for epoch 2.
    Aside,
}

const STATES: [(State, &str); 3] =
    [(State::Fresh, "fresh"), (State::Waiting, "waiting"), (State::Aside, "set_aside")];

/// Of group 0 there is always one.
const MISSING: u8 = 1;

#[derive(Clone, Copy, Debug)]
struct Letter {
    number: u32,
    needs: u64,
    group: u8,
}

/// Writes down each callback, and whether it has set its message aside.
struct Recorder {
    history: History<Action>,
    passed: Log<Passed>,
    wanted: Log<(thread::ThreadId, u64)>,
    present: Arc<Mutex<bool>>,
}

#[derive(Clone, Copy, Debug)]
struct Passed {
    thread: thread::ThreadId,
    began: Option<usize>,
    ended: Option<usize>,
    session: u64,
    number: u32,
    epoch: u64,
    set_aside: Option<bool>,
}

impl Gatekeeper for Recorder {
    type Message = Letter;
    type Map = u64;
    type Group = u8;

    fn epoch_of(&self, letter: &Letter) -> Epoch {
        Epoch(letter.needs)
    }

    fn group_of(&self, letter: &Letter) -> u8 {
        letter.group
    }

    fn pass(&self, turn: Turn<'_, Self>, letter: Letter) {
        let began = self.history.stamp_inside();
        assert_eq!(turn.epoch().0, **turn.map(), "E2: the map of that epoch");
        let (session, epoch) = (turn.session().get(), turn.epoch().0);
        let missing = letter.group == MISSING && !*self.present.lock();
        let set_aside = missing.then(|| match turn.wait_for_group(letter) {
            Ok(()) => true,
            Err(refused) => {
                assert_eq!(refused.into_message().number, letter.number);
                false
            }
        });
        let ended = self.history.stamp_inside();
        let thread = thread::current().id();
        self.passed.add(Passed { thread, began, ended, session, number: letter.number, epoch, set_aside });
    }

    fn wanted(&self, epoch: Epoch) {
        self.wanted.add((thread::current().id(), epoch.0));
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Open(u64),
    Arrive(u64, u32, u64, u8, Arrival),
    Publish(u64, Publishing),
    Appeared,
    Begins(u64, u32, u64),
    SetAside(u64, bool),
    Ends(u64),
    Reset(u64, Vec<u32>),
    Close(u64),
    Stop(Vec<(u64, u32)>),
    Wanted(Option<u64>),
    Published(Option<u64>),
    /// E4: nothing is left that might leave.
    Settled,
}

/// The reference model, asked action by action.
#[derive(Clone, Debug, Default)]
struct Sequential(GateModel);

impl Specification for Sequential {
    type Action = Action;

    fn allows(&mut self, action: &Action) -> bool {
        let Self(model) = self;
        match action {
            Action::Open(session) => model.open() == *session,
            &Action::Arrive(session, number, needs, group, outcome) => {
                model.arrive(session, number, needs, group) == outcome
            }
            Action::Publish(epoch, outcome) => model.publish(*epoch) == *outcome,
            Action::Appeared => {
                model.appeared(MISSING);
                true
            }
            &Action::Begins(session, number, epoch) => model.begin(session, number, epoch),
            Action::SetAside(session, accepted) => model.park(*session) == Some(*accepted),
            Action::Ends(session) => {
                model.end(*session);
                true
            }
            Action::Reset(session, left) => model.reset(*session) == *left,
            Action::Close(session) => {
                model.close(*session);
                true
            }
            Action::Stop(left) => model.stop() == *left,
            Action::Wanted(epoch) => model.wanted() == *epoch,
            Action::Published(epoch) => model.published() == *epoch,
            Action::Settled => model.may_begin().is_empty(),
        }
    }
}

/// What the threads use.
#[derive(Clone)]
struct Ends {
    gate: EpochGate<Recorder>,
    session: Option<Arc<GateSession<Recorder>>>,
    /// By those that race.
    opened: Log<Option<Arc<GateSession<Recorder>>>>,
    history: History<Action>,
    passed: Log<Passed>,
    wanted: Log<(thread::ThreadId, u64)>,
    present: Arc<Mutex<bool>>,
}

pub fn models() -> Vec<Model> {
    let mut models = Vec::new();
    for ((one, one_name), (other, other_name)) in pairs(&OPS) {
        for (state, state_name) in STATES {
            if !can_race(one, other) {
                continue;
            }
            let judge = Judge::new(Sequential::default()).and_twin(twin::knows(&[one, other]), twin::retell);
            models.push(
                Model::new(format!("gate.{one_name}.{other_name}.{state_name}"), "E1 E2 E3 E4 E5", 2)
                    .reaches(&[FIRST, SECOND, OVERLAP])
                    .scenario(move || race(&[one, other], state, &judge)),
            );
        }
    }
    models.extend(triples());
    models
}

/// The triples that matter, chosen by hand.
const TRIPLES: &[(&str, [Op; 3], State)] = &[
    ("arrive_arrive_publish", [Op::ArriveNext, Op::ArriveReady, Op::Publish], State::Fresh),
    ("publish_publish_arrive", [Op::Publish, Op::Publish, Op::ArriveNext], State::Fresh),
    ("arrive_publish_reset", [Op::ArriveNext, Op::Publish, Op::Reset], State::Fresh),
    ("missing_appeared_reset", [Op::ArriveMissing, Op::Appear, Op::Reset], State::Fresh),
    ("missing_appeared_publish", [Op::ArriveMissing, Op::Appear, Op::Publish], State::Aside),
    ("publish_reset_stop", [Op::Publish, Op::Reset, Op::Stop], State::Waiting),
];

fn triples() -> impl Iterator<Item = Model> {
    TRIPLES.iter().map(|&(name, ops, state)| {
        let judge = Judge::new(Sequential::default()).and_twin(twin::knows(&ops), twin::retell);
        let model = Model::new(format!("gate.{name}"), "E1 E2 E3 E4 E5", 3)
            .reaches(&[OVERLAP])
            .scenario(move || race(&ops, state, &judge));
        // The others are some 300,000 interleavings and more.
        if name == "arrive_publish_reset" { model } else { model.bounded(3) }
    })
}

/// Whoever drops a session is its only user.
fn can_race(one: Op, other: Op) -> bool {
    let uses = |op| matches!(op, Op::ArriveReady | Op::ArriveNext | Op::ArriveMissing | Op::Reset | Op::Drop);
    !((one == Op::Drop || other == Op::Drop) && uses(one) && uses(other))
}

/// Each operation on a thread of its own, the last one on the main thread.
fn race(ops: &[Op], state: State, judge: &Judge<Sequential>) {
    // One that opens a session makes two calls.
    let coarse = ops.len() > 2 || ops.contains(&Op::OpenAndArrive);
    let history = if coarse { History::coarse() } else { History::new() };
    let (passed, wanted, present) = (Log::new(), Log::new(), Arc::new(Mutex::new(false)));
    let recorder = Recorder {
        history: history.clone(),
        passed: passed.clone(),
        wanted: wanted.clone(),
        present: Arc::clone(&present),
    };
    let gate = EpochGate::new(recorder);
    let mut ours = Ends { gate, session: None, opened: Log::new(), history, passed, wanted, present };
    ours.session = Some(Arc::new(ours.open()));
    ours.publish(1);
    match state {
        State::Fresh => {}
        State::Waiting => {
            ours.arrive(Letter { number: 1, needs: 2, group: 0 });
            ours.arrive(Letter { number: 2, needs: 1, group: 0 });
        }
        State::Aside => {
            ours.arrive(Letter { number: 1, needs: 1, group: MISSING });
            ours.arrive(Letter { number: 2, needs: 2, group: 0 });
        }
    }

    let (&last, others) = ops.split_last().expect("somebody does something");
    let racers: Vec<_> = others
        .iter()
        .enumerate()
        .map(|(index, &op)| {
            let mut theirs = ours.clone();
            if op == Op::Drop || last == Op::Drop {
                // One owner.
                let (owner, other) =
                    if op == Op::Drop { (&mut theirs, &mut ours) } else { (&mut ours, &mut theirs) };
                owner.session = other.session.take().or(owner.session.take());
            }
            thread::spawn(move || theirs.act(op, index))
        })
        .collect();
    let mut spans = vec![ours.act(last, others.len())];
    spans.extend(racers.into_iter().rev().map(|racer| racer.join().unwrap()));
    mark_order(&spans);

    // With no further message, nothing is left that might have left.
    ours.act(Op::Wanted, 9);
    ours.done(|_| vec![Action::Settled]);
    ours.publish(9);
    ours.done(|_| vec![Action::Settled]);
    ours.act(Op::Stop, 9);
    judge.judge(ours.history.take());
}

impl Ends {
    /// Does `op`, as number `index` of those that race.
    fn act(&mut self, op: Op, index: usize) -> Span {
        let number = 10 + index as u32;
        match op {
            Op::Publish => self.publish(2 + index as u64),
            Op::Appear => self.done(|ends| {
                *ends.present.lock() = true;
                ends.gate.group_appeared(&MISSING);
                vec![Action::Appeared]
            }),
            Op::ArriveReady => self.arrive(Letter { number, needs: 1, group: 0 }),
            Op::ArriveNext => self.arrive(Letter { number, needs: 2, group: 0 }),
            Op::ArriveMissing => self.arrive(Letter { number, needs: 1, group: MISSING }),
            Op::OpenAndArrive => {
                let mut other = Self { session: None, ..self.clone() };
                other.session = Some(Arc::new(other.open()));
                let span = other.arrive(Letter { number, needs: 2, group: 0 });
                // To end it is another operation.
                self.opened.add(other.session.take());
                span
            }
            Op::Reset => self.done(|ends| {
                let session = ends.session.as_ref().expect("it has not been dropped");
                let left = session.reset().into_iter().map(|letter| letter.number).collect();
                vec![Action::Reset(session.id().get(), left)]
            }),
            Op::Drop => {
                let session = self.session.take().expect("it is its own");
                let id = session.id().get();
                self.done(|_| {
                    drop(Arc::into_inner(session).expect("nobody else has it"));
                    vec![Action::Close(id)]
                })
            }
            Op::Stop => self.done(|ends| {
                let left = ends.gate.stop().into_iter();
                vec![Action::Stop(left.map(|(session, letter)| (session.get(), letter.number)).collect())]
            }),
            Op::Wanted => self.done(|ends| vec![Action::Wanted(ends.gate.wanted().map(|epoch| epoch.0))]),
            Op::Published => self.done(|ends| {
                let published = ends.gate.published();
                let published = published.map(|(epoch, map)| {
                    assert_eq!(epoch.0, *map);
                    *map
                });
                vec![Action::Published(published)]
            }),
        }
    }

    fn open(&self) -> GateSession<Recorder> {
        let mut opened = None;
        self.done(|ends| {
            let session = opened.insert(ends.gate.session());
            vec![Action::Open(session.id().get())]
        });
        opened.expect("it has been opened")
    }

    fn publish(&self, epoch: u64) -> Span {
        self.done(|ends| {
            let outcome = match ends.gate.publish(Epoch(epoch), Arc::new(epoch)) {
                Ok(()) => Publishing::Done,
                Err(PublishError::Stale { published, map, .. }) => {
                    assert_eq!(*map, epoch, "handed back");
                    Publishing::Stale(published.0)
                }
                Err(refused) => {
                    assert_eq!(*refused.into_map(), epoch, "handed back");
                    Publishing::Stopped
                }
            };
            vec![Action::Publish(epoch, outcome)]
        })
    }

    fn arrive(&self, letter: Letter) -> Span {
        let Letter { number, needs, group } = letter;
        self.done(|ends| {
            let session = ends.session.as_ref().expect("it has not been dropped");
            let accepted =
                session.arrive(letter).map_err(|refused| assert_eq!(refused.into_message().number, number));
            let here = thread::current().id();
            let (asked, others): (Vec<_>, Vec<_>) =
                ends.wanted.take().into_iter().partition(|(thread, _)| *thread == here);
            others.into_iter().for_each(|other| ends.wanted.add(other));
            let outcome = match (accepted, &*asked) {
                (Err(()), []) => Arrival::Refused,
                (Ok(()), []) => Arrival::Taken,
                (Ok(()), [(_, epoch)]) if *epoch == needs => Arrival::TakenAndWanted,
                other => panic!("{other:?}"),
            };
            vec![Action::Arrive(session.id().get(), number, needs, group, outcome)]
        })
    }

    /// Makes a call, and writes down what it did: its own action, and then the callbacks that it ran.
    fn done(&self, call: impl FnOnce(&Self) -> Vec<Action>) -> Span {
        let (mut actions, invoked, returned) = self.history.stamped(|| call(self));
        let here = thread::current().id();
        let (mut ours, others): (Vec<_>, Vec<_>) =
            self.passed.take().into_iter().partition(|passed| passed.thread == here);
        others.into_iter().for_each(|other| self.passed.add(other));
        ours.sort_by_key(|passed| passed.began);
        let mut from = invoked;
        for Passed { began, ended, session, number, epoch, set_aside, .. } in ours {
            actions.push(Action::Begins(session, number, epoch));
            if let Some((began, ended)) = began.zip(ended) {
                self.history.record(from, began, std::mem::take(&mut actions));
                from = ended;
                let inside = set_aside.map(|accepted| Action::SetAside(session, accepted));
                self.history.record(began, ended, inside.into_iter().collect());
            } else {
                actions.extend(set_aside.map(|accepted| Action::SetAside(session, accepted)));
            }
            actions.push(Action::Ends(session));
        }
        self.history.record(from, returned, actions);
        (invoked, returned)
    }
}
