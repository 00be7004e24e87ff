//! What a protocol is: where it begins, what may be done, and what comes of it.

use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::constants::Constants;

/// A specification of `specs/` as a function. Whatever TLA+ leaves open (`\E`) is part of the action, so that a state and
/// an action have one next state.
pub trait Protocol: Clone + Send + Sync + 'static {
    /// The module of `specs/` that says the same.
    const MODULE: &'static str;
    /// What must hold, by the names that it has there.
    const LAWS: &'static [(&'static str, Law<Self>)];
    /// What happens in the end, by the names that it has there: left to the other checkers.
    const IN_THE_END: &'static [&'static str];

    /// The values of the variables. Two states are equal if these are.
    type State: Clone + Debug + Eq + Hash + Send + Sync;
    /// A step, by the name that it has there, and who takes it. In JSON it is `{"action": "Push", ...}`.
    type Action: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync;

    /// With the constants of one of `specs/models/`.
    fn new(constants: &Constants) -> Self;

    /// `Init`.
    fn initial(&self) -> Self::State;

    /// All actions that [`step`](Self::step) may allow, and perhaps others.
    fn actions(&self, state: &Self::State) -> Vec<Self::Action>;

    /// `Next`: what comes of an action, or nothing if it cannot be taken now.
    fn step(&self, state: &Self::State, action: &Self::Action) -> Option<Self::State>;
}

/// One whose runs are recorded.
pub trait AtRest: Protocol {
    /// Whether such a run may end here, as its specification in `specs/traces/tla/` has it: all have done what they do, and
    /// nothing is left over.
    fn is_at_rest(&self, state: &Self::State) -> bool;
}

/// What must hold.
#[derive(Debug)]
pub enum Law<P: Protocol> {
    /// In each state.
    Always(fn(&P, &P::State) -> bool),
    /// Of each step: before it, what is done, and after it.
    Step(fn(&P, &P::State, &P::Action, &P::State) -> bool),
}

/// Whether a step of one protocol is a step of another, `A!Next`, or none that it could see, of what it sees of them.
pub fn refines<A: Protocol>(abstraction: &A, before: &A::State, after: &A::State) -> bool {
    let leads_there = |action| abstraction.step(before, &action).as_ref() == Some(after);
    before == after || abstraction.actions(before).into_iter().any(leads_there)
}
