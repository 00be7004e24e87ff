//! `Bell.tla`: how a thread sleeps, with a flag, a lock and a condition variable.

use serde::{Deserialize, Serialize};

use crate::abstract_bell::{self, AbstractBell};
use crate::constants::Constants;
use crate::protocol::{Law, Protocol, refines};
use crate::when;

/// A bell that is rung so often.
#[derive(Clone, Debug)]
pub struct Bell {
    rings: u8,
}

/// Its variables.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    rung: bool,
    /// The sleeper has the lock.
    held: bool,
    sleeper: Sleeper,
    /// The ringer has yet to tell the condition variable.
    notifies: bool,
    rings: u8,
    heard: u8,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Sleeper {
    Up,
    Looks,
    Waits,
    Woken,
}

/// Its steps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action")]
pub enum Action {
    /// Sets the flag, under the lock.
    Ring,
    /// Tells the condition variable, without it.
    #[serde(rename = "Ring_Notify")]
    RingNotify,
    /// The sleeper has the lock.
    #[serde(rename = "Wait_Lock")]
    WaitLock,
    /// Lets go of it and waits, in one step.
    #[serde(rename = "Wait_Sleep")]
    WaitSleep,
    /// The flag is set: clears it.
    Hear,
    /// The system wakes it for nothing.
    Spurious,
    /// Has the lock again.
    #[serde(rename = "Wait_Relock")]
    WaitRelock,
}

impl Bell {
    fn token(&self, state: &State) -> abstract_bell::State {
        abstract_bell::State { rung: state.rung, rings: state.rings, heard: state.heard }
    }

    fn refines(&self, before: &State, _: &Action, after: &State) -> bool {
        refines(&AbstractBell { rings: self.rings }, &self.token(before), &self.token(after))
    }

    fn one_ring_one_wait(&self, state: &State) -> bool {
        state.heard <= state.rings
            && state.rings <= state.heard + 1
            && state.rung == (state.rings == state.heard + 1)
    }
}

impl Protocol for Bell {
    const MODULE: &'static str = "Bell";
    const LAWS: &'static [(&'static str, Law<Self>)] =
        &[("OneRingOneWait", Law::Always(Self::one_ring_one_wait)), ("Refines", Law::Step(Self::refines))];
    const IN_THE_END: &'static [&'static str] = &["AllHeard"];
    type State = State;
    type Action = Action;

    fn new(constants: &Constants) -> Self {
        Self { rings: constants.number("Rings") }
    }

    fn initial(&self) -> State {
        State { rung: false, held: false, sleeper: Sleeper::Up, notifies: false, rings: 0, heard: 0 }
    }

    fn actions(&self, _: &State) -> Vec<Action> {
        use Action::{Hear, Ring, RingNotify, Spurious, WaitLock, WaitRelock, WaitSleep};
        vec![Ring, RingNotify, WaitLock, WaitSleep, Hear, Spurious, WaitRelock]
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Ring => {
                when(
                    !state.notifies && !state.held && state.rings < self.rings && state.rings == state.heard,
                )?;
                (next.rung, next.notifies, next.rings) = (true, true, state.rings + 1);
            }
            Action::RingNotify => {
                when(state.notifies)?;
                next.notifies = false;
                if state.sleeper == Sleeper::Waits {
                    next.sleeper = Sleeper::Woken;
                }
            }
            Action::WaitLock => {
                when(state.sleeper == Sleeper::Up && state.heard < self.rings && !state.held)?;
                (next.held, next.sleeper) = (true, Sleeper::Looks);
            }
            Action::WaitSleep => {
                when(state.sleeper == Sleeper::Looks && !state.rung)?;
                (next.held, next.sleeper) = (false, Sleeper::Waits);
            }
            Action::Hear => {
                when(state.sleeper == Sleeper::Looks && state.rung)?;
                (next.rung, next.heard) = (false, state.heard + 1);
                (next.held, next.sleeper) = (false, Sleeper::Up);
            }
            Action::Spurious => {
                when(state.sleeper == Sleeper::Waits)?;
                next.sleeper = Sleeper::Woken;
            }
            Action::WaitRelock => {
                when(state.sleeper == Sleeper::Woken && !state.held)?;
                (next.held, next.sleeper) = (true, Sleeper::Looks);
            }
        }
        Some(next)
    }
}
