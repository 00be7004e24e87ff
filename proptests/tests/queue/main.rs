//! The real queue does, operation by operation, what the model says: D1-D3, D4's turns, D5-D10, D12.

mod figures;
#[path = "../judged/mod.rs"]
mod judged;
mod modelled;
mod ops;
mod real;
mod twin;

use std::sync::Arc;
use std::time::Duration;

use keylane::testing::{Conservation, Fate};
use keylane::{Priority, Step, Stop};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use figures::Figures;
use modelled::Modelled;
use ops::{Event, Letter, Op, SLOTS};
use real::Real;

struct Machine;

/// What an operation takes.
const SECOND: Duration = Duration::from_secs(1);

/// The real queue, and the books on what became of every message offered to it.
struct Audited {
    real: Arc<Real>,
    books: Conservation,
    figures: Figures,
}

impl ReferenceStateMachine for Machine {
    type State = Modelled;
    type Transition = Op;

    fn init_state() -> BoxedStrategy<Modelled> {
        (any::<bool>(), prop::option::of(0..4_usize))
            .prop_map(|(ends_well, limit)| Modelled::new(ends_well, limit))
            .boxed()
    }

    fn transitions(_: &Modelled) -> BoxedStrategy<Op> {
        ops::op()
    }

    fn apply(mut modelled: Modelled, op: &Op) -> Modelled {
        modelled.apply(op);
        modelled
    }
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Audited;
    type Reference = Self;

    fn init_test(modelled: &Modelled) -> Audited {
        Audited { real: Real::new(modelled.limit), books: Conservation::new(), figures: Figures::default() }
    }

    fn apply(mut audited: Audited, modelled: &Modelled, op: Op) -> Audited {
        audited.apply(modelled, &op);
        audited
    }

    fn teardown(mut audited: Audited, mut modelled: Modelled) {
        let runs_the_rest = modelled.ends_well;
        let mut both = |op: &Op| {
            modelled.apply(op);
            audited.apply(&modelled, op);
            modelled.log.last() == Some(&Event::Stepped(Step::Stopped))
        };
        if runs_the_rest {
            both(&Op::Shutdown(Stop::RunRemaining));
            while !both(&Op::StepLocal) {}
            while !both(&Op::StepDispatch) {}
        }
        audited.reclaim(&mut modelled);
        for (slot, qualifies) in (0..SLOTS).flat_map(|slot| [(slot, false), (slot, true)]) {
            let letter = Letter { priority: Priority::DEFAULT, qualifies, script: Vec::new() };
            for late in [Op::Deliver { slot, letter: letter.clone() }, Op::Send(letter)] {
                modelled.apply(&late);
                audited.apply(&modelled, &late);
            }
        }
        audited.books.check();
    }
}

impl Audited {
    fn apply(&mut self, modelled: &Modelled, op: &Op) {
        self.real.act(op);
        let seen = self.real.take_log();
        for event in &seen {
            self.figures.see(event, self.real.clock.now());
            match *event {
                Event::Delivered(id, _) | Event::DeliveredInPanic(id) | Event::Sent(id) => {
                    self.books.offered(id, true);
                }
                Event::Refused(id) | Event::Full(id) => self.books.offered(id, false),
                Event::Began { id, .. } => self.books.met(id, Fate::Ran),
                Event::Discarded(id) => self.books.met(id, Fate::Discarded),
                _ => {}
            }
        }
        assert_eq!(seen, modelled.log, "seen, and expected, of {op:?}");
        self.real.clock.advance(SECOND);
        self.figures.check(&self.real.snapshot(), self.real.clock.now());
        if let Some(under_way) = self.real.under_way() {
            assert_eq!(under_way, modelled.model.under_way(), "D8: under way after {op:?}");
        }
    }

    fn reclaim(&mut self, modelled: &mut Modelled) {
        let (leftovers, untold) = self.real.reclaim();
        for event in self.real.take_log() {
            let Event::Discarded(id) = event else { panic!("{event:?} while reclaiming") };
            self.figures.see(&event, self.real.clock.now());
            self.books.met(id, Fate::Discarded);
        }
        self.figures.check_end(&self.real.snapshot(), leftovers.len(), untold.len());
        leftovers.iter().for_each(|&(_, id)| self.books.met(id, Fate::HandedBack));
        assert_eq!((leftovers, untold), modelled.reclaim(), "D10: seen, and expected, to come back");
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: 16_384,
        // Shrinking asks for a small program, not for the smallest.
        max_shrink_iters: if std::env::var_os("KEYLANE_MUTANT").is_some() { 0 } else { 20_000 },
        // A program that breaks a mutant is no regression.
        failure_persistence: match std::env::var_os("KEYLANE_MUTANT") {
            Some(_) => None,
            None => Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/queue.txt"
        )))),
        },
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_queue_does_what_the_model_says(sequential 1..80 => Machine);
}
