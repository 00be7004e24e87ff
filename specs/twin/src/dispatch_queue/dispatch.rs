//! The dispatch thread.

use super::state::{At, Door, Fate, Message, State};
use super::{Action, DispatchQueue, Post};
use crate::{Id, when};

/// In each connection and priority the first; of these, of the highest priority (D2, D3). Which connection's, is open.
pub(super) fn may_pick(all: &[Message], at: usize) -> bool {
    all.iter().all(|other| other.priority <= all[at].priority)
        && all[..at].iter().all(|other| other.line() != all[at].line())
}

fn picks(all: &[Message]) -> impl Iterator<Item = Message> + '_ {
    (0..all.len()).filter(|&at| may_pick(all, at)).map(|at| all[at])
}

/// Where this one is, if it may be picked.
fn place_of(all: &[Message], from: Id, number: u8) -> Option<usize> {
    let it = |message: &Message| (message.from, message.number) == (from, number);
    all.iter().position(it).filter(|&at| may_pick(all, at))
}

/// What the thread does next, when this has been taken in.
fn turns_to(state: &State, all: &[Message]) -> At {
    match state.dispatch.door {
        Door::Back => At::Stopped,
        _ if !state.events.is_empty() || state.dispatch.resets().next().is_some() => At::Tells,
        _ if !all.is_empty() => At::Runs,
        Door::Run => At::Stopped,
        _ => At::LiesDown,
    }
}

impl DispatchQueue {
    pub(super) fn of_dispatch(&self, state: &State, actions: &mut Vec<Action>) {
        let Some(at) = state.dispatch_at() else {
            actions.push(match state.first_is_over {
                false => Action::DispatchDropDiscarded,
                true => Action::DispatchReturnDiscarded,
            });
            return;
        };
        let action = match at {
            At::Steps => {
                Self::that_go_on(state, actions);
                if state.kept > 0 {
                    actions.push(Action::DispatchReturnKept);
                    return;
                }
                let all = state.dispatch.taken_in();
                if turns_to(state, &all) == At::Runs {
                    actions.extend(picks(&all).map(|Message { from, number, .. }| Action::DispatchStep {
                        from: Some(from),
                        number: Some(number),
                    }));
                    return;
                }
                Action::DispatchStep { from: None, number: None }
            }
            At::Tells => Action::Tell,
            At::Runs => Action::DispatchDropPending,
            At::Returns => {
                if self.may_keep(state) {
                    actions.push(Action::DispatchKeep);
                }
                Action::DispatchReturn
            }
            At::LiesDown => Action::DispatchLieDown,
            At::Sleeps => Action::Sleep { post: Post::Dispatch },
            _ => return,
        };
        actions.push(action);
    }

    fn that_go_on(state: &State, actions: &mut Vec<Action>) {
        if !state.may_go_on() {
            return;
        }
        if state.events.is_empty() {
            let goes_on = |Message { from, number, .. }| Action::DispatchGoOn {
                from: Some(from),
                number: Some(number),
            };
            actions.extend(picks(&state.dispatch.backlog).map(goes_on));
        } else {
            actions.push(Action::DispatchGoOn { from: None, number: None });
        }
    }

    fn take_in(next: &mut State, all: Vec<Message>) {
        next.settle();
        let had = next.dispatch.lines();
        let gone = next.dispatch.discarded();
        next.events.extend(next.dispatch.resets());
        next.dispatch.keeps(all);
        next.loses(had);
        next.dropping = gone.iter().map(|message| message.from).collect();
        gone.into_iter().for_each(|message| next.becomes(message, Fate::Discarded));
    }

    pub(super) fn dispatch_step(state: &State, from: Option<Id>, number: Option<u8>) -> Option<State> {
        // Before it looks it has given back what it kept.
        when(state.dispatch_at() == Some(At::Steps) && state.kept == 0)?;
        let all = state.dispatch.taken_in();
        let turns_to = turns_to(state, &all);
        let picked = match (from, number) {
            (Some(from), Some(number)) => Some(place_of(&all, from, number)?),
            (None, None) => None,
            _ => return None,
        };
        when(picked.is_some() == (turns_to == At::Runs))?;
        let mut next = state.clone();
        next.dispatch.at = turns_to;
        Self::take_in(&mut next, all);
        if let Some(at) = picked {
            Self::pick(&mut next, at);
        }
        Some(next)
    }

