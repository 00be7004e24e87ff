//! Shutdown, and the wait for the end.

use super::state::{At, Boss, Door, Fate, Place, State};
use super::{Action, DispatchQueue};
use crate::when;

impl DispatchQueue {
    pub(super) fn of_boss(&self, state: &State) -> Option<Action> {
        match state.boss {
            Boss::Idle => self.how.map(|_| Action::ShutdownCloseThrottle),
            Boss::ClosesLanes => Some(Action::ShutdownCloseLane),
            Boss::Seals => Some(Action::ShutdownSeal),
            Boss::ClosesLocal => Some(Action::ShutdownCloseLocal),
            Boss::ClosesQueue => Some(Action::ShutdownCloseQueue),
            Boss::Joins => Some(Action::JoinThreads),
            Boss::WaitsForQuiet => Some(Action::JoinHear),
            Boss::Reclaims => Some(Action::Reclaim),
            Boss::Joined => None,
        }
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

    /// Lane by lane, with the roster's lock in hand.
    pub(super) fn shutdown_close_lane(state: &State) -> Option<State> {
        when(state.boss == Boss::ClosesLanes)?;
        let mut next = state.clone();
        if let Some(lane) = state.roster.left.iter().next() {
            let connection = next.connection_mut(lane);
            connection.closed = true;
            let visits = connection.visiting;
            next.roster.closing = true;
            next.roster.left.remove(lane);
            next.roster.visiting += u8::from(visits);
        } else {
            next.roster.closing = false;
            next.boss = Boss::Seals;
        }
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
        next.dispatch.close(self.boss(), self.how?);
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
        next.local.keeps(Vec::new());
        next.boss = Boss::Joined;
        Some(next)
    }
}
