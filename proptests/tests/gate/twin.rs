//! A gate judged by the specification's own steps: `specs/twin`. What it knows nothing of is left out of these programs: a
//! session's messages arrive on one thread, which resets it too, so not in callbacks that this thread runs; a group comes
//! once, and stays; callbacks do not panic.

use std::sync::{Arc, Mutex, Weak};

use keylane::{Epoch, EpochGate, GateSession, Gatekeeper, PublishError, Turn};
use keylane_twin::Id;
use keylane_twin::epoch_gate::EpochGate as Twin;
use keylane_twin::epoch_gate::judge::{Arrived, Part, Published, Scope};
use keylane_twin::judge::{Judge, explain_nothing_else};
use proptest::prelude::*;

use crate::judged;
use crate::ops::{self, GROUPS, Letter, Op, SLOTS};

/// A program, as for the reference model.
fn program() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(ops::op(), 1..60)
}

/// A gate, its sessions, and what has been seen of it.
struct Real {
    gate: EpochGate<Clerk>,
    slots: [Mutex<Option<Arc<GateSession<Clerk>>>>; SLOTS],
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    parts: Vec<Told>,
    sessions: u8,
    publishers: u8,
    arrived: u64,
    published: Id,
    present: Vec<u8>,
    /// Sessions whose threads are at work.
    busy: Vec<Id>,
    /// Sessions whose callbacks are on the stack.
    running: Vec<Id>,
    makes_a_group: bool,
    /// Who makes the calls that are on the stack.
    calls: Vec<Thread>,
    /// Arrivals that are on the stack, as indexes of their parts.
    arriving: Vec<usize>,
}

/// What is told when all threads have numbers: those that publish come after those that bring messages.
#[derive(Clone)]
enum Told {
    Part(Part),
    Publish { number: u8, epoch: Id, seen: Published },
    Begins { thread: Thread, session: Id, name: u64, epoch: Id },
    Rests(Thread),
}

#[derive(Clone, Copy)]
enum Thread {
    Brings(Id),
    Publishes(u8),
    Makes,
}

/// Carries out the scripts of messages.
struct Clerk(Weak<Real>);

struct Parcel {
    name: u64,
    needs: Id,
    letter: Letter,
}

impl Gatekeeper for Clerk {
    type Message = Parcel;
    type Map = u64;
    type Group = u8;

    fn epoch_of(&self, parcel: &Parcel) -> Epoch {
        Epoch(parcel.needs.into())
    }

    fn group_of(&self, parcel: &Parcel) -> u8 {
        parcel.letter.group
    }

    fn pass(&self, turn: Turn<'_, Self>, mut parcel: Parcel) {
        let real = self.0.upgrade().expect("the test outlives its gate's callbacks");
        let session = turn.session().get() as Id;
        {
            let seen = &mut *real.seen.lock().unwrap();
            let thread = *seen.calls.last().expect("callbacks run in calls");
            let epoch = turn.epoch().0 as Id;
            seen.parts.push(Told::Begins { thread, session, name: parcel.name, epoch });
            seen.running.push(session);
        }
        let looks = || {
            let found =
                parcel.letter.group == 0 || real.seen.lock().unwrap().present.contains(&parcel.letter.group);
            real.saw(Part::Looks { session, found });
            found
        };
        let first = parcel.letter.looks_first.then(looks);
        parcel.letter.script.iter().for_each(|op| real.act(op));
        let found = first.unwrap_or_else(looks);
        parcel.letter.script.clear();
        if !found {
            let accepted = turn.wait_for_group(parcel).is_ok();
            real.saw(Part::Parks { session, accepted });
        }
        real.seen.lock().unwrap().running.pop();
        real.saw(Part::Ends { session, last: false });
    }

    fn wanted(&self, epoch: Epoch) {
        let real = self.0.upgrade().expect("the test outlives its gate's callbacks");
        let seen = &mut *real.seen.lock().unwrap();
        let arriving = *seen.arriving.last().expect("a message arrives");
        match &mut seen.parts[arriving] {
            Told::Part(Part::Arrive { needs, seen, .. }) if u64::from(*needs) == epoch.0 => {
                assert_eq!(*seen, Arrived::Taken, "it is asked for once");
                *seen = Arrived::Wanted;
            }
            _ => panic!("{epoch:?} is asked for, and nothing that needs it arrives"),
        }
    }
}

