//! Where a run may end.

use super::state::{Boss, Consumer, Fate};
use super::{At, DispatchQueue, Place, State};
use crate::protocol::AtRest;

impl AtRest for DispatchQueue {
    fn is_at_rest(&self, state: &State) -> bool {
        let is_over =
            |post: &Consumer| post.at == At::Stopped && post.ringing.is_empty() && post.arrived.is_empty();
        let mut places = state.connections.iter().map(|connection| connection.place);
        state.boss == Boss::Joined
            && is_over(&state.dispatch)
            && is_over(&state.local)
            && places.all(|place| matches!(place, Place::Idle | Place::Gone))
            && state.throttle.reserved == 0
            && state.fate.values().all(|&fate| fate != Fate::Queued)
    }
}
