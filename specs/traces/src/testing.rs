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
