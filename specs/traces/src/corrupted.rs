//! Recorded runs that somebody has tampered with: whoever checks runs must say of each of these that it is none, and where.

use std::fmt::{self, Display};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use keylane_twin::protocol::Protocol;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::trace::Trace;

/// A way to make a run that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One action is missing.
    LeftOut,
    /// Two that came one after the other are told the other way round.
    Swapped,
    /// Another message was picked, or another epoch published.
    Mispicked,
    /// Of one action something else is told: another thread, key, priority...
    Changed,
    /// What cannot be the beginning is told first. Who believes this one would believe anything.
    BroughtForward,
}

/// A run that is none.
#[derive(Clone, Debug)]
pub struct Corrupted<P: Protocol> {
    /// What is told.
    pub trace: Trace<P>,
    /// What was done to it, for readers.
    pub what: String,
    /// So many of its actions are well.
    pub after: usize,
}

/// What actions have that says which one was picked.
const PICKED: [&str; 3] = ["number", "item", "epoch"];

impl Damage {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::LeftOut, Self::Swapped, Self::Mispicked, Self::Changed, Self::BroughtForward];

    /// Does it to a run, at a place of chance. None if there is no place where it makes a difference: an action that nobody
    /// depends on may be missing, and two that have nothing to do with each other may be swapped.
    pub fn inflict<P: Protocol>(self, run: &Trace<P>, chance: &mut Rng) -> Option<Corrupted<P>> {
        let mut places: Vec<usize> = (0..run.actions.len()).collect();
        chance.shuffle(&mut places);
        places.into_iter().find_map(|at| self.inflict_at(run, at, chance))
    }

    fn inflict_at<P: Protocol>(self, run: &Trace<P>, at: usize, chance: &mut Rng) -> Option<Corrupted<P>> {
        let mut trace = run.clone();
        let actions = &mut trace.actions;
        let line = at + 1;
        let what = match self {
            Self::LeftOut => format!("action {line}, {}, is left out", told(&actions.remove(at))),
            Self::Swapped if line == actions.len() || actions[at] == actions[line] => return None,
            Self::Swapped => {
                actions.swap(at, line);
                format!("actions {line} and {} are swapped", line + 1)
            }
            Self::Mispicked | Self::Changed => {
                let before = told(&actions[at]);
                actions[at] = self.another(actions, at, chance)?;
                format!("action {line} was {before}")
            }
            Self::BroughtForward => {
                let action = actions.remove(at);
                actions.insert(0, action);
                format!("action {line} comes first")
            }
        };
        let after = trace.replay().err()?.after;
        // One that is rejected later on shows something else.
        (self != Self::BroughtForward || after == 0).then_some(Corrupted { trace, what, after })
    }

    /// The same action, but for one thing that it has from another one of its kind.
    fn another<A: Serialize + DeserializeOwned>(
        self,
        actions: &[A],
        at: usize,
        chance: &mut Rng,
    ) -> Option<A> {
        let value = |action: &A| serde_json::to_value(action).expect("actions are JSON");
        let mine = value(&actions[at]);
        let others = actions.iter().map(value);
        let mut others: Vec<Value> = others.filter(|other| other["action"] == mine["action"]).collect();
        chance.shuffle(&mut others);
        let is_wanted = |field: &&String| PICKED.contains(&field.as_str()) == (self == Self::Mispicked);
        let mut fields: Vec<&String> = mine.as_object()?.keys().filter(is_wanted).collect();
        chance.shuffle(&mut fields);
        let (field, other) = fields.into_iter().find_map(|field| {
            let differs = |other: &&Value| other[field] != mine[field];
            Some((field, others.iter().find(differs)?))
        })?;
        let mut changed = mine.clone();
        changed[field] = other[field].clone();
        serde_json::from_value(changed).ok()
    }
}

fn told<A: Serialize>(action: &A) -> String {
    serde_json::to_string(action).expect("actions are JSON")
}

impl<P: Protocol> Corrupted<P> {
    /// As [`Trace::to_lines`], with what was done, and where it shows, in the first.
    pub fn to_lines(&self) -> Result<String> {
        let lines = self.trace.to_lines()?;
        let (head, actions) = lines.split_once('\n').context("it has a first line")?;
        let mut head: Value = serde_json::from_str(head)?;
        head["corrupted"] = self.what.as_str().into();
        head["after"] = self.after.into();
        Ok(format!("{head}\n{actions}"))
    }

    /// From these lines.
    ///
    /// # Errors
    /// If they are not what [`to_lines`](Self::to_lines) writes.
    pub fn from_lines(text: &str) -> Result<Self> {
        let trace = Trace::from_lines(text)?;
        let head: Value = serde_json::from_str(text.lines().next().context("it is empty")?)?;
        let what = head["corrupted"].as_str().context("it does not say what was done to it")?.to_owned();
        let after = head["after"].as_u64().context("it does not say where that shows")? as usize;
        ensure!(after < trace.actions.len(), "it has no action {}", after + 1);
        Ok(Self { trace, what, after })
    }
}

impl Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeftOut => "left_out",
            Self::Swapped => "swapped",
            Self::Mispicked => "mispicked",
            Self::Changed => "changed",
            Self::BroughtForward => "brought_forward",
        })
    }
}
