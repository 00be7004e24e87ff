//! What the queue does is what its specification says.

use keylane::Stop;
use keylane_traces::queue::Plan;
use keylane_traces::testing::follows;
use keylane_traces::trace::Trace;

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
