//! The same queue, judged by the specification's own steps: `specs/twin`. What it knows nothing of is left out of these
//! programs: connections of both kinds in one queue, events other than resets, and a second kind of shutdown.

use std::collections::HashMap;
use std::iter::Peekable;
use std::vec;

use keylane::{Delivered, Step, Stop};
use keylane_twin::Id;
use keylane_twin::dispatch_queue::DispatchQueue;
use keylane_twin::dispatch_queue::judge::{self, Found, Part, Passed, Scope};
use keylane_twin::judge::{Judge, explain_nothing_else};
use proptest::prelude::*;

use crate::judged;
use crate::ops::{self, Event, Happening, Letter, Op, Report, SLOTS};
use crate::real::Real;

/// What the twin knows one of, for all of a run.
#[derive(Clone, Copy, Debug)]
struct Plan {
    ordered: bool,
    limit: Option<usize>,
    stop: Stop,
}

fn program() -> impl Strategy<Value = (Plan, Vec<Op>)> {
    let stop = prop_oneof![Just(Stop::RunRemaining), Just(Stop::HandBack)];
    let plan = (any::<bool>(), prop::option::of(0..4_usize), stop);
    let plan = plan.prop_map(|(ordered, limit, stop)| Plan { ordered, limit, stop });
    (plan, prop::collection::vec(ops::op(), 1..60))
        .prop_map(|(plan, ops)| (plan, ops.into_iter().map(|op| plan.of_twin(op)).collect()))
}

impl Plan {
    /// An operation, or one of its kind that the twin knows.
    fn of_twin(self, op: Op) -> Op {
        match op {
            Op::Connect { slot, .. } => Op::Connect { slot, ordered: self.ordered },
            Op::Deliver { slot, letter } => Op::Deliver { slot, letter: self.letter(letter) },
            Op::Send(letter) => Op::Send(self.letter(letter)),
            Op::Happen { slot, what } => Op::Happen {
                slot,
                what: match what {
                    Happening::Connected | Happening::RemoteReset => Happening::Discard,
                    Happening::Accepted => Happening::DiscardById,
                    Happening::Refused => Happening::Reset,
                    known => known,
                },
            },
            Op::Shutdown(_) => Op::Shutdown(self.stop),
            other => other,
        }
    }

    fn letter(self, letter: Letter) -> Letter {
        Letter { script: letter.script.into_iter().map(|op| self.of_twin(op)).collect(), ..letter }
    }
}

/// A program, and all that was seen of it.
struct Run {
    plan: Plan,
    program: Vec<Op>,
    seen: Vec<Event>,
    /// Of the end of `seen`: what came after it was taken back, and that.
    reclaimed: usize,
    report: Report,
    late: Vec<Op>,
}

fn run(plan: Plan, mut program: Vec<Op>) -> Run {
    let real = Real::new(plan.limit);
    let mut seen = Vec::new();
    let act = |op: &Op, seen: &mut Vec<Event>| {
        real.act(op);
        seen.extend(real.take_log());
        seen.last() == Some(&Event::Stepped(Step::Stopped))
    };
    program.iter().for_each(|op| _ = act(op, &mut seen));
    if plan.stop == Stop::RunRemaining {
        for op in [Op::Shutdown(plan.stop), Op::StepLocal, Op::StepDispatch] {
            let is_step = !matches!(op, Op::Shutdown(_));
            loop {
                program.push(op.clone());
                if act(&op, &mut seen) || !is_step {
                    break;
                }
            }
        }
    }
    let reclaimed = seen.len();
    let report = real.reclaim();
    seen.extend(real.take_log());
    let letter = |qualifies| Letter { priority: keylane::Priority::DEFAULT, qualifies, script: Vec::new() };
    let delivers = |slot| [false, true].map(|fast| Op::Deliver { slot, letter: letter(fast) });
    let late: Vec<_> = (0..SLOTS).flat_map(delivers).chain([Op::Send(letter(true))]).collect();
    late.iter().for_each(|op| _ = act(op, &mut seen));
    Run { plan, program, seen, reclaimed, report, late }
}

