//! Where a run may end.

use super::shard::Core;
use super::{Place, ShardedPool, State};
use crate::protocol::AtRest;

impl AtRest for ShardedPool {
    fn is_at_rest(&self, state: &State) -> bool {
        let is_done = |(control, place): (u8, &Place)| match place {
            Place::Idle => control < self.pausers,
            Place::Done => control < self.pausers || control == self.pausers + self.drainers,
            Place::Drained | Place::Refused => true,
            _ => false,
        };
        let is_empty = |core: &Core| {
            let idle = core.keys.iter().all(|key| key.busy == 0 && key.waiting().next().is_none());
            idle && core.commits.is_empty() && core.committing.is_empty() && core.waiters.is_empty()
        };
        state.control.is_none()
            && (0..).zip(&state.place).all(is_done)
            && state.arrived.iter().all(Vec::is_empty)
            && state.core.iter().all(is_empty)
    }
}
