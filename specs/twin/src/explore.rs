//! Every state that a protocol can get into, found by stateright: breadth first, on as many threads as there are cores. It
//! remembers a state by 64 bits of its hash; that two of ten million share them is a chance of three in a million.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::{RwLock, RwLockReadGuard};

use stateright::{Checker, Expectation, Model, Property};

use crate::protocol::{Law, Protocol};

/// What was found.
#[derive(Debug)]
pub struct Explored<P: Protocol> {
    /// How many distinct states there are.
    pub states: usize,
    /// One of each kind of action that was taken.
    pub taken: Vec<P::Action>,
    /// The law that does not hold, and a shortest way to where it does not.
    pub broken: Option<(&'static str, Vec<P::Action>)>,
}

/// Explores all of it, with these laws in mind.
///
/// # Panics
/// If the protocol has no law of that name.
pub fn explore<P: Protocol>(protocol: P, laws: &[&str]) -> Explored<P> {
    let laws = laws.iter().map(|&name| {
        let law = P::LAWS.iter().find(|(other, _)| *other == name);
        law.unwrap_or_else(|| panic!("{} has no law {name}", P::MODULE))
    });
    let searched = Searched { protocol, laws: laws.collect(), taken: RwLock::default() };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = searched.checker().threads(cores).spawn_bfs().join();
    let discoveries = checker.discoveries();
    let broken = discoveries.into_values().next().map(|path| {
        let actions = path.clone().into_actions();
        (path.last_state().broken.expect("that is what is looked for"), actions)
    });
    let taken = checker.model().taken().values().cloned().collect();
    Explored { states: checker.unique_state_count(), taken, broken }
}

struct Searched<P: Protocol> {
    protocol: P,
    laws: Vec<&'static (&'static str, Law<P>)>,
    taken: RwLock<HashMap<Discriminant<P::Action>, P::Action>>,
}

/// A state, and the law that this state or the step to it has broken.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Node<S> {
    state: S,
    broken: Option<&'static str>,
}

impl<P: Protocol> Searched<P> {
    fn taken(&self) -> RwLockReadGuard<'_, HashMap<Discriminant<P::Action>, P::Action>> {
        self.taken.read().expect("nobody panics with it in hand")
    }

    /// A law of one kind that does not hold.
    fn broken(&self, holds: impl Fn(&Law<P>) -> bool) -> Option<&'static str> {
        self.laws.iter().find(|(_, law)| !holds(law)).map(|(name, _)| *name)
    }

    fn node(&self, state: P::State, broken: Option<&'static str>) -> Node<P::State> {
        let broken = broken.or_else(|| {
            self.broken(|law| match law {
                Law::Always(holds) => holds(&self.protocol, &state),
                Law::Step(_) => true,
            })
        });
        Node { state, broken }
    }
}

impl<P: Protocol> Model for Searched<P> {
    type State = Node<P::State>;
    type Action = P::Action;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.node(self.protocol.initial(), None)]
    }

    fn actions(&self, node: &Self::State, actions: &mut Vec<Self::Action>) {
        actions.extend(self.protocol.actions(&node.state));
    }

    fn next_state(&self, node: &Self::State, action: Self::Action) -> Option<Self::State> {
        let next = self.protocol.step(&node.state, &action)?;
        let kind = discriminant(&action);
        if !self.taken().contains_key(&kind) {
            self.taken.write().expect("nobody panics with it in hand").insert(kind, action.clone());
        }
        let broken = self.broken(|law| match law {
            Law::Always(_) => true,
            Law::Step(holds) => holds(&self.protocol, &node.state, &action, &next),
        });
        Some(self.node(next, broken))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds: fn(&Self, &Node<P::State>) -> bool = |_, node| node.broken.is_none();
        vec![Property { expectation: Expectation::Always, name: "all laws", condition: holds }]
    }
}
