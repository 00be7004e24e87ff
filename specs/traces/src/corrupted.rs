//! Recorded runs that somebody has tampered with: whoever checks runs must say of each of these that it is none, and where.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use keylane_twin::protocol::{AtRest, Protocol};
use serde::Serialize;
use serde_json::Value;

use crate::trace::Trace;

/// A way to make a run that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One action is missing.
    LeftOut,
    /// Two that came one after the other are told the other way round.
    Swapped,
    /// What cannot be the beginning is told first. Who believes this one would believe anything.
    BroughtForward,
    /// The last ones are missing. What is left is a behaviour, but not one that ends there.
    CutOff,
}

/// A run that is none.
#[derive(Clone, Debug)]
pub struct Corrupted<P: Protocol> {
    /// What is told.
    pub trace: Trace<P>,
    /// What was done to it, for readers.
    pub what: String,
    /// So many of its actions are well. If these are all, it stops too early.
    pub after: usize,
}

impl Damage {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::LeftOut, Self::Swapped, Self::BroughtForward, Self::CutOff];

    /// Does it to a run, at a place of chance. None if there is no place where it makes a difference: an action that nobody
    /// depends on may be missing, and two that have nothing to do with each other may be swapped.
    pub fn inflict<P: AtRest>(self, run: &Trace<P>, chance: &mut Rng) -> Option<Corrupted<P>> {
        let mut places: Vec<usize> = (0..run.actions.len()).collect();
        chance.shuffle(&mut places);
        places.into_iter().find_map(|at| self.inflict_at(run, at))
    }

    fn inflict_at<P: AtRest>(self, run: &Trace<P>, at: usize) -> Option<Corrupted<P>> {
        let mut trace = run.clone();
        let actions = &mut trace.actions;
        let line = at + 1;
        let what = match self {
            Self::LeftOut => format!("action {line}, {}, is left out", value(&actions.remove(at))),
            Self::Swapped if line == actions.len() || actions[at] == actions[line] => return None,
            Self::Swapped => {
                actions.swap(at, line);
                format!("actions {line} and {} are swapped", line + 1)
            }
            Self::BroughtForward => {
                let action = actions.remove(at);
                actions.insert(0, action);
                format!("action {line} comes first")
            }
            // Of nothing nothing can be said.
            Self::CutOff if at == 0 => return None,
            Self::CutOff => {
                actions.truncate(at);
                format!("actions from {line} on are cut off")
            }
        };
        let corrupted = Corrupted::new(trace, what)?;
        // One that is rejected elsewhere shows something else.
        let shows = match self {
            Self::LeftOut | Self::Swapped => corrupted.after < corrupted.trace.actions.len(),
            Self::BroughtForward => corrupted.after == 0,
            Self::CutOff => corrupted.after == at,
        };
        shows.then_some(corrupted)
    }
}

/// What the actions of a run say of themselves: the name of the action, and what else it has.
pub fn reports<P: Protocol>(run: &Trace<P>) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for action in run.actions.iter().map(value) {
        let fields = action.as_object().into_iter().flat_map(serde_json::Map::keys);
        let others = fields.filter(|field| *field != "action");
        found.extend(others.map(|field| (named(&action), field.clone())));
    }
    found
}

/// Has one action of that name say something else there: another message was picked, another thread did it. What it says is
/// said by another one of the same name. None if that makes a difference nowhere.
pub fn misreport<P: AtRest>(
    run: &Trace<P>,
    (name, field): &(String, String),
    chance: &mut Rng,
) -> Option<Corrupted<P>> {
    let values: Vec<Value> = run.actions.iter().map(value).collect();
    let mut places: Vec<usize> = (0..values.len()).filter(|&at| named(&values[at]) == *name).collect();
    chance.shuffle(&mut places);
    let others: Vec<_> = places.iter().map(|&at| &values[at][field]).collect();
    places.iter().find_map(|&at| {
        let other = others.iter().copied().find(|other| **other != values[at][field])?;
        let mut changed = values[at].clone();
        changed[field] = other.clone();
        let mut trace = run.clone();
        trace.actions[at] = serde_json::from_value(changed).ok()?;
        Corrupted::new(trace, format!("action {} was {}", at + 1, values[at]))
    })
}

fn value<A: Serialize>(action: &A) -> Value {
    serde_json::to_value(action).expect("actions are JSON")
}

fn named(action: &Value) -> String {
    action["action"].as_str().expect("actions have names").to_owned()
}

impl<P: Protocol> Corrupted<P> {
    /// If it is none, and not a run after all.
    fn new(trace: Trace<P>, what: String) -> Option<Self>
    where
        P: AtRest,
    {
        let after = trace.ends_well().err()?;
        Some(Self { trace, what, after })
    }

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
        ensure!(after <= trace.actions.len(), "it has no {after} actions");
        Ok(Self { trace, what, after })
    }
}

impl Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeftOut => "left_out",
            Self::Swapped => "swapped",
            Self::BroughtForward => "brought_forward",
            Self::CutOff => "cut_off",
        })
    }
}
