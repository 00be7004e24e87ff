//! Shutdown, and the wait for the end.

use super::state::{At, Boss, Door, Fate, Place, State};
use super::{Action, DispatchQueue};
use crate::{Id, when};

impl DispatchQueue {
    pub(super) fn of_boss(&self, state: &State, actions: &mut Vec<Action>) {
        let action = match state.boss {
            Boss::Idle if self.how.is_some() => Action::ShutdownCloseThrottle,
            Boss::ClosesLanes if state.roster.left.is_empty() => Action::ShutdownCloseRoster,
            Boss::ClosesLanes => {
                let closes = |connection| Action::ShutdownCloseLane { connection };
                return actions.extend(state.roster.left.iter().map(closes));
            }
            Boss::Seals => Action::ShutdownSeal,
            Boss::ClosesLocal => Action::ShutdownCloseLocal,
            Boss::ClosesQueue => Action::ShutdownCloseQueue,
            Boss::Joins => Action::JoinThreads,
            Boss::WaitsForQuiet => Action::JoinHear,
            Boss::Reclaims => Action::Reclaim,
            Boss::Idle | Boss::Joined => return,
        };
        actions.push(action);
    }

    fn boss_is_at(&self, state: &State, place: Boss) -> bool {
        state.boss == place && state.is_free(self.boss())
    }

    pub(super) fn shutdown_close_throttle(&self, state: &State) -> Option<State> {
        when(self.how.is_some() && state.boss == Boss::Idle)?;
        let mut next = state.clone();
        next.boss = Boss::ClosesLanes;
        next.throttle.closed = true;
        next.throttle.line.clear();
        state.throttle.line.iter().for_each(|&waits| next.connection_mut(waits).place = Place::Gone);
        Some(next)
    }

    /// Lane by lane, with the roster's lock in hand. The code begins with the oldest; nothing depends on that.
    pub(super) fn shutdown_close_lane(state: &State, connection: Id) -> Option<State> {
        when(state.boss == Boss::ClosesLanes && state.roster.left.has(connection))?;
        let mut next = state.clone();
        next.connection_mut(connection).closed = true;
        next.roster.closing = true;
        next.roster.left.remove(connection);
        next.roster.visiting += u8::from(state.connection(connection)?.visiting);
        Some(next)
    }

    /// All are closed: lets go of it.
    pub(super) fn shutdown_close_roster(state: &State) -> Option<State> {
        when(state.boss == Boss::ClosesLanes && state.roster.left.is_empty())?;
        let mut next = state.clone();
        next.roster.closing = false;
        next.boss = Boss::Seals;
        Some(next)
    }

    pub(super) fn shutdown_seal(&self, state: &State) -> Option<State> {
        when(self.boss_is_at(state, Boss::Seals))?;
        let mut next = state.clone();
        if next.dispatch.door == Door::Open {
            next.dispatch.door = Door::Sealed;
        }
        next.boss = Boss::ClosesLocal;
        Some(next)
    }

    pub(super) fn shutdown_close_local(&self, state: &State) -> Option<State> {
        when(self.boss_is_at(state, Boss::ClosesLocal))?;
        let mut next = state.clone();
        next.local.close(self.boss(), self.how?);
        next.boss = if self.how == Some(Door::Back) { Boss::ClosesQueue } else { Boss::Joins };
        Some(next)
    }

    pub(super) fn shutdown_close_queue(&self, state: &State) -> Option<State> {
        when(self.boss_is_at(state, Boss::ClosesQueue))?;
        let mut next = state.clone();
        next.close(self.boss(), self.how?);
        next.boss = Boss::Joins;
        Some(next)
    }

    /// If a visit is under way, waits until the last one rings.
    pub(super) fn join_threads(&self, state: &State) -> Option<State> {
        when(state.local.at == At::Stopped && state.dispatch_at() == Some(At::Stopped))?;
        when(self.boss_is_at(state, Boss::Joins))?;
        let mut next = state.clone();
        next.boss = if state.roster.visiting > 0 { Boss::WaitsForQuiet } else { Boss::Reclaims };
        Some(next)
    }

    pub(super) fn join_hear(&self, state: &State) -> Option<State> {
        when(state.quiet && self.boss_is_at(state, Boss::WaitsForQuiet))?;
        let mut next = state.clone();
        next.quiet = false;
        next.boss = Boss::Reclaims;
        Some(next)
    }

    /// One after the other comes back: but by now nobody waits for room, and no lane is open.
    pub(super) fn reclaim(&self, state: &State) -> Option<State> {
        when(self.boss_is_at(state, Boss::Reclaims))?;
        let mut next = state.clone();
        let gone = state.dispatch.discarded();
        let left = [state.dispatch.taken_in(), state.local.messages().collect()].concat();
        gone.iter().for_each(|&message| next.becomes(message, Fate::Discarded));
        left.iter().for_each(|&message| next.becomes(message, Fate::Back));
        for message in gone.iter().chain(&left).filter(|message| message.from != self.me()) {
            next.throttle.reserved -= 1;
            next.connection_mut(message.from).done += 1;
        }
        next.dispatch.keeps(Vec::new());
        next.known.clear();
        next.lost.clear();
        next.local.keeps(Vec::new());
        next.boss = Boss::Joined;
        Some(next)
    }
}
