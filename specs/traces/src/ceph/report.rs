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

/// By pick, in their order: what was picked, and all that waited, that included.
fn waiting(script: &Script) -> Vec<(Letter, Vec<Letter>)> {
    let mut waiting: Vec<Letter> = Vec::new();
    let mut picks = Vec::new();
    for step in &script.moves {
        match step.what {
            What::Push(letter) => waiting.push(letter),
            What::Discard(from) => waiting.retain(|letter| letter.message.from != from),
            What::Pick(picked, _) => {
                picks.push((picked, waiting.clone()));
                waiting.retain(|letter| letter.it != picked.it);
            }
            _ => {}
        }
    }
    picks
}

/// Of two, that they are of the weighted band, but not of the same priority.
fn share(one: &Letter, other: &Letter) -> bool {
    one.message.priority == other.message.priority && one.priority != other.priority
}

/// Of two, that they take turns.
fn take_turns(one: &Letter, other: &Letter) -> bool {
    one.priority == other.priority && one.it.0 != other.it.0
}

impl Report {
    /// What Ceph did.
    pub(super) fn of(script: &Script) -> Self {
        let mut report =
            Self { windows: 1, left: script.left, discarded: script.discarded, ..Self::default() };
        for step in &script.moves {
            match step.what {
                What::Enter(_) => report.fast += 1,
                What::Push(_) => report.queued += 1,
                What::Pick(_, early) => report.early += usize::from(early),
                _ => {}
            }
        }
        for (picked, waiting) in waiting(script) {
            let any = |of: &dyn Fn(&Letter) -> bool| usize::from(waiting.iter().any(of));
            let rank = picked.message.priority;
            report.picks += 1;
            report.weighted += usize::from(rank == 1);
            report.most = report.most.max(waiting.len());
            report.over_lower += any(&|other| other.message.priority < rank);
            report.choices += any(&|other| take_turns(other, &picked));
            report.weighted_choices += any(&|other| share(other, &picked));
        }
        report
    }

    /// And what keylane took instead; with the line of the log.
    pub(super) fn compare(&mut self, script: &Script, picks: &[(usize, Letter)]) {
        for ((ceph, waiting), (line, own)) in waiting(script).iter().zip(picks) {
            let is_same = own.it == ceph.it;
            let has_choice = waiting.iter().any(|other| take_turns(other, ceph));
            self.same += usize::from(is_same);
            self.same_choices += usize::from(is_same && has_choice);
            self.weighted_otherwise += usize::from(share(own, ceph));
            if own.message.priority != ceph.message.priority {
                self.otherwise.push(*line);
            }
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
