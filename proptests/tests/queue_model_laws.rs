//! The queue's model keeps the guarantees as they are worded: each is checked on what it did, not on how it
//! decides. A model that is wrong in the same way as the queue would pass everything else here.

use std::collections::BTreeSet;

use keylane::Priority;
use keylane_proptests::{Delivery, Dispatching, Posted, QueueModel};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

const SOURCES: u64 = 4;

/// What is done to the model.
#[derive(Clone, Debug)]
enum Op {
    Deliver { from: u64, priority: u8 },
    Pick,
}

/// A source within a priority: those take turns.
type Line = (u8, u64);

/// What waits at some moment: number and line, in the order of arrival.
type Waiting = Vec<(usize, Line)>;

/// What the model did.
#[derive(Debug, Default)]
struct History {
    /// Each pick, and what waited just before it.
    picks: Vec<(usize, Line, Waiting)>,
    /// Each arrival, what waited just before it, and how many picks had been made.
    arrivals: Vec<(usize, Line, Waiting, usize)>,
}

fn play(ops: &[Op]) -> History {
    let mut model = QueueModel::new();
    for source in 1..=SOURCES {
        assert_eq!(model.connect(false), source);
    }
    let (mut history, mut waiting) = (History::default(), Waiting::new());
    for (number, op) in ops.iter().enumerate() {
        match *op {
            Op::Deliver { from, priority } => {
                let posted = Posted { priority: Priority(priority), qualifies: false, message: number };
                assert_eq!(model.deliver(from, posted), Delivery::Queued);
                history.arrivals.push((number, (priority, from), waiting.clone(), history.picks.len()));
                waiting.push((number, (priority, from)));
            }
            Op::Pick => match model.step_dispatch() {
                Dispatching::Run(from, Posted { priority, message, .. }) => {
                    model.dispatched();
                    history.picks.push((message, (priority.0, from), waiting.clone()));
                    waiting.retain(|&(number, _)| number != message);
                }
                outcome => assert_eq!((outcome, waiting.len()), (Dispatching::Idle, 0), "something waits"),
            },
        }
    }
    history
}

fn lines(waiting: &Waiting, priority: u8) -> BTreeSet<Line> {
    waiting.iter().map(|&(_, line)| line).filter(|line| line.0 == priority).collect()
}

impl History {
    /// D2: of one line, the oldest.
    fn lanes_keep_their_order(&self) -> bool {
        self.picks.iter().all(|(picked, line, waiting)| {
            waiting.iter().find(|(_, other)| other == line).is_some_and(|(oldest, _)| oldest == picked)
        })
    }

    /// D3: nothing waits that is more urgent.
    fn the_most_urgent_goes_first(&self) -> bool {
        let urgency = |waiting: &Waiting| waiting.iter().map(|&(_, (priority, _))| priority).max();
        self.picks.iter().all(|(_, line, waiting)| urgency(waiting) == Some(line.0))
    }

    /// D4: between two turns of a line, every other of its priority that waits all that time has one; more
    /// than one only if the first line itself did not wait all that time.
    fn everyone_has_a_turn_between_two_of_another(&self) -> bool {
        (0..self.picks.len()).all(|first| {
            let line = self.picks[first].1;
            let Some(gap) = self.picks[first + 1..].iter().position(|(_, other, _)| *other == line) else {
                return true;
            };
            let second = first + 1 + gap;
            let always_waiting = self.picks[first..=second]
                .iter()
                .map(|(_, _, waiting)| lines(waiting, line.0))
                .reduce(|before, now| &before & &now)
                .expect("two turns");
            always_waiting.iter().filter(|&&other| other != line).all(|other| {
                let turns = self.picks[first..second].iter().filter(|(_, picked, _)| picked == other);
                let turns = turns.count();
                turns == 1 || turns > 1 && !always_waiting.contains(&line)
            })
        })
    }

    /// D4: who comes (back) has no turn before those who wait already.
    fn newcomers_join_behind(&self) -> bool {
        self.arrivals.iter().all(|(_, newcomer, waiting, picks)| {
            let mut before = lines(waiting, newcomer.0);
            if before.contains(newcomer) {
                return true;
            }
            for (_, line, _) in &self.picks[*picks..] {
                if line == newcomer {
                    return before.is_empty();
                }
                before.remove(line);
            }
            true
        })
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let deliver = (1..=SOURCES, 1..=3_u8).prop_map(|(from, priority)| Op::Deliver { from, priority });
    prop::collection::vec(prop_oneof![deliver, Just(Op::Pick)], 1..100)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        // A program that breaks a mutant is no regression.
        failure_persistence: match std::env::var_os("KEYLANE_MUTANT") {
            Some(_) => None,
            None => Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/queue_model_laws.txt"
        )))),
        },
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_model_keeps_the_guarantees(ops in ops()) {
        let history = play(&ops);
        prop_assert!(history.lanes_keep_their_order(), "D2");
        prop_assert!(history.the_most_urgent_goes_first(), "D3");
        prop_assert!(history.everyone_has_a_turn_between_two_of_another(), "D4");
        prop_assert!(history.newcomers_join_behind(), "D4, newcomers");
    }
}
