//! Each model of `specs/models.toml` has as many states here as there, its laws hold, and its actions have the same names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use keylane_twin::constants::Constants;
use keylane_twin::dispatch_queue::DispatchQueue;
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

/// What has more than so many has a test of its own.
const LARGE: u64 = 1_000_000;

/// All models of `specs/models.toml` of this module that have a number of states: those that must break break in the end.
fn models<P: Protocol>() -> impl Iterator<Item = (Model, u64)> {
    let models: Models = toml::from_str(&fs::read_to_string(specs().join("models.toml")).unwrap()).unwrap();
    let ours = models.model.into_iter().filter(|model| model.module == P::MODULE);
    ours.filter_map(|model| model.states.map(|states| (model, states)))
}

fn constants(model: &Model) -> Constants {
    Constants::read(&fs::read_to_string(specs().join(format!("models/{}.cfg", model.name))).unwrap())
}

fn count<P: Protocol>(model: &Model, states: u64) {
    let spec = fs::read_to_string(specs().join(format!("{}.tla", P::MODULE))).unwrap();
    let constants = constants(model);
    let laws = constants.laws().iter().map(String::as_str);
    // Types see to the first.
    let laws: Vec<_> = laws.filter(|&name| name != "Types" && !P::IN_THE_END.contains(&name)).collect();
    let began = Instant::now();
    let explored = explore(P::new(&constants), &laws);
    assert!(explored.broken.is_none(), "{}: {:#?}", model.name, explored.broken);
    let name =
        |action: &P::Action| serde_json::to_value(action).unwrap()["action"].as_str().unwrap().to_owned();
    let taken: BTreeSet<_> = explored.taken.iter().map(name).collect();
    let never = BTreeSet::from_iter(model.never.iter().cloned());
    assert_eq!(taken, &actions(&spec) - &never, "{}", model.name);
    assert_eq!(explored.states as u64, states, "{}", model.name);
    println!("{}: {states} states in {:.1} s", model.name, began.elapsed().as_secs_f64());
}

fn counts<P: Protocol>() {
    let small: Vec<_> = models::<P>().filter(|&(_, states)| states <= LARGE).collect();
    assert!(!small.is_empty(), "{} has no models", P::MODULE);
    small.iter().for_each(|(model, states)| count::<P>(model, *states));
}

/// All at once, in one model, which TLC has among its slow ones: fast and queued, to oneself, and a shutdown that runs the rest; and
/// an ordered connection with three messages, which discards: it has something to overtake. (With one priority, nothing asks which
/// is first.)
#[test]
fn more_than_ten_million() {
    let large: Vec<_> = models::<DispatchQueue>().filter(|&(_, states)| states > LARGE).collect();
    let [(model, states @ 10_000_000..)] = &large[..] else { panic!("one model has so many") };
    assert_eq!(constants(model).laws().len(), DispatchQueue::LAWS.len(), "all laws are looked at");
    count::<DispatchQueue>(model, *states);
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
    counts::<DispatchQueue>();
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
