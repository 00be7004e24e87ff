//! What the workers of a shard do is what the baton's specification says.

use keylane_traces::baton::Plan;
use keylane_traces::testing::{Holes, follows};

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

#[test]
fn a_run_with_a_hole_is_none() {
    let plan = Plan { pauses: 2, ..PLAIN };
    let mut holes = Holes::default();
    for seed in 0..100 {
        holes.dig(&plan.tell(plan.run(seed)).unwrap());
    }
    let Holes { missed, passed } = holes;
    println!("{missed:?} {passed:?}");
    assert!(passed.is_subset(&missed), "never missed: {:?}", &passed - &missed);
}
