//! What connections do, and the throttle that they come to.

use super::state::{Arrival, Connection, Door, Fate, Message, Place, State};
use super::{Action, DispatchQueue};
use crate::{Id, when};

impl DispatchQueue {
    pub(super) fn of_connection(&self, state: &State, thread: Id, actions: &mut Vec<Action>) {
        let connection = &state.connections[usize::from(thread)];
        let action = match connection.place {
            Place::Idle => {
                if connection.delivered < self.messages {
                    let delivers = |(priority, fast)| Action::Deliver { thread, priority, fast };
                    actions.extend(self.kinds().map(delivers));
                }
                self.that_empty(thread, actions);
                return;
            }
            Place::Has if connection.hand.is_some_and(|message| message.fast) => Action::Enter { thread },
            Place::Has | Place::Queues => Action::Push { thread },
            Place::Visits | Place::TurnedAway => Action::VisitDrop { thread },
            Place::Departs | Place::DepartsToQueue => Action::Depart { thread },
            Place::DropsPending => Action::DropPending { thread },
            Place::Returns | Place::Refused => Action::Return { thread },
            Place::Gone => return self.that_empty(thread, actions),
            Place::WaitsForRoom => return,
        };
        actions.push(action);
    }

    fn that_empty(&self, thread: Id, actions: &mut Vec<Action>) {
        if self.may_reset {
            actions.push(Action::Reset { thread });
        }
        if self.may_discard {
            actions.push(Action::Discard { thread });
        }
    }

    pub(super) fn fits(&self, reserved: u8) -> bool {
        self.limit == 0 || reserved < self.limit
    }

    /// One comes back.
    pub(super) fn release(&self, next: &mut State) {
        self.release_some(1, next);
    }

    /// Some come back: those in front of the line who fit are served.
    pub(super) fn release_some(&self, count: u8, next: &mut State) {
        next.throttle.reserved -= count;
        while !next.throttle.line.is_empty() && self.fits(next.throttle.reserved) {
            let served = next.throttle.line.remove(0);
            next.throttle.reserved += 1;
            next.connection_mut(served).place = Place::Has;
        }
    }

    fn is_idle(state: &State, thread: Id) -> bool {
        state.connection(thread).is_some_and(|connection| connection.place == Place::Idle)
            && state.is_free(thread)
    }

    pub(super) fn deliver(&self, state: &State, thread: Id, priority: u8, fast: bool) -> Option<State> {
        let number = state.connection(thread)?.delivered + 1;
        when(Self::is_idle(state, thread) && !state.reset.has(thread) && number <= self.messages)?;
        when(self.kinds().any(|kind| kind == (priority, fast)))?;
        let mut next = state.clone();
        let throttle = &mut next.throttle;
        let place = if throttle.closed {
            Place::Gone
        } else if throttle.line.is_empty() && self.fits(throttle.reserved) {
            throttle.reserved += 1;
            Place::Has
        } else {
            throttle.line.push(thread);
            Place::WaitsForRoom
        };
        let connection = next.connection_mut(thread);
        connection.delivered = number;
        connection.hand = Some(Message { from: thread, number, priority, fast });
        connection.place = place;
        Some(next)
    }

    /// One read-modify-write. It tells what was there before.
    pub(super) fn enter(&self, state: &State, thread: Id) -> Option<State> {
        let before = state.connection(thread)?;
        let message = before.hand?;
        when(before.place == Place::Has && message.fast)?;
        let mut next = state.clone();
        let connection = next.connection_mut(thread);
        connection.visiting = true;
        if before.closed {
            connection.place = Place::Refused;
        } else if self.ordered && before.done != before.sent {
            connection.place = Place::TurnedAway;
        } else {
            connection.place = Place::Visits;
            next.fate.insert(message, Fate::Fast);
        }
        Some(next)
    }

    pub(super) fn visit_drop(state: &State, thread: Id) -> Option<State> {
        let before = state.connection(thread)?;
        let place = match (before.place, before.closed) {
            (Place::Visits, true) => Place::Departs,
            (Place::Visits, false) => Place::Returns,
            (Place::TurnedAway, true) => Place::DepartsToQueue,
            (Place::TurnedAway, false) => Place::Queues,
            _ => return None,
        };
        let mut next = state.clone();
        let connection = next.connection_mut(thread);
        connection.visiting = false;
        connection.place = place;
        Some(next)
    }

    /// Under the roster's lock: so not while it is closing.
    pub(super) fn depart(state: &State, thread: Id) -> Option<State> {
        let place = match state.connection(thread)?.place {
            Place::Departs => Place::Returns,
            Place::DepartsToQueue => Place::Queues,
            _ => return None,
        };
        when(!state.roster.closing)?;
        let mut next = state.clone();
        next.roster.visiting -= 1;
        next.quiet |= next.roster.visiting == 0;
        next.connection_mut(thread).place = place;
        Some(next)
    }

    /// Counts the message, which is its own business, and pushes it.
    pub(super) fn push(state: &State, thread: Id) -> Option<State> {
        let before = state.connection(thread)?;
        let message = before.hand?;
        when(before.place == Place::Queues || (before.place == Place::Has && !message.fast))?;
        let mut next = state.clone();
        let connection = next.connection_mut(thread);
        connection.sent += 1;
        if state.dispatch.door == Door::Open {
            connection.hand = None;
            connection.place = Place::Idle;
            next.put(thread, Arrival::Message(message));
            next.fate.insert(message, Fate::Queued);
        } else {
            connection.place = Place::DropsPending;
        }
        Some(next)
    }

    pub(super) fn drop_pending(state: &State, thread: Id) -> Option<State> {
        when(state.connection(thread)?.place == Place::DropsPending)?;
        let mut next = state.clone();
        let connection = next.connection_mut(thread);
        connection.done += 1;
        connection.place = Place::Refused;
        Some(next)
    }

    /// Once refused, always refused.
    pub(super) fn give_back(&self, state: &State, thread: Id) -> Option<State> {
        let place = match state.connection(thread)?.place {
            Place::Returns => Place::Idle,
            Place::Refused => Place::Gone,
            _ => return None,
        };
        let mut next = state.clone();
        self.release(&mut next);
        let connection = next.connection_mut(thread);
        connection.place = place;
        connection.hand = None;
        Some(next)
    }

    /// Whether what it has queued may go. Its owner may come to that when it has been refused, too.
    fn may_empty(state: &State, thread: Id) -> bool {
        let is_there = |connection: &Connection| matches!(connection.place, Place::Idle | Place::Gone);
        state.connection(thread).is_some_and(is_there)
            && state.is_free(thread)
            && !state.reset.has(thread)
            && !state.dispatch.is_closed()
    }

    /// What it discards, and that it is told of, is one arrival.
    fn empty(state: &State, thread: Id, event: bool) -> State {
        let mut next = state.clone();
        let connection = next.connection_mut(thread);
        connection.emptied = connection.delivered;
        next.put(thread, Arrival::Discards { from: thread, event });
        next
    }

    pub(super) fn reset(&self, state: &State, thread: Id) -> Option<State> {
        when(self.may_reset && Self::may_empty(state, thread))?;
        let mut next = Self::empty(state, thread, true);
        next.reset.insert(thread);
        Some(next)
    }

    pub(super) fn discard(&self, state: &State, thread: Id) -> Option<State> {
        when(self.may_discard && Self::may_empty(state, thread))?;
        let connection = state.connection(thread)?;
        when(connection.emptied < connection.delivered)?;
        Some(Self::empty(state, thread, false))
    }
}
