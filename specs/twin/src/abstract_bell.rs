//! `AbstractBell.tla`: a token. It is put there, and taken.

use serde::{Deserialize, Serialize};

use crate::constants::Constants;
use crate::protocol::{Law, Protocol};
use crate::when;

/// A bell that is rung so often.
#[derive(Clone, Debug)]
pub struct AbstractBell {
    /// `Rings`.
    pub rings: u8,
}

/// Its variables.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct State {
    /// The token is there.
    pub rung: bool,
    /// How often it was rung.
    pub rings: u8,
    /// How many waits are over.
    pub heard: u8,
}

/// Its steps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action")]
pub enum Action {
    /// Leaves the token.
    Ring,
    /// Takes it.
    Hear,
}

impl Protocol for AbstractBell {
    const MODULE: &'static str = "AbstractBell";
    const LAWS: &'static [(&'static str, Law<Self>)] = &[];
    const IN_THE_END: &'static [&'static str] = &[];
    type State = State;
    type Action = Action;

    fn new(constants: &Constants) -> Self {
        Self { rings: constants.number("Rings") }
    }

    fn initial(&self) -> State {
        State::default()
    }

    fn actions(&self, _: &State) -> Vec<Action> {
        vec![Action::Ring, Action::Hear]
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        let State { rung, rings, heard } = *state;
        match action {
            Action::Ring => {
                when(!rung && rings < self.rings)?;
                Some(State { rung: true, rings: rings + 1, heard })
            }
            Action::Hear => {
                when(rung)?;
                Some(State { rung: false, rings, heard: heard + 1 })
            }
        }
    }
}
