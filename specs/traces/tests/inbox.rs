//! What an inbox does is what its specification says.

use keylane_traces::inbox::Plan;
use keylane_traces::testing::{Holes, follows};

const PLANS: [Plan; 2] = [Plan { producers: 2, messages: 6 }, Plan { producers: 4, messages: 3 }];

#[test]
fn runs_are_behaviours() {
    for plan in PLANS {
        follows(500, |seed| plan.tell(plan.run(seed)));
    }
}

#[test]
fn a_run_with_a_hole_is_none() {
    let mut holes = Holes::default();
    for seed in 0..50 {
        holes.dig(&PLANS[0].tell(PLANS[0].run(seed)).unwrap());
    }
    let Holes { missed, passed } = holes;
    assert!(passed.is_subset(&missed), "never missed: {:?}", &passed - &missed);
    assert_eq!(missed.len(), 7, "{missed:?}");
}
