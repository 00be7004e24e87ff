//! A twin and a reference model side by side: every state that the two can get into together.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Debug};
use std::fs;
use std::hash::Hash;
use std::path::Path;
use std::rc::Rc;

use keylane_twin::constants::Constants;
use keylane_twin::protocol::Protocol;
use serde::Serialize;

/// Why a step of the twin is not followed.
#[derive(Debug)]
pub enum Objection {
    /// The two disagree.
    Disagreement(String),
    /// The specification leaves open what the reference model does not, and this is not what the model would do.
    LeftOpen,
}

impl From<String> for Objection {
    fn from(disagreement: String) -> Self {
        Self::Disagreement(disagreement)
    }
}

/// What was found.
#[derive(Debug)]
pub struct Together {
    /// States of both together.
    pub states: usize,
    /// How many different states of the twin there are among them.
    pub of_twin: usize,
    /// Steps that were not followed.
    pub left_open: usize,
}

/// A shortest way to where the two disagree.
pub struct Disagreement<A> {
    /// What is done.
    pub schedule: Vec<A>,
    /// What comes of it.
    pub what: String,
}

impl<A: Debug> Debug for Disagreement<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, after", self.what)?;
        self.schedule.iter().try_for_each(|action| writeln!(f, "    {action:?}"))
    }
}

/// A pair, and by which step of which pair it was reached first.
struct Node<P: Protocol, M> {
    pair: Rc<(P::State, M)>,
    from: Option<(usize, P::Action)>,
}

/// Breadth first. `follow` does with the model what the step (before it, what is done, and after it) does with the twin;
/// `agree` compares what the two say of a state.
pub fn explore_pair<P: Protocol, M: Clone + Eq + Hash>(
    protocol: &P,
    model: M,
    follow: impl Fn(&P::State, &P::Action, &P::State, &mut M) -> Result<(), Objection>,
    agree: impl Fn(&P::State, &M) -> Result<(), String>,
) -> Result<Together, Disagreement<P::Action>> {
    let start = Rc::new((protocol.initial(), model));
    let mut seen = HashSet::from([Rc::clone(&start)]);
    let mut nodes = vec![Node::<P, M> { pair: start, from: None }];
    let mut left_open = 0;
    let mut at = 0;
    while at < nodes.len() {
        let pair = Rc::clone(&nodes[at].pair);
        let (before, model) = &*pair;
        agree(before, model).map_err(|what| disagreement(&nodes, at, None, what))?;
        for action in protocol.actions(before) {
            let Some(after) = protocol.step(before, &action) else { continue };
            let mut model = model.clone();
            match follow(before, &action, &after, &mut model) {
                Ok(()) => {}
                Err(Objection::LeftOpen) => {
                    left_open += 1;
                    continue;
                }
                Err(Objection::Disagreement(what)) => {
                    return Err(disagreement(&nodes, at, Some(action), what));
                }
            }
            let next = Rc::new((after, model));
            if seen.insert(Rc::clone(&next)) {
                nodes.push(Node { pair: next, from: Some((at, action)) });
            }
        }
        at += 1;
    }
    let of_twin = HashSet::<_>::from_iter(nodes.iter().map(|node| &node.pair.0)).len();
    Ok(Together { states: nodes.len(), of_twin, left_open })
}

fn disagreement<P: Protocol, M>(
    nodes: &[Node<P, M>],
    at: usize,
    last: Option<P::Action>,
    what: String,
) -> Disagreement<P::Action> {
    let mut schedule = Vec::from_iter(last);
    let mut from = &nodes[at].from;
    while let Some((before, action)) = from {
        schedule.push(action.clone());
        from = &nodes[*before].from;
    }
    schedule.reverse();
    Disagreement { schedule, what }
}

/// By what name an action goes.
fn name<A: Serialize>(action: &A) -> String {
    serde_json::to_value(action).unwrap()["action"].as_str().unwrap().to_owned()
}

/// Each of these steps matters: a model that says the right thing of it, and then forgets it, is found out.
pub fn none_is_forgotten<P: Protocol, M: Clone + Eq + Hash>(
    protocol: &P,
    model: M,
    steps: &[&str],
    follow: impl Fn(&P::State, &P::Action, &P::State, &mut M) -> Result<(), Objection>,
    agree: impl Fn(&P::State, &M) -> Result<(), String>,
) {
    for &step in steps {
        let forgets = |before: &P::State, action: &P::Action, after: &P::State, model: &mut M| {
            let known = model.clone();
            follow(before, action, after, model)?;
            if name(action) == step {
                *model = known;
            }
            Ok(())
        };
        let found = explore_pair(protocol, model.clone(), forgets, &agree);
        let broken = found.expect_err(step);
        println!("without {step}: {}, after {} steps", broken.what, broken.schedule.len());
        let is_there = broken.schedule.iter().any(|action| name(action) == step);
        assert!(is_there, "{step} has to do with it: {broken:?}");
    }
}

/// What the model forgets (`essence`) makes no difference to what it says: it does the same with it and without.
pub fn forgets_nothing_of_use<P: Protocol, M: Clone + Eq + Hash + Debug>(
    protocol: &P,
    model: M,
    essence: impl Fn(M) -> M,
    follow: impl Fn(&P::State, &P::Action, &P::State, &mut M) -> Result<(), Objection>,
    agree: impl Fn(&P::State, &M) -> Result<(), String>,
) {
    let both = |before: &P::State, action: &P::Action, after: &P::State, model: &mut M| {
        let mut short = essence(model.clone());
        let outcome = follow(before, action, after, model);
        let of_short = follow(before, action, after, &mut short);
        same("an outcome, after all and after its essence", format!("{outcome:?}"), format!("{of_short:?}"))?;
        outcome?;
        same("all, and its essence", essence(model.clone()), essence(short))?;
        Ok(())
    };
    let either = |state: &P::State, model: &M| agree(state, model).and(agree(state, &essence(model.clone())));
    let found = explore_pair(protocol, model, both, either);
    println!("nothing of use is forgotten: {:?}", found.unwrap_or_else(|broken| panic!("{broken:?}")));
}

/// That two say the same of something.
pub fn same<T: Debug + PartialEq>(what: &str, twin: T, model: T) -> Result<(), String> {
    match twin == model {
        true => Ok(()),
        false => Err(format!("{what}: the twin says {twin:?}, the reference model {model:?}")),
    }
}

/// A protocol with the constants of a model of `specs/models/`, and some of these otherwise.
pub fn model<P: Protocol>(name: &str, otherwise: &[(&str, &str)]) -> P {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut cfg = fs::read_to_string(specs.join(format!("models/{name}.cfg"))).unwrap();
    // Of two values the last one counts.
    otherwise.iter().for_each(|(constant, value)| cfg.push_str(&format!("    {constant} = {value}\n")));
    P::new(&Constants::read(&cfg))
}

/// By name, how many states each model of a module of `specs/models.toml` has.
pub fn counts(module: &str) -> HashMap<String, usize> {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let models: toml::Table =
        toml::from_str(&fs::read_to_string(specs.join("models.toml")).unwrap()).unwrap();
    let models =
        models["model"].as_array().unwrap().iter().filter(|one| one["module"].as_str() == Some(module));
    let count = |one: &toml::Value| {
        Some((one["name"].as_str()?.to_owned(), one.get("states")?.as_integer()?.try_into().ok()?))
    };
    models.filter_map(count).collect()
}
