//! What the gate does is what its specification says.

use keylane_traces::gate::Plan;
use keylane_traces::testing::follows;

const PLANS: [Plan; 4] = [
    Plan { sessions: 2, messages: 4, epochs: 3, groups: 0, publishers: 2, ends: false },
    Plan { sessions: 1, messages: 6, epochs: 2, groups: 2, publishers: 1, ends: false },
    Plan { sessions: 2, messages: 3, epochs: 2, groups: 1, publishers: 1, ends: true },
    Plan { sessions: 3, messages: 8, epochs: 5, groups: 3, publishers: 2, ends: true },
];

#[test]
fn runs_are_behaviours() {
    for plan in PLANS {
        follows(500, |seed| plan.tell(plan.run(seed)));
    }
}