    fn pick(next: &mut State, at: usize) {
        let message = next.dispatch.backlog.remove(at);
        if next.dispatch.backlog.iter().all(|other| other.line() != message.line()) {
            next.lost.insert(message.line());
        }
        next.dispatch.hand = Some(message);
        next.becomes(message, Fate::Dispatched);
    }

    /// Without a look: nothing has come that it must look at, and no line has become empty.
    pub(super) fn dispatch_go_on(state: &State, from: Option<Id>, number: Option<u8>) -> Option<State> {
        when(state.dispatch_at() == Some(At::Steps) && state.may_go_on())?;
        let mut next = state.clone();
        match (from, number) {
            (None, None) => {
                when(!state.events.is_empty())?;
                next.dispatch.at = At::Tells;
            }
            (Some(from), Some(number)) => {
                when(state.events.is_empty())?;
                next.dispatch.at = At::Runs;
                Self::pick(&mut next, place_of(&state.dispatch.backlog, from, number)?);
            }
            _ => return None,
        }
        Some(next)
    }

    /// One discarded message after the other: it is over,
    pub(super) fn dispatch_drop_discarded(state: &State) -> Option<State> {
        let from = *state.dropping.first()?;
        when(!state.first_is_over)?;
        let mut next = state.clone();
        next.connection_mut(from).done += 1;
        next.first_is_over = true;
        Some(next)
    }

    /// and its permit goes back.
    pub(super) fn dispatch_return_discarded(&self, state: &State) -> Option<State> {
        when(state.first_is_over)?;
        let mut next = state.clone();
        next.dropping.remove(0);
        next.first_is_over = false;
        self.release(&mut next);
        Some(next)
    }

    pub(super) fn tell(state: &State) -> Option<State> {
        when(state.dispatch_at() == Some(At::Tells))?;
        let mut next = state.clone();
        next.told.insert(next.events.remove(0));
        next.dispatch.at = At::Steps;
        Some(next)
    }

    pub(super) fn dispatch_drop_pending(&self, state: &State) -> Option<State> {
        when(state.dispatch_at() == Some(At::Runs))?;
        let from = state.dispatch.hand?.from;
        let mut next = state.clone();
        if from != self.me() {
            next.connection_mut(from).done += 1;
        }
        next.dispatch.at = At::Returns;
        Some(next)
    }

    /// The permit goes back, together with those that were kept. (One to oneself has none.)
    pub(super) fn dispatch_return(&self, state: &State) -> Option<State> {
        when(state.dispatch_at() == Some(At::Returns))?;
        let mut next = state.clone();
        let message = next.dispatch.hand.take()?;
        if message.from != self.me() {
            self.release_some(std::mem::take(&mut next.kept) + 1, &mut next);
        }
        next.dispatch.at = At::Steps;
        Some(next)
    }

    fn may_keep(&self, state: &State) -> bool {
        state.kept + 1 < self.few && state.dispatch.hand.is_some_and(|message| message.from != self.me())
    }

    /// Or it is kept, if there are few.
    pub(super) fn dispatch_keep(&self, state: &State) -> Option<State> {
        when(state.dispatch_at() == Some(At::Returns) && self.may_keep(state))?;
        let mut next = state.clone();
        next.dispatch.hand = None;
        next.kept += 1;
        next.dispatch.at = At::Steps;
        Some(next)
    }

    /// What was kept goes back, since it is about to look.
    pub(super) fn dispatch_return_kept(&self, state: &State) -> Option<State> {
        when(state.dispatch_at() == Some(At::Steps) && state.kept > 0)?;
        let mut next = state.clone();
        self.release_some(std::mem::take(&mut next.kept), &mut next);
        Some(next)
    }

    pub(super) fn dispatch_lie_down(state: &State) -> Option<State> {
        when(state.dispatch_at() == Some(At::LiesDown))?;
        let mut next = state.clone();
        next.dispatch.lie_down();
        Self::take_in(&mut next, state.dispatch.taken_in());
        Some(next)
    }
}
