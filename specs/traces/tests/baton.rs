//! What the workers of a shard do is what the baton's specification says.

use keylane_traces::baton::Plan;
use keylane_traces::testing::follows;

const PLAIN: Plan = Plan { workers: 2, keys: 3, submitters: 2, items: 8, pauses: 0, stops_paused: false };

#[test]
fn runs_are_behaviours() {
    for plan in [
        PLAIN,
        Plan { workers: 1, keys: 1, ..PLAIN },
        Plan { workers: 4, submitters: 3, ..PLAIN },
        Plan { pauses: 3, ..PLAIN },
        Plan { workers: 3, pauses: 2, stops_paused: true, ..PLAIN },
    ] {
        follows(300, |seed| plan.tell(plan.run(seed)));
    }
}
