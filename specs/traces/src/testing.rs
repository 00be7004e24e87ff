//! What the tests of all protocols ask.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use keylane_twin::protocol::AtRest;

use crate::trace::Trace;

/// Each of so many runs is a behaviour of its specification, and ends at rest. How often each action was taken is printed.
///
/// # Panics
/// If one is none.
pub fn follows<P: AtRest>(runs: u64, run: impl Fn(u64) -> Result<Trace<P>>) {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..runs {
        let trace = run(seed).unwrap_or_else(|fault| panic!("run {seed}: {fault:#}"));
        if let Err(rejected) = trace.replay() {
            let from = rejected.after.saturating_sub(30);
            let before = &trace.actions[from..rejected.after];
            panic!("{}, run {seed}: {before:#?}\n{rejected}", P::MODULE);
        }
        assert_eq!(
            trace.ends_well(),
            Ok(()),
            "{}, run {seed} stops too early: {:#?}",
            P::MODULE,
            trace.replay().ok()
        );
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

/// Which kinds of actions a run is one of the specification's without.
#[derive(Debug, Default)]
pub struct Holes {
    /// Without one of it, some run was rejected.
    pub missed: BTreeSet<String>,
    /// Nothing depended on some.
    pub passed: BTreeSet<String>,
}

impl Holes {
    /// Leaves out of the run each action in turn, and no other.
    pub fn dig<P: AtRest>(&mut self, trace: &Trace<P>) {
        for (at, action) in trace.actions.iter().enumerate() {
            let mut actions = trace.actions.clone();
            actions.remove(at);
            let corrupted = Trace::<P> { constants: trace.constants.clone(), actions };
            let holes = if corrupted.ends_well().is_err() { &mut self.missed } else { &mut self.passed };
            holes.insert(name(action));
        }
    }

    /// Kinds that nothing ever depended on.
    pub fn never_missed(&self) -> Vec<&str> {
        self.passed.difference(&self.missed).map(String::as_str).collect()
    }
}
