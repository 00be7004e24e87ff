//! The baton's law, clause by clause.

use super::{Action, Baton, NEVER, Place, State};
use crate::ids::Ids;
use crate::keyed_executor::{self, KeyedExecutor};
use crate::protocol::{Law, refines};

pub(super) const LAWS: &[(&str, Law<Baton>)] = &[
    ("Covered", Law::Always(Baton::covered)),
    ("InboxKnows", Law::Always(Baton::inbox_knows)),
    ("SomebodyLooksOut", Law::Always(Baton::somebody_looks_out)),
    ("LookoutSleeps", Law::Always(Baton::lookout_sleeps)),
    ("WakingIsRung", Law::Always(Baton::waking_is_rung)),
    ("OneAtATime", Law::Always(Baton::one_at_a_time)),
    ("StoppedIsQuiet", Law::Always(Baton::stopped_is_quiet)),
    ("Refines", Law::Step(Baton::refines)),
    ("NoneStartsPaused", Law::Step(Baton::none_starts_paused)),
    ("WakesAreNeeded", Law::Step(Baton::wakes_are_needed)),
];

impl State {
    /// An item waits in its line from the moment when it is due, and whoever takes in what has arrived sees that: so
    /// abstractly, it is always done.
    fn as_executor(&self, keys: u8) -> keyed_executor::State {
        let mut core = self.core.clone();
        core.take_in(&self.arrived, self.now);
        let coming = |key| {
            core.later.iter().filter(|arrival| arrival.key == key).map(|arrival| arrival.item).collect()
        };
        keyed_executor::State {
            accepted: self.accepted,
            coming: (0..keys).map(coming).collect(),
            line: core.line,
            busy: core.busy,
            closed: if self.closed { (0..keys).collect() } else { Ids::NONE },
        }
    }

    /// Nobody has the baton, and somebody sleeps.
    fn some_sleep(&self) -> bool {
        self.holder.is_none() && !self.core.bench.is_empty()
    }
}

impl Baton {
    fn covered(&self, state: &State) -> bool {
        !state.some_sleep() || state.core.runnable() <= state.core.waking
    }

    fn inbox_knows(&self, state: &State) -> bool {
        let has_to = state.some_sleep() && state.core.may_start() && !state.closed;
        !has_to
            || (state.asleep && state.arrived.is_empty())
            || self.submitters().any(|submitter| state.is(submitter, Place::Wants))
    }

    fn somebody_looks_out(&self, state: &State) -> bool {
        let (core, due) = (&state.core, state.core.due());
        !state.some_sleep()
            || due == NEVER
            || core.waking > 0
            || (core.lookout.is_some() && core.until <= due)
    }

    fn lookout_sleeps(&self, state: &State) -> bool {
        let core = &state.core;
        let Some(lookout) = core.lookout else { return core.until == NEVER };
        let ends = state.threads[usize::from(lookout)].deadline;
        core.until != NEVER && core.bench.contains(&lookout) && (state.holder.is_some() || ends <= core.until)
    }

    fn waking_is_rung(&self, state: &State) -> bool {
        let on_its_way = |&worker: &u8| {
            !state.core.bench.contains(&worker)
                && (state.is(worker, Place::Rests) || state.is(worker, Place::Woken))
        };
        state.holder.is_some() || state.core.waking == self.workers().filter(on_its_way).count()
    }

    fn one_at_a_time(&self, state: &State) -> bool {
        let mut keys = Ids::NONE;
        state.threads.iter().filter_map(|thread| thread.has).all(|key| {
            let is_first = !keys.has(key);
            keys.insert(key);
            is_first
        })
    }

    fn stopped_is_quiet(&self, state: &State) -> bool {
        let all_are_home = self.workers().all(|worker| state.is(worker, Place::Home));
        !all_are_home || (state.core.is_empty() && state.core.busy.iter().all(|&item| item == 0))
    }

    fn refines(&self, before: &State, _: &Action, after: &State) -> bool {
        let executor = KeyedExecutor { keys: self.keys };
        refines(&executor, &before.as_executor(self.keys), &after.as_executor(self.keys))
    }

    fn none_starts_paused(&self, before: &State, _: &Action, after: &State) -> bool {
        let mut threads = before.threads.iter().zip(&after.threads);
        before.core.may_start() || threads.all(|(was, is)| is.has == was.has || is.has.is_none())
    }

    fn wakes_are_needed(&self, before: &State, _: &Action, after: &State) -> bool {
        let core = &after.core;
        core.waking <= before.core.waking
            || core.waking <= core.runnable()
            || (core.waking == 1 && !core.later.is_empty())
            || core.stop
    }
}
