//! Where a run may end.

use super::{EpochGate, Place, State};
use crate::protocol::AtRest;

impl AtRest for EpochGate {
    fn is_at_rest(&self, state: &State) -> bool {
        let State { lines, threads, .. } = state;
        let idle = threads.iter().all(|thread| thread.place == Place::Idle);
        let empty = |line: &super::Line| line.waiting.is_empty() && line.aside.iter().all(Vec::is_empty);
        let all_done = || {
            lines.iter().all(|line| line.arrived == self.messages)
                && state.published == self.epochs
                && (1..=self.groups).all(|group| state.shown.has(group))
        };
        idle && lines.iter().all(empty) && if self.may_stop { state.stopped } else { all_done() }
    }
}
