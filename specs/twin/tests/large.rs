//! Larger than what the other checkers are asked for.

use std::time::Instant;

use keylane_twin::constants::Constants;
use keylane_twin::dispatch_queue::DispatchQueue;
use keylane_twin::explore::explore;
use keylane_twin::protocol::Protocol;

/// All at once, in one model: fast and queued, ordered, to oneself, reset, discarded, and a shutdown that runs the rest.
const EVERYTHING: &str = r#"
CONSTANTS
    Conns = {c1, c2}
    Messages = 1
    Locals = 1
    Priorities = {1, 2}
    FastToo = TRUE
    Ordered = TRUE
    Limit = 0
    MayReset = TRUE
    MayDiscard = FALSE
    How = "run"
INVARIANTS Fate OrderedWaits OverIsCounted ToldOnce Reserved NobodyWaitsForNothing JoinedIsQuiet RunRunsAll NoneWaitsAsleep SleepIsKnown
PROPERTIES StrictFirst LaneOrder DiscardedIsNotPicked RefusedAfter
"#;

#[test]
fn more_than_ten_million() {
    let constants = Constants::read(EVERYTHING);
    let laws: Vec<_> = constants.laws().iter().map(String::as_str).collect();
    assert_eq!(laws.len(), DispatchQueue::LAWS.len());
    let began = Instant::now();
    let explored = explore(DispatchQueue::new(&constants), &laws);
    assert!(explored.broken.is_none(), "{:#?}", explored.broken);
    assert_eq!(explored.states, 24_375_242);
    // All but `Shutdown_CloseQueue`: that is for what hands back.
    assert_eq!(explored.taken.len(), 29);
    println!("{} states in {:.1} s", explored.states, began.elapsed().as_secs_f64());
}
