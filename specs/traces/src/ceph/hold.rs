//! What the log says, as actions of `DispatchQueue.tla`.

use std::collections::{BTreeMap, HashMap};

use keylane_twin::dispatch_queue::{Action, DispatchQueue};

use super::log::Fault;
use super::script::{Script, What};
use crate::trace::{Rejected, Trace};

/// A trace, and from which line of the log each of its actions is.
pub(super) struct Told {
    pub(super) trace: Trace<DispatchQueue>,
    lines: Vec<usize>,
}

impl Told {
    /// The dispatch thread is never seen to sleep: in the trace it is one that has not looked yet.
    pub(super) fn of(script: &Script) -> Self {
        let mut told = Self {
            trace: Trace { constants: script.plan.constants(), actions: Vec::new() },
            lines: Vec::new(),
        };
        // By connection: how many of its messages are queued; and how many were discarded since the thread has looked.
        let mut queued: HashMap<u8, usize> = HashMap::new();
        let mut discarded = 0;
        for step in &script.moves {
            let actions = match step.what {
                What::Deliver(letter) => {
                    let thread = letter.message.from;
                    let (priority, fast) = (letter.message.priority, letter.message.fast);
                    vec![Action::Deliver { thread, priority, fast }]
                }
                What::Enter(letter) => vec![Action::Enter { thread: letter.message.from }],
                What::Leave(letter) => {
                    let thread = letter.message.from;
                    vec![Action::VisitDrop { thread }, Action::Return { thread }]
                }
                What::Push(letter) => {
                    *queued.entry(letter.message.from).or_default() += 1;
                    vec![Action::Push { thread: letter.message.from }]
                }
                What::Pick(letter, _) => {
                    let (from, number) = (Some(letter.message.from), Some(letter.message.number));
                    queued.entry(letter.message.from).and_modify(|count| *count = count.saturating_sub(1));
                    // The log does not tell of it, but it comes first.
                    let drops = [Action::DispatchDropDiscarded, Action::DispatchReturnDiscarded];
                    let drops = drops.into_iter().cycle().take(2 * std::mem::take(&mut discarded));
                    [Action::DispatchStep { from, number }].into_iter().chain(drops).collect()
                }
                What::End => vec![Action::DispatchDropPending, Action::DispatchReturn],
                What::Discard(thread) => {
                    discarded += queued.remove(&thread).unwrap_or(0);
                    vec![Action::Discard { thread }]
                }
            };
            told.lines.extend(actions.iter().map(|_| step.line));
            told.trace.actions.extend(actions);
        }
        told
    }

    /// How often each action was taken, by its name.
    pub(super) fn count(&self) -> BTreeMap<String, usize> {
        let mut taken = BTreeMap::new();
        for action in &self.trace.actions {
            let action = serde_json::to_value(action).expect("actions are JSON");
            let name = action["action"].as_str().expect("they have names").to_owned();
            *taken.entry(name).or_default() += 1;
        }
        taken
    }

    /// # Errors
    /// Where the specification has no such step.
    pub(super) fn replay(&self) -> Result<(), Fault> {
        let refused = |rejected: Box<Rejected<_>>| Fault::at(self.lines[rejected.after], refusal(&rejected));
        self.trace.replay().map(drop).or_else(refused)
    }
}

/// Why it was rejected; without the state, which is long.
pub(super) fn refusal(rejected: &Rejected<DispatchQueue>) -> String {
    match rejected.law {
        Some(law) => format!("{:?} breaks {law}", rejected.action),
        None => format!("{:?} cannot be taken", rejected.action),
    }
}
