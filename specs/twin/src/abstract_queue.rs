//! `AbstractQueue.tla`: one line for all producers, until it is closed.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::constants::Constants;
use crate::protocol::{Law, Protocol};
use crate::{Id, when};

/// A message: whose, and the how manyeth of it, from 1 on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Message {
    /// Its producer.
    pub from: Id,
    /// Its number.
    pub number: u8,
}

/// A queue for so many producers.
#[derive(Clone, Debug)]
pub struct AbstractQueue {
    /// How many there are.
    pub producers: u8,
    /// How many messages each brings.
    pub messages: u8,
}

/// Its variables.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    /// Accepted and not handled, in order.
    pub line: VecDeque<Message>,
    /// By producer: how many were accepted.
    pub sent: Vec<u8>,
    /// By producer: the number of the last one that was handled.
    pub handled: Vec<u8>,
    /// Nothing is accepted any more.
    pub closed: bool,
}

/// Its steps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action")]
pub enum Action {
    /// The next one of a producer goes to the back.
    Accept {
        /// Whose it is.
        producer: Id,
    },
    /// The first one is handled.
    Handle,
    /// No more come.
    Close,
}

impl Protocol for AbstractQueue {
    const MODULE: &'static str = "AbstractQueue";
    const LAWS: &'static [(&'static str, Law<Self>)] = &[];
    const IN_THE_END: &'static [&'static str] = &[];
    type State = State;
    type Action = Action;

    fn new(constants: &Constants) -> Self {
        Self { producers: constants.size("Producers"), messages: constants.number("Messages") }
    }

    fn initial(&self) -> State {
        let none = vec![0; self.producers.into()];
        State { line: VecDeque::new(), sent: none.clone(), handled: none, closed: false }
    }

    fn actions(&self, _: &State) -> Vec<Action> {
        let accepts = (0..self.producers).map(|producer| Action::Accept { producer });
        accepts.chain([Action::Handle, Action::Close]).collect()
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        let mut next = state.clone();
        match *action {
            Action::Accept { producer } => {
                let sent = &mut next.sent[usize::from(producer)];
                when(!state.closed && *sent < self.messages)?;
                *sent += 1;
                next.line.push_back(Message { from: producer, number: *sent });
            }
            Action::Handle => {
                // None is left out, none comes twice.
                let Message { from, number } = next.line.pop_front()?;
                let handled = &mut next.handled[usize::from(from)];
                when(*handled + 1 == number)?;
                *handled = number;
            }
            Action::Close => next.closed = true,
        }
        Some(next)
    }
}
