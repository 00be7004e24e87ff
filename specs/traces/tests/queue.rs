//! What the queue does is what its specification says.

use keylane::Stop;
use keylane_traces::queue::Plan;
use keylane_traces::testing::follows;
use keylane_traces::trace::Trace;
use keylane_twin::dispatch_queue::Action;

const PLAIN: Plan = Plan { connections: 2, messages: 5, locals: 3, priorities: 2, fast: true, ..Plan::NONE };

#[test]
fn runs_are_behaviours() {
    for plan in [
        PLAIN,
        Plan { stop: Stop::HandBack, ..PLAIN },
        Plan { ordered: true, ..PLAIN },
        Plan { limit: 2, ..PLAIN },
        Plan { limit: 1, fast: false, stop: Stop::HandBack, ..PLAIN },
        Plan { resets: true, discards: true, ..PLAIN },
        Plan { ordered: true, discards: true, ..PLAIN },
        Plan { limit: 2, resets: true, discards: true, ..PLAIN },
    ] {
        follows(300, |seed| plan.tell(plan.run(seed)));
    }
}

#[test]
fn lines_are_read_as_they_were_written() {
    let trace = PLAIN.tell(PLAIN.run(7)).unwrap();
    let again =
        Trace::<keylane_twin::dispatch_queue::DispatchQueue>::from_lines(&trace.to_lines().unwrap()).unwrap();
    assert_eq!((trace.constants, trace.actions), (again.constants, again.actions));
}

/// Where a look finds nothing, there need not be one: of most runs some steps may as well be such.
#[test]
fn a_step_that_finds_nothing_may_go_on_without_a_look() {
    let mut went_on = 0;
    for seed in 0..100 {
        let mut trace = PLAIN.tell(PLAIN.run(seed)).unwrap();
        for at in 0..trace.actions.len() {
            let Action::DispatchStep { from: from @ Some(_), number } = trace.actions[at] else { continue };
            let step = std::mem::replace(&mut trace.actions[at], Action::DispatchGoOn { from, number });
            match trace.replay() {
                Ok(_) => went_on += 1,
                // Something had arrived, or a line had been lost.
                Err(rejected) => {
                    assert_eq!((rejected.after, rejected.law), (at, None), "seed {seed}");
                    trace.actions[at] = step;
                }
            }
        }
    }
    assert!(went_on > 10, "{went_on}");
}
