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

/// It goes on without a look in some steps. In none of the others that pick could it have: something had arrived, or a line had been
/// lost.
#[test]
fn the_dispatch_thread_looks_only_if_it_must() {
    let (mut went_on, mut looked) = (0, 0);
    for seed in 0..100 {
        let mut trace = PLAIN.tell(PLAIN.run(seed)).unwrap();
        for at in 0..trace.actions.len() {
            let (from, number) = match trace.actions[at] {
                Action::DispatchGoOn { .. } => {
                    went_on += 1;
                    continue;
                }
                Action::DispatchStep { from: from @ Some(_), number } => (from, number),
                _ => continue,
            };
            looked += 1;
            let step = std::mem::replace(&mut trace.actions[at], Action::DispatchGoOn { from, number });
            let rejected = trace.replay().expect_err("it need not have looked");
            assert_eq!((rejected.after, rejected.law), (at, None), "seed {seed}");
            trace.actions[at] = step;
        }
    }
    assert!(went_on > 10 && looked > 10, "{went_on} and {looked}");
}
