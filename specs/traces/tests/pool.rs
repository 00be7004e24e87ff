//! What the pool does is what its specification says.

use keylane::Stop;
use keylane_traces::pool::Plan;
use keylane_traces::testing::follows;

const PLAIN: Plan =
    Plan { shards: 2, workers: 2, keys: 3, submitters: 2, items: 6, children: 1, ..Plan::NONE };

#[test]
fn runs_are_behaviours() {
    for plan in [
        PLAIN,
        Plan { shards: 1, workers: 3, keys: 2, commits: 6, removals: 4, ..PLAIN },
        Plan { pausers: 2, commits: 4, stop: Stop::HandBack, ..PLAIN },
        Plan { drainers: 2, commits: 4, ..PLAIN },
        Plan { drainers: 2, pausers: 1, commits: 3, removals: 4, stop: Stop::HandBack, ..PLAIN },
    ] {
        follows(300, |seed| plan.tell(plan.run(seed)));
    }
}