/// What was seen, operation by operation, as parts of calls.
struct Teller {
    seen: Peekable<vec::IntoIter<Event>>,
    slots: [Option<u64>; SLOTS],
    letters: HashMap<u64, Letter>,
    parts: Vec<Part>,
}

/// A callback's planned panic, on its way up.
struct Unwinding;

fn thread(connection: u64) -> Id {
    (connection - 1).try_into().expect("there are few")
}

impl Run {
    fn twin(&self) -> DispatchQueue {
        let connected = self.seen.iter().filter(|event| matches!(event, Event::Connected(_))).count();
        let mut priorities =
            vec![keylane::Priority::LOW, keylane::Priority::DEFAULT, keylane::Priority::HIGH];
        DispatchQueue::judging(&Scope {
            connections: connected.try_into().expect("there are few"),
            ordered: self.plan.ordered,
            // None is as much as 1.
            limit: self.plan.limit.map_or(0, |limit| limit.max(1) as u8),
            priorities: priorities.drain(..).map(|priority| priority.0).collect(),
            hands_back: self.plan.stop == Stop::HandBack,
        })
    }

    fn parts(mut self) -> Vec<Part> {
        let late = self.seen.split_off(self.reclaimed);
        let mut teller = Teller {
            seen: self.seen.into_iter().peekable(),
            slots: [None; SLOTS],
            letters: HashMap::new(),
            parts: Vec::new(),
        };
        let tell = |teller: &mut Teller, ops: &[Op]| {
            ops.iter().for_each(|op| assert!(teller.act(op).is_ok(), "it ends where it was called"));
            assert_eq!(teller.seen.next(), None, "all has been told");
        };
        tell(&mut teller, &self.program);
        teller.seen = late.into_iter().peekable();
        let dropped = Some(teller.discarded());
        let left = self.report.0.into_iter().map(|(_, id)| id).collect();
        let untold = self.report.1.into_iter().map(|(from, _)| thread(from)).collect();
        teller.parts.extend([
            Part::Shutdown,
            Part::Local { seen: Passed::Stopped },
            Part::Dispatch { seen: Found::Stopped, dropped },
            Part::Join,
            Part::Reclaim { left, untold },
        ]);
        tell(&mut teller, &self.late);
        teller.parts
    }
}

impl Teller {
    fn next(&mut self) -> Event {
        self.seen.next().expect("each operation is seen")
    }

    fn discarded(&mut self) -> Vec<u64> {
        let mut discarded = Vec::new();
        while let Some(&Event::Discarded(id)) = self.seen.peek() {
            self.seen.next();
            discarded.push(id);
        }
        discarded
    }

    /// Nothing was done if somebody further up the stack had what it needs.
    fn is_elsewhere(&mut self) -> bool {
        self.seen.next_if_eq(&Event::Elsewhere).is_some()
    }

    fn act(&mut self, op: &Op) -> Result<(), Unwinding> {
        match op {
            Op::Panic => return Err(Unwinding),
            Op::Shutdown(_) => self.parts.push(Part::Shutdown),
            _ if self.is_elsewhere() => {}
            &Op::Connect { slot, .. } => match self.next() {
                Event::Connected(id) => self.slots[slot] = Some(id),
                other => panic!("{other:?}"),
            },
            &Op::Disconnect { slot } => {
                assert_eq!(self.next(), Event::Disconnected);
                self.slots[slot] = None;
            }
            Op::Deliver { slot, letter } => self.deliver(*slot, letter),
            Op::Send(letter) => {
                let (name, accepted) = match self.next() {
                    Event::Sent(id) => (id, true),
                    Event::Refused(id) => (id, false),
                    other => panic!("{other:?}"),
                };
                self.letters.insert(name, letter.clone());
                let Letter { priority, qualifies: fast, .. } = *letter;
                self.parts.push(Part::Send { name, priority: priority.0, fast, accepted });
            }
            &Op::Happen { slot, what } => {
                let Event::Raised(accepted) = self.next() else { panic!("{what:?} is not seen") };
                let (thread, event) =
                    (thread(self.slots[slot].expect("it was there")), what.effect().1.is_some());
                if what.is_final() {
                    self.slots[slot] = None;
                }
                self.parts.push(Part::Empty { thread, event, accepted });
            }
            Op::StepDispatch => self.step_dispatch(),
            Op::StepLocal => self.step_local(),
        }
        Ok(())
    }

