//! What a throttle, its permits and its waiters have in common: the lock, and the law that nobody is told under it.

use crate::sync::{Arc, Mutex};
use crate::throttle::limits::Limits;
use crate::throttle::state::{Place, State, Ticket};
use crate::throttle::wake::Wakes;

#[derive(Debug)]
pub(crate) struct Shared {
    pub state: Mutex<State>,
}

impl Shared {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(limits)) })
    }

    /// One critical section, after which those are told whom it woke.
    pub fn change(&self, change: impl FnOnce(&mut State) -> Wakes) {
        let wakes = change(&mut self.state.lock());
        wakes.tell();
    }

    /// Gives up a place in the line, and tells what had become of it.
    pub fn leave(&self, ticket: Ticket) -> Place {
        let (place, wakes, _own) = self.state.lock().leave(ticket);
        wakes.tell();
        place
    }
}
