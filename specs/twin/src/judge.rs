//! What has been seen of the code, explained by the steps of a protocol: nothing else decides what may happen.
//!
//! A call is a list of [parts](Judged::Part), each with what was seen of it. From when it is invoked until it returns it may
//! take the steps that they are made of, one after the other, between those of other calls. A [`Judge`] holds all states
//! that the protocol may be in by then (the subset construction). If there is none, nothing that the protocol may do looks
//! like this: for calls of several threads that is an exact check of linearizability, with the protocol's own steps as the
//! atomic ones.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt::{self, Debug};
use std::hash::Hash;

use crate::Id;
use crate::protocol::Protocol;

/// A protocol by which calls can be judged.
pub trait Judged: Protocol {
    /// A part of a call, and what was seen of it.
    type Part: Clone + Debug + Eq + Hash + Send + Sync;

    /// What a part may do next, one step of the protocol at most; and what is left of it after that. Nothing: it cannot go
    /// on now, or not with what was seen.
    fn take(&self, known: &Known<Self::State>, part: &Self::Part) -> Vec<Next<Self>>;

    /// The same part, with what was not seen instead. Where one thread is alone, none of them is explained.
    fn otherwise(part: &Self::Part) -> Vec<Self::Part>;

    /// A step, if it can be taken; and what is `left` then, if it looks as was seen.
    fn goes(
        &self,
        known: &Known<Self::State>,
        action: &Self::Action,
        left: impl FnOnce(&Self::State) -> Option<Vec<Self::Part>>,
    ) -> Vec<Next<Self>> {
        let Some(after) = self.step(&known.state, action) else { return Vec::new() };
        let left = left(&after);
        left.map(|left| (known.then(after), left)).into_iter().collect()
    }
}

/// Nothing is left to do, if it is so.
pub(crate) fn done<S: Clone, P>(known: &Known<S>, is_so: bool) -> Vec<(Known<S>, Vec<P>)> {
    is_so.then(|| (known.clone(), Vec::new())).into_iter().collect()
}

/// What comes of a part.
pub type Next<P> = (Known<<P as Protocol>::State>, Vec<<P as Judged>::Part>);

/// A state, and which of its messages those are that were seen.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Known<S> {
    /// The protocol's.
    pub state: S,
    /// By the name that a message was seen under: whose it is in the state (a sender, a session, a key), and its number.
    pub names: BTreeMap<u64, (Id, u8)>,
}

impl<S: Clone> Known<S> {
    /// The same after a step.
    #[must_use]
    pub fn then(&self, state: S) -> Self {
        Self { state, names: self.names.clone() }
    }

    /// The same after a step that brought a message.
    #[must_use]
    pub fn named(&self, state: S, name: u64, message: (Id, u8)) -> Self {
        let mut next = self.then(state);
        next.names.insert(name, message);
        next
    }
}

/// Calls that have not returned, with the parts that they have not done, the next one last.
type Open<P> = Vec<(usize, Vec<<P as Judged>::Part>)>;
type Explanation<P> = (Known<<P as Protocol>::State>, Open<P>);

/// Holds what a protocol may have done so far.
#[derive(Clone, Debug)]
pub struct Judge<P: Judged> {
    protocol: P,
    explanations: HashSet<Explanation<P>>,
    last: VecDeque<Vec<P::Part>>,
    /// How many parts it has judged.
    pub judged: usize,
}

/// How many calls are told of if one is unexplained.
const TOLD: usize = 12;

impl<P: Judged> Judge<P> {
    /// Of what begins in the initial state.
    pub fn new(protocol: P) -> Self {
        let start = Known { state: protocol.initial(), names: BTreeMap::new() };
        let explanations = HashSet::from([(start, Vec::new())]);
        Self { protocol, explanations, last: VecDeque::new(), judged: 0 }
    }

    /// A call begins, that does one of these lists of parts.
    ///
    /// # Panics
    /// If the call is under way.
    pub fn invoked(&mut self, call: usize, alternatives: &[Vec<P::Part>]) {
        let before = std::mem::take(&mut self.explanations);
        for (known, open) in before {
            assert!(open.iter().all(|(other, _)| *other != call), "call {call} is under way");
            for parts in alternatives {
                let mut open = open.clone();
                open.push((call, parts.iter().rev().cloned().collect()));
                self.explanations.insert((known.clone(), open));
            }
        }
        self.last.extend(alternatives.first().cloned());
        self.last.drain(..self.last.len().saturating_sub(TOLD));
        self.judged += alternatives.first().map_or(0, Vec::len);
    }

    /// A call returns.
    ///
    /// # Errors
    /// If it cannot have done what it did.
    pub fn returned(&mut self, call: usize) -> Result<(), Unexplained> {
        let found = self.ways_to_return(call);
        if found.is_empty() {
            let states = self.explanations.iter().take(2).map(|explanation| format!("{explanation:#?}"));
            return Err(Unexplained {
                module: P::MODULE,
                last: self.last.iter().map(|parts| format!("{parts:?}")).collect(),
                states: states.collect(),
            });
        }
        self.explanations = found;
        Ok(())
    }

