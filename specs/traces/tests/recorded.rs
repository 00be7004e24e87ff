//! The runs that are kept here, which `cargo xtask specs --trace` gives to the other two checkers: what the twin says of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use keylane_traces::corrupted::{Corrupted, Damage, misreport, reports};
use keylane_traces::trace::Trace;
use keylane_twin::dispatch_queue::DispatchQueue;
use keylane_twin::epoch_gate::EpochGate;
use keylane_twin::protocol::Protocol;
use keylane_twin::sharded_pool::ShardedPool;

/// Names and texts of those of a module.
fn kept<P: Protocol>(kind: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mine = files.filter(|path| name(path).starts_with(&format!("{}_", P::MODULE)));
    let found: Vec<_> = mine.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect();
    assert!(!found.is_empty(), "{kind} has none of {}", P::MODULE);
    found
}

fn recorded_ones_are_behaviours<P: Protocol>() {
    for (name, text) in kept::<P>("recorded") {
        let trace = Trace::<P>::from_lines(&text).unwrap();
        assert!(trace.actions.len() <= 150, "{name} is too long for some checkers");
        if let Err(rejected) = trace.replay() {
            panic!("{name}: {rejected}");
        }
    }
}

fn corrupted_ones_are_none<P: Protocol>() {
    let mut places = Vec::new();
    for (name, text) in kept::<P>("corrupted") {
        let Corrupted { trace, what, after } = Corrupted::<P>::from_lines(&text).unwrap();
        let rejected = trace.replay().err().unwrap_or_else(|| panic!("{name} is accepted, and {what}"));
        assert_eq!(rejected.after, after, "{name}: {what}");
        places.push(after);
    }
    assert!(places.contains(&0) && places.iter().any(|&after| after > 0), "{places:?}");
}

fn damage_is_seen<P: Protocol>() {
    let mut chance = fastrand::Rng::with_seed(1);
    for (name, text) in kept::<P>("recorded") {
        let run = Trace::<P>::from_lines(&text).unwrap();
        for damage in Damage::ALL {
            let corrupted = damage.inflict(&run, &mut chance).unwrap_or_else(|| panic!("{name}: {damage}"));
            let again = Corrupted::<P>::from_lines(&corrupted.to_lines().unwrap()).unwrap();
            assert_eq!((again.trace.actions, again.after), (corrupted.trace.actions, corrupted.after));
        }
    }
}

/// What an action says is part of it: it makes a difference in some run, save for these, of which there are too few in those
/// that are kept.
fn nothing_is_said_in_vain<P: Protocol>(but: &[&str]) {
    let mut chance = fastrand::Rng::with_seed(1);
    let (mut said, mut matters) = (BTreeSet::new(), BTreeSet::new());
    for (_, text) in kept::<P>("recorded") {
        let run = Trace::<P>::from_lines(&text).unwrap();
        for report in reports(&run) {
            let what = format!("{} {}", report.0, report.1);
            if misreport(&run, &report, &mut chance).is_some() {
                matters.insert(what.clone());
            }
            said.insert(what);
        }
    }
    assert_eq!((&said - &matters).iter().map(String::as_str).collect::<Vec<_>>(), but);
}

/// For each module all of these.
macro_rules! of {
    ($($module:ident: $protocol:ty, but $but:expr;)+) => {$(
        mod $module {
            use super::*;

            #[test]
            fn recorded_runs_are_behaviours() {
                recorded_ones_are_behaviours::<$protocol>();
            }

            #[test]
            fn corrupted_runs_are_none_from_the_stated_action_on() {
                corrupted_ones_are_none::<$protocol>();
            }

            #[test]
            fn a_run_can_be_corrupted_in_all_ways() {
                damage_is_seen::<$protocol>();
            }

            #[test]
            fn what_an_action_says_makes_a_difference() {
                nothing_is_said_in_vain::<$protocol>(&$but);
            }
        }
    )+};
}

of! {
    gate: EpochGate, but ["Reset session"];
    queue: DispatchQueue, but ["Depart thread", "DropPending thread"];
    pool: ShardedPool, but ["Remove key"];
}
