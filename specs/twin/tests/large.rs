//! Larger than what the other checkers are asked for in passing: TLC has the same model among its slow ones.

use std::fs;
use std::path::Path;
use std::time::Instant;

use keylane_twin::constants::Constants;
use keylane_twin::dispatch_queue::DispatchQueue;
use keylane_twin::explore::explore;
use keylane_twin::protocol::Protocol;

/// All at once, in one model: fast and queued, to oneself, and a shutdown that runs the rest; and an ordered connection with three
/// messages, which discards: it has something to overtake. (With one priority, nothing asks which is first.)
const EVERYTHING: &str = "models/DispatchQueue_everything.cfg";

#[test]
fn more_than_ten_million() {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let constants = Constants::read(&fs::read_to_string(specs.join(EVERYTHING)).unwrap());
    let laws: Vec<_> = constants.laws().iter().map(String::as_str).collect();
    assert_eq!(laws.len(), DispatchQueue::LAWS.len());
    let began = Instant::now();
    let explored = explore(DispatchQueue::new(&constants), &laws);
    assert!(explored.broken.is_none(), "{:#?}", explored.broken);
    // As many as TLC finds.
    assert_eq!(explored.states, 13_807_123);
    // All but `Reset` and `Tell`, and `Shutdown_CloseQueue`: that is for what hands back.
    assert_eq!(explored.taken.len(), 31);
    println!("{} states in {:.1} s", explored.states, began.elapsed().as_secs_f64());
}
