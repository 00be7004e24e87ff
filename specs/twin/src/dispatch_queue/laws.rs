//! What must hold.

use super::dispatch::may_pick;
use super::state::{At, Boss, Door, Fate, Message, Place, State};
use super::{Action, DispatchQueue, Post};
use crate::Id;

/// What the dispatch thread picks in a step, if it does.
fn picked(before: &State, after: &State) -> Option<Message> {
    let picks = before.dispatch.at == At::Steps && after.dispatch.at == At::Runs;
    if picks { after.dispatch.hand } else { None }
}

impl DispatchQueue {
    /// D1: what is accepted waits in one place, or has met its fate.
    pub(super) fn fate(&self, state: &State) -> bool {
        let waits = |message| state.in_flight().any(|other| other == message);
        state.fate.iter().all(|(&message, &fate)| (fate == Fate::Queued) == waits(message))
    }

    /// D3, D2: a pick, of what had arrived by then.
    pub(super) fn strict_first(&self, before: &State, _: &Action, after: &State) -> bool {
        let first =
            |picked: Message| after.dispatch.messages().all(|message| message.priority <= picked.priority);
        picked(before, after).is_none_or(first)
    }

    pub(super) fn lane_order(&self, before: &State, _: &Action, after: &State) -> bool {
        let first = |picked: Message| {
            let mut behind = after.dispatch.messages().filter(|message| message.line() == picked.line());
            behind.all(|message| message.number > picked.number)
        };
        picked(before, after).is_none_or(first)
    }

    /// A line that is known holds something, unless the dispatch thread has yet to tell that it is lost.
    pub(super) fn known_is_there(&self, state: &State) -> bool {
        let there = || &state.dispatch.lines() | &state.lost;
        state.known.is_empty() || state.known.is_subset(&there())
    }

    /// D3, D7, D9, D10: who goes on without a look may pick what a look would let it pick, and nothing else.
    pub(super) fn goes_on_as_after_a_look(&self, state: &State) -> bool {
        let is_same = || {
            let (had, all) = (&state.dispatch.backlog, state.dispatch.taken_in());
            let may_be_picked = |at| had.get(at) == Some(&all[at]) && may_pick(had, at);
            (0..all.len()).all(|at| may_pick(&all, at) == may_be_picked(at))
                && state.dispatch.resets().next().is_none()
                && state.dispatch.door != Door::Back
        };
        state.dispatch.at != At::Steps || !state.may_go_on() || is_same()
    }

    /// D5: ordered, a fast callback runs when nothing that was queued before is left.
    pub(super) fn ordered_waits(&self, state: &State) -> bool {
        let visits = |&id: &Id| state.connections[usize::from(id)].place == Place::Visits;
        let runs = if state.dispatch.at == At::Runs { state.dispatch.hand } else { None };
        let waits = |id| state.in_flight().chain(runs).any(|message| message.from == id);
        !self.ordered || !(0..self.connections).filter(visits).any(waits)
    }

    /// D5: what was pushed waits, runs, is being dropped, or has been counted as over.
    pub(super) fn over_is_counted(&self, state: &State) -> bool {
        let runs = state.dispatch.hand.filter(|_| state.dispatch.at == At::Runs);
        let dropping = state.dropping.iter().copied().skip(state.first_is_over.into());
        (0..).zip(&state.connections).all(|(id, connection)| {
            let are_its = state.in_flight().chain(runs).map(|message| message.from).chain(dropping.clone());
            let not_over = are_its.filter(|&from| from == id).count();
            let refused = connection.place == Place::DropsPending;
            usize::from(connection.done) + not_over + usize::from(refused) == usize::from(connection.sent)
        })
    }

    /// D7, D9: nothing is picked that was discarded before;
    pub(super) fn discarded_is_not_picked(&self, before: &State, _: &Action, after: &State) -> bool {
        picked(before, after).is_none_or(|Message { from, number, .. }| {
            // There is no such connection if it is from oneself.
            before.connection(from).is_none_or(|connection| number > connection.emptied)
        })
    }

    /// of a reset is told once, and last.
    pub(super) fn told_once(&self, state: &State) -> bool {
        state.told.iter().all(|id| state.reset.has(id) && !state.events.contains(&id))
    }

    /// D8: reserved is what is under way, and with a limit no more than that.
    pub(super) fn reserved(&self, state: &State) -> bool {
        let waits = state.in_flight().filter(|message| message.from != self.me()).count();
        let is_under_way = |place| !matches!(place, Place::Idle | Place::WaitsForRoom | Place::Gone);
        let delivers = state.connections.iter().filter(|other| is_under_way(other.place)).count();
        let has_one = matches!(state.dispatch.at, At::Runs | At::Returns)
            && state.dispatch.hand.is_some_and(|message| message.from != self.me());
        let reserved = state.throttle.reserved;
        let has = usize::from(has_one) + usize::from(state.kept) + state.dropping.len();
        usize::from(reserved) == waits + delivers + has && (self.limit == 0 || reserved <= self.limit)
    }

    /// D8: nobody waits who would fit.
    pub(super) fn nobody_waits_for_nothing(&self, state: &State) -> bool {
        state.throttle.line.is_empty() || !self.fits(state.throttle.reserved)
    }

    /// and the dispatch thread does not sleep on what it keeps.
    pub(super) fn sleeps_on_nothing(&self, state: &State) -> bool {
        state.kept == 0 || matches!(state.dispatch.at, At::Steps | At::Tells | At::Runs | At::Returns)
    }

    /// D10: then no callback runs, nothing waits, and what was accepted has met its fate.
    pub(super) fn joined_is_quiet(&self, state: &State) -> bool {
        let is_quiet = || {
            state.connections.iter().all(|connection| connection.place != Place::Visits)
                && state.dispatch.at == At::Stopped
                && state.local.at == At::Stopped
                && state.in_flight().next().is_none()
        };
        state.boss != Boss::Joined || is_quiet()
    }

    /// D10: when shutdown has returned, nobody gets in any more;
    pub(super) fn refused_after(&self, before: &State, _: &Action, after: &State) -> bool {
        let has_returned =
            matches!(before.boss, Boss::Joins | Boss::WaitsForQuiet | Boss::Reclaims | Boss::Joined);
        !has_returned || after.fate.keys().eq(before.fate.keys())
    }

    /// once it is to hand back what waits, nothing of that is picked;
    pub(super) fn back_picks_nothing(&self, before: &State, _: &Action, after: &State) -> bool {
        before.dispatch.door != Door::Back || picked(before, after).is_none()
    }

    /// and what runs the rest leaves nothing.
    pub(super) fn run_runs_all(&self, state: &State) -> bool {
        let is_over = self.how == Some(Door::Run) && state.boss == Boss::Joined;
        !is_over || state.fate.values().all(|&fate| fate != Fate::Back)
    }

    /// D11
    pub(super) fn none_waits_asleep(&self, state: &State) -> bool {
        let waits = |post| {
            let consumer = state.at(post);
            !consumer.arrived.is_empty()
                || !consumer.backlog.is_empty()
                || (post == Post::Dispatch && !state.events.is_empty())
        };
        [Post::Dispatch, Post::Local].into_iter().all(|post| !state.at(post).asleep || !waits(post))
    }

    pub(super) fn sleep_is_known(&self, state: &State) -> bool {
        [&state.dispatch, &state.local].into_iter().all(|consumer| {
            consumer.at != At::Sleeps || consumer.asleep || consumer.rung || !consumer.ringing.is_empty()
        })
    }
}
