//! `KeyedExecutor.tla`: for each key one line, from which items start one after the other.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::constants::Constants;
use crate::ids::Ids;
use crate::protocol::{Law, Protocol};
use crate::{Id, when};

/// An executor for so many keys. Items are numbered as they are accepted, from 1 on.
#[derive(Clone, Debug)]
pub struct KeyedExecutor {
    /// How many keys there are.
    pub keys: u8,
}

/// Its variables.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    /// How many items there have been.
    pub accepted: Id,
    /// By key: those that wait, in order.
    pub line: Vec<VecDeque<Id>>,
    /// By key: those that are to come later.
    pub coming: Vec<Ids>,
    /// By key: the item that has it, or 0.
    pub busy: Vec<Id>,
    /// Keys that accept nothing any more.
    pub closed: Ids,
}

/// Its steps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action")]
pub enum Action {
    /// The next item, behind the others of its key (P2).
    Submit {
        /// Its key.
        key: Id,
    },
    /// The next item, in front of them.
    SubmitFront {
        /// Its key.
        key: Id,
    },
    /// The next item, for later.
    SubmitAfter {
        /// Its key.
        key: Id,
    },
    /// The time of these has come: they queue up, in this order (P10).
    Come {
        /// Items that were to come.
        items: Vec<Id>,
    },
    /// The first of its key starts (P3).
    Start {
        /// Its key.
        key: Id,
    },
    /// It has ended.
    Finish {
        /// Its key.
        key: Id,
    },
    /// What has not started comes back (P8, P9).
    TakeBack {
        /// Of these keys all of it,
        all: Vec<Id>,
        /// of these what was to come.
        some: Vec<Id>,
    },
    /// Some keys accept nothing any more.
    Close {
        /// Which ones.
        keys: Vec<Id>,
    },
}

impl KeyedExecutor {
    fn keys(&self) -> impl Iterator<Item = Id> + use<> {
        0..self.keys
    }

    /// All sets of keys.
    fn sets(&self) -> impl Iterator<Item = Vec<Id>> + '_ {
        (0..1u32 << self.keys).map(|set| self.keys().filter(|key| set & (1 << key) != 0).collect())
    }

    fn accept(&self, next: &mut State, key: Id) -> Option<Id> {
        when(!next.closed.has(key))?;
        next.accepted += 1;
        Some(next.accepted)
    }
}

/// All orders of some of them, the empty one too.
fn arrangements(items: &[Id]) -> Vec<Vec<Id>> {
    let mut found = vec![Vec::new()];
    for (at, &first) in items.iter().enumerate() {
        let others = [&items[..at], &items[at + 1..]].concat();
        found.extend(arrangements(&others).into_iter().map(|rest| [vec![first], rest].concat()));
    }
    found
}

impl Protocol for KeyedExecutor {
    const MODULE: &'static str = "KeyedExecutor";
    const LAWS: &'static [(&'static str, Law<Self>)] = &[];
    const IN_THE_END: &'static [&'static str] = &[];
    type State = State;
    type Action = Action;

    fn new(constants: &Constants) -> Self {
        Self { keys: constants.size("Keys") }
    }

    fn initial(&self) -> State {
        let keys = usize::from(self.keys);
        State {
            accepted: 0,
            line: vec![VecDeque::new(); keys],
            coming: vec![Ids::NONE; keys],
            busy: vec![0; keys],
            closed: Ids::NONE,
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        for key in self.keys() {
            actions.extend([
                Action::Submit { key },
                Action::SubmitFront { key },
                Action::SubmitAfter { key },
                Action::Start { key },
                Action::Finish { key },
            ]);
        }
        let coming: Vec<_> = state.coming.iter().flat_map(|items| items.iter()).collect();
        actions.extend(arrangements(&coming).into_iter().map(|items| Action::Come { items }));
        for all in self.sets() {
            actions.extend(self.sets().map(|some| Action::TakeBack { all: all.clone(), some }));
        }
        actions.extend(self.sets().map(|keys| Action::Close { keys }));
        actions
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        let mut next = state.clone();
        match *action {
            Action::Submit { key } => {
                let item = self.accept(&mut next, key)?;
                next.line[usize::from(key)].push_back(item);
            }
            Action::SubmitFront { key } => {
                let item = self.accept(&mut next, key)?;
                next.line[usize::from(key)].push_front(item);
            }
            Action::SubmitAfter { key } => {
                let item = self.accept(&mut next, key)?;
                next.coming[usize::from(key)].insert(item);
            }
            Action::Come { ref items } => {
                for &item in items {
                    let key = state.coming.iter().position(|coming| coming.has(item))?;
                    when(next.coming[key].has(item))?;
                    next.coming[key].remove(item);
                    next.line[key].push_back(item);
                }
            }
            Action::Start { key } => {
                let key = usize::from(key);
                when(state.busy[key] == 0)?;
                next.busy[key] = next.line[key].pop_front()?;
            }
            Action::Finish { key } => {
                let busy = &mut next.busy[usize::from(key)];
                when(*busy != 0)?;
                *busy = 0;
            }
            Action::TakeBack { ref all, ref some } => {
                all.iter().for_each(|&key| next.line[usize::from(key)].clear());
                all.iter().chain(some).for_each(|&key| next.coming[usize::from(key)] = Ids::NONE);
            }
            Action::Close { ref keys } => keys.iter().for_each(|&key| next.closed.insert(key)),
        }
        Some(next)
    }
}
