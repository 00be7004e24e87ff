//! What the tests of all protocols ask.

use std::collections::BTreeMap;

use anyhow::Result;
use keylane_twin::protocol::Protocol;

use crate::trace::Trace;

/// Each of so many runs is a behaviour of its specification. How often each action was taken is printed.
///
/// # Panics
/// If one is none.
pub fn follows<P: Protocol>(runs: u64, run: impl Fn(u64) -> Result<Trace<P>>) {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..runs {
        let trace = run(seed).unwrap_or_else(|fault| panic!("run {seed}: {fault:#}"));
        if let Err(rejected) = trace.replay() {
            let from = rejected.after.saturating_sub(30);
            let before = &trace.actions[from..rejected.after];
            panic!("{}, run {seed}: {before:#?}\n{rejected}", P::MODULE);
        }
        for action in &trace.actions {
            *taken.entry(name(action)).or_default() += 1;
        }
    }
    let taken: Vec<_> = taken.iter().map(|(name, times)| format!("{name} {times}")).collect();
    println!("{}: {runs} runs: {}", P::MODULE, taken.join(", "));
}

fn name<A: serde::Serialize>(action: &A) -> String {
    let value = serde_json::to_value(action).expect("actions are JSON");
    value["action"].as_str().expect("they have names").to_owned()
}

/// A run that leaves out the first action of some kind is none any more, but for the kinds that are named: nothing depends on
/// these.
///
/// # Panics
/// If one passes for a behaviour.
pub fn misses_what_is_left_out<P: Protocol>(trace: &Trace<P>, free: &[&str]) {
    let mut seen = Vec::new();
    for (at, action) in trace.actions.iter().enumerate() {
        let name = name(action);
        // The last that a thread does may be missing: then it has not come to it.
        let is_last = thread(action)
            .is_some_and(|me| !trace.actions[at + 1..].iter().any(|later| thread(later) == Some(me)));
        if is_last || seen.contains(&name) || free.contains(&name.as_str()) {
            continue;
        }
        let mut actions = trace.actions.clone();
        actions.remove(at);
        let corrupted = Trace::<P> { constants: trace.constants.clone(), actions };
        assert!(corrupted.replay().is_err(), "{} without its first {name} passes", P::MODULE);
        seen.push(name);
    }
}

/// Who has taken it, if it does not go without saying.
fn thread<A: serde::Serialize>(action: &A) -> Option<u64> {
    serde_json::to_value(action).expect("actions are JSON")["thread"].as_u64()
}
