//! What must hold, and what an executor with these keys would look like.

use super::{Action, Before, Place, ShardedPool, State, index};
use crate::Id;
use crate::ids::Ids;
use crate::keyed_executor::{self, KeyedExecutor};
use crate::protocol::{Law, refines};

/// All of them, by their names.
pub(super) const LAWS: &[(&str, Law<ShardedPool>)] = &[
    ("OnePlace", Law::Always(ShardedPool::one_place)),
    ("PausedIsQuiet", Law::Always(ShardedPool::paused_is_quiet)),
    ("DrainedIsDone", Law::Step(ShardedPool::drained_is_done)),
    ("WhoSleepsIsKnown", Law::Always(ShardedPool::who_sleeps_is_known)),
    ("RungSleeps", Law::Always(ShardedPool::rung_sleeps)),
    ("StoppedAcceptsNothing", Law::Step(ShardedPool::stopped_accepts_nothing)),
    ("NoneIsEarly", Law::Always(ShardedPool::none_is_early)),
    ("NoneIsLate", Law::Always(ShardedPool::none_is_late)),
    ("FrontIsNext", Law::Step(ShardedPool::front_is_next)),
    ("CommitsInOrder", Law::Always(ShardedPool::commits_in_order)),
    ("Refines", Law::Step(ShardedPool::refines)),
];

impl State {
    fn in_flight(&self) -> impl Iterator<Item = Id> {
        self.arrived.iter().flatten().map(|arrival| arrival.item)
    }

    fn alive_all(&self) -> impl Iterator<Item = Id> {
        self.in_flight().chain(self.core.iter().flat_map(|core| core.alive()))
    }
}

impl ShardedPool {
    /// As if each shard had taken in what has arrived there. Keys count from 0 there.
    fn as_executor(&self, state: &State) -> keyed_executor::State {
        let cores: Vec<_> = self.shards().map(|shard| state.taken_in(shard)).collect();
        let key = |key| &cores[index(self.shard_of(key))].keys[index(key)];
        let is_closed = |&key: &Id| state.closed.has(self.shard_of(key));
        keyed_executor::State {
            accepted: state.accepted,
            line: self.keys().map(|k| key(k).line.clone()).collect(),
            coming: self.keys().map(|k| key(k).later).collect(),
            busy: self.keys().map(|k| key(k).busy).collect(),
            closed: self.keys().filter(is_closed).map(|key| key - 1).collect(),
        }
    }

    fn refines(&self, before: &State, _: &Action, after: &State) -> bool {
        let executor = KeyedExecutor { keys: self.keys };
        refines(&executor, &self.as_executor(before), &self.as_executor(after))
    }

    /// P1
    fn one_place(&self, state: &State) -> bool {
        self.shards().all(|shard| {
            let core = &state.core[index(shard)];
            let waiting = Ids::from_iter(core.waiting());
            self.keys().zip(&core.keys).all(|(k, key)| {
                let is_here = self.shard_of(k) == shard;
                Ids::from_iter(key.line.iter().copied()).len() == key.line.len()
                    && !waiting.has(key.busy)
                    && (is_here || (key.line.is_empty() && key.busy == 0))
            })
        })
    }

    /// P6
    fn paused_is_quiet(&self, state: &State) -> bool {
        let is_paused = self.pausers().any(|thread| state.is_at(thread, Place::Paused));
        !is_paused || state.core.iter().all(|core| core.is_quiet())
    }

    /// P7: nothing is left of what came before the drain, or of what that submitted.
    fn drained_is_done(&self, before: &State, _: &Action, after: &State) -> bool {
        self.drainers().all(|thread| {
            let ends = !before.is_at(thread, Place::Drained) && after.is_at(thread, Place::Drained);
            let Before { items, commits } = before.before[self.drainer(thread)];
            let is_later = |number: Id| match number.checked_sub(self.items) {
                Some(commit @ 1..) => commit > commits,
                _ => before.root[index(number)] > items,
            };
            !ends || before.alive_all().all(is_later)
        })
    }

    /// P7: who waits is on somebody's list, or has been rung for.
    fn who_sleeps_is_known(&self, state: &State) -> bool {
        self.controls().filter(|&thread| state.is_at(thread, Place::Sleeps)).all(|thread| {
            let shard = state.at[usize::from(thread)];
            state.rung.has(thread) || state.core[index(shard)].waiters.has(thread)
        })
    }

    /// No ring is left over: the next wait would not wait.
    fn rung_sleeps(&self, state: &State) -> bool {
        state.rung.iter().all(|thread| state.is_at(thread, Place::Sleeps))
    }

    /// P8
    fn stopped_accepts_nothing(&self, before: &State, _: &Action, after: &State) -> bool {
        let count = |state: &State| (state.accepted, state.committed);
        !before.is_at(self.stopper(), Place::Stops) || count(before) == count(after)
    }

    /// P10: nothing queues up or starts whose time has not come,
    fn none_is_early(&self, state: &State) -> bool {
        self.shards().all(|shard| {
            let core = state.taken_in(shard);
            let keys = self.keys().zip(&core.keys).filter(|&(key, _)| self.shard_of(key) == shard);
            let mut up = keys.flat_map(|(_, key)| key.line.iter().copied().chain([key.busy]));
            up.all(|item| !state.unripe.has(item))
        })
    }

    /// and what is due does.
    fn none_is_late(&self, state: &State) -> bool {
        self.shards().all(|shard| !state.taken_in(shard).has_due(state.unripe))
    }

    /// P2: what was put in front is the next of its key.
    fn front_is_next(&self, before: &State, _: &Action, after: &State) -> bool {
        let is_next = |key| {
            let core = after.taken_in(self.shard_of(key));
            core.keys[index(key)].line.front() == Some(&after.accepted)
        };
        after.spent.front <= before.spent.front || self.keys().any(is_next)
    }

    /// P11: commits are run in the order in which they came, one at a time.
    fn commits_in_order(&self, state: &State) -> bool {
        self.shards().all(|shard| {
            let core = state.taken_in(shard);
            let committing = state.core[index(shard)].committing;
            let is_before_all = |commit| core.commits.iter().all(|&other| commit < other);
            core.commits.iter().is_sorted_by(|one, other| one < other)
                && committing.iter().all(is_before_all)
                && committing.len() <= 1
        })
    }
}