impl Real {
    fn new() -> Arc<Self> {
        Arc::new_cyclic(|real| Self {
            gate: EpochGate::new(Clerk(Weak::clone(real))),
            slots: Default::default(),
            seen: Mutex::default(),
        })
    }

    fn saw(&self, part: Part) {
        self.seen.lock().unwrap().parts.push(Told::Part(part));
    }

    fn rests(&self, thread: Thread) {
        self.seen.lock().unwrap().parts.push(Told::Rests(thread));
    }

    /// With no callback on the stack: afterwards nothing is left that may leave (E4).
    fn do_alone(&self, op: &Op) {
        self.act(op);
        self.saw(Part::Settled);
        self.saw(Part::Wanted { epoch: self.gate.wanted().map(|epoch| epoch.0 as Id) });
        self.saw(Part::Newest { epoch: self.gate.published().map(|(epoch, _)| epoch.0 as Id) });
    }

    /// The session in a slot, if its thread has nothing else to do.
    fn session(&self, slot: usize) -> Option<Arc<GateSession<Clerk>>> {
        let session = self.slots[slot].lock().unwrap().clone()?;
        let is_busy = self.seen.lock().unwrap().busy.contains(&(session.id().get() as Id));
        (!is_busy).then_some(session)
    }

    fn act(&self, op: &Op) {
        match op {
            &Op::Open(slot) => {
                self.close(slot);
                if self.slots[slot].lock().unwrap().is_none() {
                    *self.slots[slot].lock().unwrap() = Some(Arc::new(self.gate.session()));
                    self.seen.lock().unwrap().sessions += 1;
                }
            }
            &Op::Close(slot) => self.close(slot),
            Op::Arrive(slot, letter) => self.arrive(*slot, letter),
            &Op::Reset(slot) => {
                let Some(session) = self.session(slot) else { return };
                let left = Some(session.reset().iter().map(|parcel| parcel.name).collect());
                self.saw(Part::Reset { session: session.id().get() as Id, left });
            }
            &Op::Publish(by) => self.publish(by),
            &Op::Appear(group) => self.appear(group),
            Op::Stop => {
                let left = self.gate.stop().iter().map(|(_, parcel)| parcel.name).collect();
                self.saw(Part::Stop { left });
            }
            Op::Vanish(_) | Op::Panic => {}
        }
    }

    fn close(&self, slot: usize) {
        let Some(session) = self.session(slot) else { return };
        let id = session.id().get() as Id;
        if !self.seen.lock().unwrap().running.contains(&id) {
            *self.slots[slot].lock().unwrap() = None;
            drop(Arc::into_inner(session).expect("nobody else uses it"));
            self.saw(Part::Reset { session: id, left: None });
        }
    }

    fn arrive(&self, slot: usize, letter: &Letter) {
        let Some(session) = self.session(slot) else { return };
        let id = session.id().get() as Id;
        let needs = self.epoch_by(letter.needs);
        let (name, at) = {
            let seen = &mut *self.seen.lock().unwrap();
            seen.arrived += 1;
            let name = seen.arrived;
            let arrives =
                Part::Arrive { session: id, name, needs, group: letter.group, seen: Arrived::Taken };
            seen.parts.push(Told::Part(arrives));
            let at = seen.parts.len() - 1;
            seen.busy.push(id);
            seen.calls.push(Thread::Brings(id));
            seen.arriving.push(at);
            (name, at)
        };
        let accepted = session.arrive(Parcel { name, needs, letter: letter.clone() }).is_ok();
        let seen = &mut *self.seen.lock().unwrap();
        seen.busy.pop();
        seen.calls.pop();
        seen.arriving.pop();
        if !accepted {
            match &mut seen.parts[at] {
                Told::Part(Part::Arrive { seen, .. }) => *seen = Arrived::Refused,
                _ => unreachable!("it was put there"),
            }
        }
        seen.parts.push(Told::Rests(Thread::Brings(id)));
    }

