//! What an inbox does is what its specification says.

use keylane_traces::inbox::Plan;
use keylane_traces::testing::follows;

const PLANS: [Plan; 2] = [Plan { producers: 2, messages: 6 }, Plan { producers: 4, messages: 3 }];

#[test]
fn runs_are_behaviours() {
    for plan in PLANS {
        follows(500, |seed| plan.tell(plan.run(seed)));
    }
}
