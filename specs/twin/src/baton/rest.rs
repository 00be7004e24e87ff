//! Where a run may end.

use super::{Baton, Place, State};
use crate::protocol::AtRest;

impl AtRest for Baton {
    fn is_at_rest(&self, state: &State) -> bool {
        let core = &state.core;
        let stopped = state.is(self.boss(), Place::Home)
            && self.workers().all(|worker| state.is(worker, Place::Home))
            && self.submitters().all(|submitter| state.is(submitter, Place::Idle));
        let rung = state.rung.is_empty() && state.threads.iter().all(|thread| thread.to_ring.is_empty());
        let empty = state.arrived.is_empty()
            && core.is_empty()
            && core.later.is_empty()
            && core.busy.iter().all(|&item| item == 0);
        stopped && rung && empty && state.holder.is_none() && core.bench.is_empty() && core.waking == 0
    }
}
