//! What the pool does is what its specification says.

use keylane::Stop;
use keylane_traces::pool::Plan;
use keylane_traces::testing::{Holes, follows};

const PLAIN: Plan = Plan {
    shards: 2,
    workers: 2,
    keys: 3,
    submitters: 2,
    items: 6,
    children: 1,
    commits: 0,
    removals: 0,
    pausers: 0,
    drainers: 0,
    stop: Stop::RunRemaining,
};

#[test]
fn runs_are_behaviours() {
    for plan in [
        PLAIN,
        Plan { shards: 1, workers: 3, keys: 2, commits: 6, removals: 4, ..PLAIN },
        Plan { pausers: 2, commits: 4, stop: Stop::HandBack, ..PLAIN },
        Plan { drainers: 2, ..PLAIN },
        Plan { drainers: 2, pausers: 1, removals: 4, stop: Stop::HandBack, ..PLAIN },
    ] {
        follows(300, |seed| plan.tell(plan.run(seed)));
    }
}

#[test]
fn a_run_with_a_hole_is_none() {
    let all = Plan { drainers: 1, pausers: 1, commits: 3, removals: 2, ..PLAIN };
    let mut holes = Holes::default();
    for seed in 0..200 {
        let stop = if seed % 2 == 0 { Stop::HandBack } else { Stop::RunRemaining };
        let plan = Plan { stop, ..all };
        holes.dig(&plan.tell(plan.run(seed)).unwrap());
    }
    // A run in which nothing depends on one of them is easily had: an item that is handed back has done nothing. But of each
    // kind there is one in which something does.
    let Holes { missed, passed } = holes;
    assert!(passed.is_subset(&missed), "never missed: {:?}", &passed - &missed);
    assert_eq!(missed.len(), 23, "{missed:?}");
}