    fn publish(&self, by: i64) {
        let epoch = self.epoch_by(by);
        let (number, at) = {
            let seen = &mut *self.seen.lock().unwrap();
            seen.publishers += 1;
            let number = seen.publishers - 1;
            seen.parts.push(Told::Publish { number, epoch, seen: Published::Done });
            seen.calls.push(Thread::Publishes(number));
            (number, seen.parts.len() - 1)
        };
        let outcome = match self.gate.publish(Epoch(epoch.into()), Arc::new(epoch.into())) {
            Ok(()) => Published::Done,
            Err(PublishError::Stale { published, .. }) => Published::Stale(published.0 as Id),
            Err(_) => Published::Stopped,
        };
        {
            let seen = &mut *self.seen.lock().unwrap();
            seen.calls.pop();
            seen.parts[at] = Told::Publish { number, epoch, seen: outcome };
        }
        if outcome == Published::Done {
            self.rests(Thread::Publishes(number));
        }
    }

    fn appear(&self, group: u8) {
        {
            let seen = &mut *self.seen.lock().unwrap();
            if group == 0 || seen.present.contains(&group) || seen.makes_a_group {
                return;
            }
            seen.present.push(group);
            seen.makes_a_group = true;
            seen.calls.push(Thread::Makes);
            seen.parts.extend([Part::Show { group }, Part::Appeared].map(Told::Part));
        }
        self.gate.group_appeared(&group);
        {
            let seen = &mut *self.seen.lock().unwrap();
            seen.makes_a_group = false;
            seen.calls.pop();
        }
        self.rests(Thread::Makes);
    }

    /// The epoch that is so far from the newest one; there is none before the first.
    fn epoch_by(&self, by: i64) -> Id {
        let newest = self.gate.published().map_or(1, |(epoch, _)| epoch.0);
        let epoch = newest.saturating_add_signed(by).max(1) as Id;
        let seen = &mut *self.seen.lock().unwrap();
        seen.published = seen.published.max(epoch);
        epoch
    }
}

/// What was seen of a program, and the twin that has as many sessions and publishers.
fn run(program: &[Op]) -> (Twin, Vec<Part>) {
    let real = Real::new();
    program.iter().for_each(|op| real.do_alone(op));
    for op in [Op::Stop, Op::Stop, Op::Publish(1)] {
        real.do_alone(&op);
    }
    let Seen { parts, sessions, publishers, .. } = std::mem::take(&mut *real.seen.lock().unwrap());
    let twin = Twin::judging(&Scope { sessions, groups: GROUPS - 1, publishers });
    let publisher = |number: u8| twin.publishers().nth(number.into()).expect("it was counted");
    let id = |thread| match thread {
        Thread::Brings(session) => session - 1,
        Thread::Publishes(number) => publisher(number),
        Thread::Makes => twin.maker(),
    };
    let part = |told| match told {
        Told::Part(part) => part,
        Told::Publish { number, epoch, seen } => Part::Publish { thread: publisher(number), epoch, seen },
        Told::Begins { thread, session, name, epoch } => {
            Part::Begins { thread: id(thread), session, name, epoch }
        }
        Told::Rests(thread) => Part::Rests { thread: id(thread) },
    };
    let mut told = Vec::<Part>::new();
    for part in parts.into_iter().map(part) {
        match (told.last_mut(), &part) {
            // Its call had nothing more to run.
            (Some(Part::Ends { last, .. }), Part::Rests { .. }) => *last = true,
            _ => told.push(part),
        }
    }
    (twin, told)
}

#[test]
fn the_gate_does_what_the_twin_says() {
    judged::all_are_explained(judged::config(2048), &program(), |ops| {
        let (twin, parts) = run(&ops);
        let mut judge = Judge::new(twin);
        parts.into_iter().try_for_each(|part| judge.does(&[part])).map(|()| judge.judged)
    });
}

#[test]
fn the_twin_says_nothing_else() {
    judged::nothing_else_is(&program(), 5_000, |ops| {
        let (twin, parts) = run(&ops);
        explain_nothing_else(&twin, &parts)
    });
}
