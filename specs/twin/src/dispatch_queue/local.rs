//! Messages to oneself, the thread that delivers them, and what both consumers have in common.

use super::state::{Arrival, At, Door, Fate, Message, State};
use super::{Action, DispatchQueue, Post};
use crate::{Id, when};

impl DispatchQueue {
    pub(super) fn ring(&self, state: &State, thread: Id, post: Post) -> Option<State> {
        when(thread <= self.boss() && state.at(post).ringing.has(thread))?;
        let mut next = state.clone();
        let consumer = next.at_mut(post);
        consumer.ringing.remove(thread);
        consumer.rung = true;
        Some(next)
    }

    pub(super) fn sleep(state: &State, post: Post) -> Option<State> {
        when(state.at(post).at == At::Sleeps && state.at(post).rung)?;
        when(post == Post::Local || state.dropping.is_empty())?;
        let mut next = state.clone();
        let consumer = next.at_mut(post);
        consumer.rung = false;
        consumer.at = At::Steps;
        Some(next)
    }

    pub(super) fn send(&self, state: &State, priority: u8, fast: bool) -> Option<State> {
        when(state.is_free(self.sender()) && state.to_oneself < self.locals)?;
        when(state.local.door == Door::Open && self.kinds().any(|kind| kind == (priority, fast)))?;
        let mut next = state.clone();
        next.to_oneself += 1;
        let message = Message { from: self.me(), number: next.to_oneself, priority, fast };
        next.local.put(self.sender(), Arrival::Message(message));
        next.fate.insert(message, Fate::Queued);
        Some(next)
    }

    pub(super) fn of_local(state: &State) -> Option<Action> {
        match state.local.at {
            At::Steps => Some(Action::LocalStep),
            At::Runs => Some(Action::LocalReturn),
            At::PassesOn => Some(Action::LocalPassOn),
            At::EndsTheQueue => Some(Action::LocalEndQueue),
            At::LiesDown => Some(Action::LocalLieDown),
            At::Sleeps => Some(Action::Sleep { post: Post::Local }),
            _ => None,
        }
    }

    pub(super) fn local_step(&self, state: &State) -> Option<State> {
        when(state.local.at == At::Steps && state.is_free(self.local()))?;
        let mut next = state.clone();
        let local = &mut next.local;
        local.keeps(state.local.taken_in());
        if local.door == Door::Back {
            local.at = At::Stopped;
        } else if local.backlog.is_empty() {
            local.at = if local.is_closed() { At::EndsTheQueue } else { At::LiesDown };
        } else {
            let message = local.backlog.remove(0);
            local.hand = Some(message);
            local.at = if message.fast { At::Runs } else { At::PassesOn };
            if message.fast {
                next.fate.insert(message, Fate::Fast);
            }
        }
        Some(next)
    }

    pub(super) fn local_return(state: &State) -> Option<State> {
        when(state.local.at == At::Runs)?;
        let mut next = state.clone();
        next.local.at = At::Steps;
        next.local.hand = None;
        Some(next)
    }

    /// From inside: a queue that is sealed takes it. If it is closed, the letter is handed back with the rest.
    pub(super) fn local_pass_on(&self, state: &State) -> Option<State> {
        when(state.local.at == At::PassesOn)?;
        let mut next = state.clone();
        let message = next.local.hand.take()?;
        if state.dispatch.is_closed() {
            next.local.backlog.insert(0, message);
            next.local.at = At::Stopped;
        } else {
            next.put(self.local(), Arrival::Message(message));
            next.local.at = At::Steps;
        }
        Some(next)
    }

    pub(super) fn local_end_queue(&self, state: &State) -> Option<State> {
        when(state.local.at == At::EndsTheQueue)?;
        let mut next = state.clone();
        if !state.dispatch.is_closed() {
            next.close(self.local(), Door::Run);
        }
        next.local.at = At::Stopped;
        Some(next)
    }

    pub(super) fn local_lie_down(state: &State) -> Option<State> {
        when(state.local.at == At::LiesDown)?;
        let mut next = state.clone();
        next.local.lie_down();
        next.local.keeps(state.local.taken_in());
        Some(next)
    }
}
