//! The runs that are kept here, which `cargo xtask specs --trace` gives to the other two checkers: what the twin says of them.

use std::fs;
use std::path::Path;

use keylane_traces::corrupted::{Corrupted, Damage};
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

fn damage_is_seen_where_it_is_said_to_be<P: Protocol>() {
    let mut chance = fastrand::Rng::with_seed(1);
    for (name, text) in kept::<P>("recorded") {
        let run = Trace::<P>::from_lines(&text).unwrap();
        let inflicted: Vec<_> =
            Damage::ALL.into_iter().filter_map(|damage| damage.inflict(&run, &mut chance)).collect();
        assert!(inflicted.len() >= 3, "{name} has no place for it: {}", inflicted.len());
        for corrupted in inflicted {
            let again = Corrupted::<P>::from_lines(&corrupted.to_lines().unwrap()).unwrap();
            assert_eq!((again.trace.actions, again.after), (corrupted.trace.actions, corrupted.after));
        }
    }
}

/// For each module all of these.
macro_rules! of {
    ($($module:ident: $protocol:ty;)+) => {$(
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
            fn a_run_can_be_corrupted_in_most_ways() {
                damage_is_seen_where_it_is_said_to_be::<$protocol>();
            }
        }
    )+};
}

of! {
    gate: EpochGate;
    queue: DispatchQueue;
    pool: ShardedPool;
}