    fn deliver(&mut self, slot: usize, letter: &Letter) {
        let (name, seen) = match *self.seen.peek().expect("it is seen") {
            Event::Began { id, how: Delivered::Fast, .. } => (id, judge::Delivered::Fast),
            Event::Delivered(id, Delivered::Queued) => (id, judge::Delivered::Queued),
            Event::Refused(id) => (id, judge::Delivered::Refused),
            Event::Full(id) => (id, judge::Delivered::Full),
            ref other => panic!("{other:?}"),
        };
        self.letters.insert(name, letter.clone());
        let thread = thread(self.slots[slot].expect("it was there"));
        let Letter { priority, qualifies: fast, .. } = *letter;
        self.parts.push(Part::Deliver { thread, name, priority: priority.0, fast, seen });
        if seen == judge::Delivered::Fast {
            self.call_back();
            self.parts.push(Part::Leave { thread });
        }
        self.next();
    }

    /// The callback that begins now, to its end.
    fn call_back(&mut self) {
        let Event::Began { id, .. } = self.next() else { panic!("one begins") };
        let script = self.letters[&id].script.clone();
        if script.iter().try_for_each(|op| self.act(op)).is_ok() {
            assert_eq!(self.next(), Event::Ended(id));
        }
    }

    fn step_dispatch(&mut self) {
        let dropped = Some(self.discarded());
        let seen = match *self.seen.peek().expect("it is seen") {
            Event::Began { id, .. } => Found::Runs(id),
            Event::Told(from, keylane::Event::Reset) => Found::Tells(thread(from)),
            Event::Stepped(Step::Idle) => Found::Idle,
            Event::Stepped(Step::Stopped) => Found::Stopped,
            ref other => panic!("{other:?}"),
        };
        self.parts.push(Part::Dispatch { seen, dropped });
        match seen {
            Found::Runs(_) => {
                self.call_back();
                self.parts.push(Part::Dispatched);
            }
            Found::Tells(_) => _ = self.next(),
            Found::Idle | Found::Stopped => {}
        }
        self.next();
    }

    fn step_local(&mut self) {
        let seen = match *self.seen.peek().expect("it is seen") {
            Event::Began { id, .. } => Passed::Runs(id),
            Event::Stepped(Step::Ran) => Passed::PassesOn(None, true),
            Event::Stepped(Step::Idle) => Passed::Idle,
            Event::Stepped(Step::Stopped) => Passed::Stopped,
            ref other => panic!("{other:?}"),
        };
        self.parts.push(Part::Local { seen });
        if let Passed::Runs(_) = seen {
            self.call_back();
            self.parts.push(Part::LocalEnded);
        }
        self.next();
    }
}

#[test]
fn the_queue_does_what_the_twin_says() {
    judged::all_are_explained(judged::config(4096), &program(), |(plan, ops)| {
        let run = run(plan, ops);
        let mut judge = Judge::new(run.twin());
        run.parts().into_iter().try_for_each(|part| judge.does(&[part])).map(|()| judge.judged)
    });
}

#[test]
fn the_twin_says_nothing_else() {
    judged::nothing_else_is(&program(), 10_000, |(plan, ops)| {
        let run = run(plan, ops);
        explain_nothing_else(&run.twin(), &run.parts())
    });
}
