//! Each model of `specs/models.toml` has as many states here as there, its laws hold, and its actions have the same names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use keylane_twin::constants::Constants;
use keylane_twin::explore::explore;
use keylane_twin::protocol::Protocol;
use serde::Deserialize;

#[derive(Deserialize)]
struct Models {
    model: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    name: String,
    module: String,
    states: Option<u64>,
    #[serde(default)]
    never: Vec<String>,
}

fn specs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What `Next` is made of.
fn actions(spec: &str) -> BTreeSet<String> {
    let next = spec.split_once("\nNext ==").unwrap().1.split("\n\n").next().unwrap();
    let steps = next.split("\\/").map(|step| step.rsplit(" : ").next().unwrap().trim());
    steps.map(|step| step.split('(').next().unwrap().to_owned()).filter(|step| !step.is_empty()).collect()
}

/// What has more than so many is counted in large.rs.
const LARGE: u64 = 1_000_000;

fn counts<P: Protocol>() {
    let models: Models = toml::from_str(&fs::read_to_string(specs().join("models.toml")).unwrap()).unwrap();
    let spec = fs::read_to_string(specs().join(format!("{}.tla", P::MODULE))).unwrap();
    let mut seen = 0;
    for model in models.model.iter().filter(|model| model.module == P::MODULE) {
        // Those that must break break in the end.
        let Some(states) = model.states else { continue };
        if states > LARGE {
            continue;
        }
        let cfg = fs::read_to_string(specs().join(format!("models/{}.cfg", model.name))).unwrap();
        let constants = Constants::read(&cfg);
        let laws = constants.laws().iter().map(String::as_str);
        // Types see to the first.
        let laws: Vec<_> = laws.filter(|&name| name != "Types" && !P::IN_THE_END.contains(&name)).collect();
        let explored = explore(P::new(&constants), &laws);
        assert!(explored.broken.is_none(), "{}: {:#?}", model.name, explored.broken);
        let name =
            |action: &P::Action| serde_json::to_value(action).unwrap()["action"].as_str().unwrap().to_owned();
        let taken: BTreeSet<_> = explored.taken.iter().map(name).collect();
        let never = BTreeSet::from_iter(model.never.iter().cloned());
        assert_eq!(taken, &actions(&spec) - &never, "{}", model.name);
        assert_eq!(explored.states as u64, states, "{}", model.name);
        seen += 1;
        println!("{}: {states} states", model.name);
    }
    assert!(seen > 0, "{} has no models", P::MODULE);
}

#[test]
fn baton() {
    counts::<keylane_twin::baton::Baton>();
}

#[test]
fn bell() {
    counts::<keylane_twin::bell::Bell>();
}

#[test]
fn dispatch_queue() {
    counts::<keylane_twin::dispatch_queue::DispatchQueue>();
}

#[test]
fn epoch_gate() {
    counts::<keylane_twin::epoch_gate::EpochGate>();
}

#[test]
fn inbox() {
    counts::<keylane_twin::inbox::Inbox>();
}

#[test]
fn sharded_pool() {
    counts::<keylane_twin::sharded_pool::ShardedPool>();
}
