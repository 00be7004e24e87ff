//! What of a queue's past makes a difference to what the model will say.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{QueueModel, Queued};

impl<M> QueueModel<M> {
    /// The same queue without what makes no difference any more: arrivals and turns are compared within a priority, and a
    /// turn only with what has waited since before it. For whoever explores all that the model can say.
    #[must_use]
    pub fn essence(mut self) -> Self {
        let Self { now, queued, last_turn, .. } = &mut self;
        last_turn.retain(|&(priority, from), turn| {
            let waits = |one: &Queued<M>| (one.posted.priority, one.from) == (priority, from);
            queued.iter().any(|one| waits(one) && one.arrived < *turn)
        });
        queued.sort_by_key(|one| (Reverse(one.posted.priority), one.arrived));
        let mut moments = BTreeMap::<_, Vec<&mut u64>>::new();
        for Queued { arrived, posted, .. } in queued {
            moments.entry(posted.priority).or_default().push(arrived);
        }
        for ((priority, _), turn) in last_turn {
            moments.entry(*priority).or_default().push(turn);
        }
        *now = 0;
        for mut of_priority in moments.into_values() {
            // No two of them are the same.
            of_priority.sort();
            *now = of_priority.len().max(*now as usize) as u64;
            (1..).zip(of_priority).for_each(|(count, moment)| *moment = count);
        }
        self
    }
}
