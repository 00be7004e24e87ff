//! What was checked of a window, in figures.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::AddAssign;

use super::script::{Letter, Script, What};

/// What a window has in it, or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many windows.
    pub windows: usize,
    /// Messages that were dispatched fast.
    pub fast: usize,
    /// Messages that were queued.
    pub queued: usize,
    /// Of these, how many were never dispatched,
    pub left: usize,
    /// and how many of those must have been discarded, since others went that would have had to wait for them.
    pub discarded: usize,
    /// Actions of the specification, by name, that the log says were taken.
    pub actions: BTreeMap<String, usize>,
    /// Messages that Ceph picked.
    pub picks: usize,
    /// How many of them had to be picked before the last of what was queued until the log says that they were.
    pub early: usize,
    /// How many left one of lower priority waiting.
    pub over_lower: usize,
    /// How many are of the weighted band.
    pub weighted: usize,
    /// How many waited at most when one was picked, itself included.
    pub most: usize,
    /// Actions of the specification that keylane took with the same arrivals.
    pub own: usize,
    /// How often keylane took the same message as Ceph.
    pub same: usize,
    /// How often one of the same priority and another connection waited, too,
    pub choices: usize,
    /// and keylane took the same one.
    pub same_choices: usize,
    /// How often Ceph took one of the weighted band while another priority of it waited,
    pub weighted_choices: usize,
    /// and how often keylane took another priority of it than Ceph.
    pub weighted_otherwise: usize,
    /// Lines at which keylane took one of another strict priority, or of the other band.
    pub otherwise: Vec<usize>,
}

impl Report {
    /// What the script itself tells.
    pub(super) fn of(script: &Script) -> Self {
        let mut report =
            Self { windows: 1, left: script.left, discarded: script.discarded, ..Self::default() };
        for step in &script.moves {
            match step.what {
                What::Enter(_) => report.fast += 1,
                What::Push(_) => report.queued += 1,
                What::Pick(letter, stretch) => {
                    report.picks += 1;
                    report.early += usize::from(stretch.higher);
                    report.weighted += usize::from(letter.message.priority == 1);
                }
                _ => {}
            }
        }
        report
    }

    /// What keylane took, and Ceph: with what waited for Ceph.
    pub(super) fn compare(&mut self, script: &Script, picks: &[(usize, Letter, Letter)]) {
        let mut waiting: Vec<Letter> = Vec::new();
        let mut picks = picks.iter();
        for step in &script.moves {
            match step.what {
                What::Push(letter) => waiting.push(letter),
                What::Discard(from) => waiting.retain(|letter| letter.message.from != from),
                What::Pick(..) => {
                    let Some((line, ceph, own)) = picks.next() else { return };
                    self.pick(*line, ceph, own, &waiting);
                    waiting.retain(|letter| letter.it != ceph.it);
                }
                _ => {}
            }
        }
    }

    fn pick(&mut self, line: usize, ceph: &Letter, own: &Letter, waiting: &[Letter]) {
        let is_same = own.it == ceph.it;
        let rank = ceph.message.priority;
        let in_band = |other: &Letter| other.message.priority == rank && other.priority != ceph.priority;
        let turns = |other: &Letter| other.priority == ceph.priority && other.it.0 != ceph.it.0;
        let has_choice = waiting.iter().any(turns);
        self.most = self.most.max(waiting.len());
        self.over_lower += usize::from(waiting.iter().any(|other| other.message.priority < rank));
        self.same += usize::from(is_same);
        self.choices += usize::from(has_choice);
        self.same_choices += usize::from(has_choice && is_same);
        self.weighted_choices += usize::from(waiting.iter().any(in_band));
        self.weighted_otherwise += usize::from(in_band(own));
        if own.message.priority != rank {
            self.otherwise.push(line);
        }
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.windows += other.windows;
        self.fast += other.fast;
        self.queued += other.queued;
        self.left += other.left;
        self.discarded += other.discarded;
        for (action, times) in other.actions {
            *self.actions.entry(action).or_default() += times;
        }
        self.picks += other.picks;
        self.early += other.early;
        self.over_lower += other.over_lower;
        self.weighted += other.weighted;
        self.most = self.most.max(other.most);
        self.own += other.own;
        self.same += other.same;
        self.choices += other.choices;
        self.same_choices += other.same_choices;
        self.weighted_choices += other.weighted_choices;
        self.weighted_otherwise += other.weighted_otherwise;
        self.otherwise.extend(other.otherwise);
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { windows, fast, queued, left, discarded, picks, early, over_lower, weighted, most, .. } =
            self;
        let Self {
            own, same, choices, same_choices, weighted_choices, weighted_otherwise, otherwise, ..
        } = self;
        let actions: Vec<_> = self.actions.iter().map(|(name, times)| format!("{name} {times}")).collect();
        let total: usize = self.actions.values().sum();
        writeln!(f, "{windows} windows, {fast} fast messages, {queued} queued")?;
        writeln!(f, "never dispatched: {left}, of which discarded: {discarded}")?;
        writeln!(f, "Ceph, as actions of the specification: {total} ({})", actions.join(", "))?;
        writeln!(
            f,
            "picks: {picks}, {weighted} of the weighted band; {early} must have been made before a higher \
             priority was queued; {over_lower} left a lower one waiting; at most {most} waited"
        )?;
        writeln!(f, "keylane, the same arrivals: {own} actions")?;
        writeln!(
            f,
            "keylane took the same message {same} times of {picks}; {same_choices} times of the {choices} when \
             one of the same priority and another connection waited"
        )?;
        writeln!(
            f,
            "weighted band: {weighted_choices} times another priority of it waited; keylane took another one than \
             Ceph {weighted_otherwise} times"
        )?;
        write!(f, "keylane took another priority at lines: {otherwise:?}")
    }
}