    /// Whether a call may return now, or after some steps of those that are under way.
    pub fn may_return(&self, call: usize) -> bool {
        !self.ways_to_return(call).is_empty()
    }

    /// Whether one of these calls may return, whatever has been done so far: if it does not, it hangs.
    pub fn must_return(&self, calls: &[usize]) -> bool {
        self.explanations.iter().all(|explanation| {
            let explanations = HashSet::from([explanation.clone()]);
            let alone =
                Self { explanations, protocol: self.protocol.clone(), last: VecDeque::new(), judged: 0 };
            calls.iter().any(|&call| alone.may_return(call))
        })
    }

    /// A call was not made: of two that stand for one, with different outcomes, the other has returned.
    pub fn forget(&mut self, call: usize) {
        let before = std::mem::take(&mut self.explanations);
        self.explanations = before
            .into_iter()
            .map(|(known, mut open)| {
                open.retain(|(other, _)| *other != call);
                (known, open)
            })
            .collect();
    }

    /// A call that is alone on its thread, and that nobody else has to do with.
    ///
    /// # Errors
    /// If it cannot have done that.
    ///
    /// # Panics
    /// If call 0 is under way, whose number it takes.
    pub fn does(&mut self, parts: &[P::Part]) -> Result<(), Unexplained> {
        self.invoked(0, &[parts.to_vec()]);
        self.returned(0)
    }

    fn ways_to_return(&self, call: usize) -> HashSet<Explanation<P>> {
        let mut seen = HashSet::new();
        let mut found = HashSet::new();
        let mut todo: Vec<_> = self.explanations.iter().cloned().collect();
        while let Some(explanation) = todo.pop() {
            if seen.contains(&explanation) {
                continue;
            }
            let (known, open) = &explanation;
            let is_over = |(other, parts): &(usize, Vec<P::Part>)| *other == call && parts.is_empty();
            if open.iter().any(is_over) {
                let open = open.iter().filter(|(other, _)| *other != call).cloned().collect();
                found.insert((known.clone(), open));
                continue;
            }
            for (at, (_, parts)) in open.iter().enumerate() {
                let Some(part) = parts.last() else { continue };
                for (next, left) in self.protocol.take(known, part) {
                    let mut open = open.clone();
                    open[at].1.pop();
                    open[at].1.extend(left.into_iter().rev());
                    todo.push((next, open));
                }
            }
            seen.insert(explanation);
        }
        found
    }
}

/// A call of a history: when it was invoked and when it returned, on one clock for all threads, and what it did: one of these
/// lists of parts.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Call<T> {
    /// Before its first step.
    pub invoked: usize,
    /// After its last.
    pub returned: usize,
    /// What it may have done.
    pub alternatives: Vec<Vec<T>>,
}

/// Judges a history.
///
/// # Errors
/// If the protocol cannot explain it.
pub fn explain<P: Judged>(protocol: &P, calls: &[Call<P::Part>]) -> Result<(), Unexplained> {
    // What returns at a moment returns before others begin at it: they follow each other on one thread.
    let mut events: Vec<_> = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        let at_once = call.invoked == call.returned;
        events.push((call.invoked, 1, number));
        events.push((call.returned, if at_once { 2 } else { 0 }, number));
    }
    events.sort_unstable();
    let mut judge = Judge::new(protocol.clone());
    for (_, what, number) in events {
        match what {
            1 => judge.invoked(number, &calls[number].alternatives),
            _ => judge.returned(number)?,
        }
    }
    Ok(())
}

/// Judges what one thread has done, part by part; and that whatever it says has come of a part, it would have objected to
/// anything else. How often it did.
///
/// # Errors
/// If the protocol cannot explain it.
///
/// # Panics
/// If it could explain something else as well.
pub fn explain_nothing_else<P: Judged>(protocol: &P, parts: &[P::Part]) -> Result<usize, Unexplained> {
    let mut judge = Judge::new(protocol.clone());
    let mut objections = 0;
    for part in parts {
        for other in P::otherwise(part) {
            assert!(
                judge.clone().does(std::slice::from_ref(&other)).is_err(),
                "not {part:?}, but {other:?}: no objection"
            );
            objections += 1;
        }
        judge.does(std::slice::from_ref(part))?;
    }
    Ok(objections)
}

/// What a protocol cannot have done.
#[derive(Clone, Eq, PartialEq)]
pub struct Unexplained {
    module: &'static str,
    last: Vec<String>,
    states: Vec<String>,
}

impl Debug for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} cannot do the last of these calls:", self.module)?;
        self.last.iter().try_for_each(|parts| writeln!(f, "    {parts}"))?;
        self.states.iter().try_for_each(|state| writeln!(f, "in {state}"))
    }
}
