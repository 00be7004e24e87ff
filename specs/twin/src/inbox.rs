//! `Inbox.tla`: where messages arrive, for one consumer and its bell.

pub mod judge;

use serde::{Deserialize, Serialize};

use crate::abstract_queue::{self, AbstractQueue, Message};
use crate::constants::Constants;
use crate::ids::Ids;
use crate::protocol::{AtRest, Law, Protocol, refines};
use crate::{Id, when};

/// Producers and whoever closes it, who is the thread after them.
#[derive(Clone, Debug)]
pub struct Inbox {
    producers: u8,
    messages: u8,
}

/// Its variables.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    arrived: Vec<Message>,
    asleep: bool,
    closed: bool,
    rung: bool,
    ringing: Ids,
    consumer: Consumer,
    hand: Vec<Message>,
    sent: Vec<u8>,
    handled: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Consumer {
    Up,
    Waits,
    Stopped,
}

/// Its steps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action")]
pub enum Action {
    /// A message goes in.
    Push {
        /// Whose it is.
        thread: Id,
    },
    /// No more go in.
    Close,
    /// Whoever has found the consumer asleep rings.
    Ring {
        /// Who does.
        thread: Id,
    },
    /// The consumer takes what there is, with something in hand still.
    Take,
    /// It takes what there is; if that is nothing, it sleeps from here on.
    #[serde(rename = "Take_LieDown")]
    TakeLieDown,
    /// It hears its bell.
    Wait,
    /// It handles the first that it has in hand.
    Handle,
}

impl State {
    /// Whoever finds the consumer asleep has to ring.
    fn wake(&mut self, thread: Id) {
        if std::mem::take(&mut self.asleep) {
            self.ringing.insert(thread);
        }
    }

    fn as_queue(&self) -> abstract_queue::State {
        abstract_queue::State {
            line: self.hand.iter().chain(&self.arrived).copied().collect(),
            sent: self.sent.clone(),
            handled: self.handled.clone(),
            closed: self.closed,
        }
    }
}

impl Inbox {
    fn closer(&self) -> Id {
        self.producers
    }

    fn refines(&self, before: &State, _: &Action, after: &State) -> bool {
        let queue = AbstractQueue { producers: self.producers, messages: self.messages };
        refines(&queue, &before.as_queue(), &after.as_queue())
    }

    fn one_wake(&self, state: &State) -> bool {
        let must_hear = state.consumer == Consumer::Waits && !state.rung;
        state.ringing.is_empty() || (must_hear && state.ringing.len() == 1)
    }

    fn sleep_is_known(&self, state: &State) -> bool {
        state.consumer != Consumer::Waits || state.asleep || state.rung || !state.ringing.is_empty()
    }

    fn none_waits_asleep(&self, state: &State) -> bool {
        !state.asleep || (state.arrived.is_empty() && state.hand.is_empty() && !state.closed)
    }
}

impl Protocol for Inbox {
    const MODULE: &'static str = "Inbox";
    const LAWS: &'static [(&'static str, Law<Self>)] = &[
        ("OneWake", Law::Always(Self::one_wake)),
        ("SleepIsKnown", Law::Always(Self::sleep_is_known)),
        ("NoneWaitsAsleep", Law::Always(Self::none_waits_asleep)),
        ("Refines", Law::Step(Self::refines)),
    ];
    const IN_THE_END: &'static [&'static str] = &["AllHandled", "Stops", "RefinesAll"];
    type State = State;
    type Action = Action;

    fn new(constants: &Constants) -> Self {
        Self { producers: constants.size("Producers"), messages: constants.number("Messages") }
    }

    fn initial(&self) -> State {
        let none = vec![0; self.producers.into()];
        State {
            arrived: Vec::new(),
            asleep: false,
            closed: false,
            rung: false,
            ringing: Ids::NONE,
            consumer: Consumer::Up,
            hand: Vec::new(),
            sent: none.clone(),
            handled: none,
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let pushes = (0..self.producers).map(|thread| Action::Push { thread });
        let rings = state.ringing.iter().map(|thread| Action::Ring { thread });
        let others = [Action::Close, Action::Take, Action::TakeLieDown, Action::Wait, Action::Handle];
        pushes.chain(rings).chain(others).collect()
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        let is_up = state.consumer == Consumer::Up;
        let mut next = state.clone();
        match *action {
            Action::Push { thread } => {
                let sent = &mut next.sent[usize::from(thread)];
                when(!state.ringing.has(thread) && !state.closed && *sent < self.messages)?;
                *sent += 1;
                next.arrived.push(Message { from: thread, number: *sent });
                next.wake(thread);
            }
            Action::Close => {
                when(!state.closed)?;
                next.closed = true;
                next.wake(self.closer());
            }
            Action::Ring { thread } => {
                when(state.ringing.has(thread))?;
                next.ringing.remove(thread);
                next.rung = true;
            }
            Action::Take => {
                when(is_up && !state.hand.is_empty() && !state.arrived.is_empty())?;
                next.hand.append(&mut next.arrived);
            }
            Action::TakeLieDown => {
                when(is_up && state.hand.is_empty())?;
                next.hand.append(&mut next.arrived);
                next.consumer = match (next.hand.is_empty(), state.closed) {
                    (false, _) => Consumer::Up,
                    (true, false) => Consumer::Waits,
                    (true, true) => Consumer::Stopped,
                };
                next.asleep |= next.consumer == Consumer::Waits;
            }
            Action::Wait => {
                when(state.consumer == Consumer::Waits && state.rung)?;
                next.rung = false;
                next.consumer = Consumer::Up;
            }
            Action::Handle => {
                when(is_up && !state.hand.is_empty())?;
                let Message { from, number } = next.hand.remove(0);
                next.handled[usize::from(from)] = number;
            }
        }
        Some(next)
    }
}

impl AtRest for Inbox {
    fn is_at_rest(&self, state: &State) -> bool {
        let State { arrived, hand, ringing, sent, handled, .. } = state;
        let stopped = state.closed && state.consumer == Consumer::Stopped;
        stopped
            && ringing.is_empty()
            && !state.rung
            && arrived.is_empty()
            && hand.is_empty()
            && handled == sent
    }
}
