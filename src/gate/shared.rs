//! What a gate and its sessions have in common, and how messages leave: callbacks between two holds of the lock.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::gate::epoch::SessionId;
use crate::gate::gatekeeper::Gatekeeper;
use crate::gate::line::Waiting;
use crate::gate::state::{Begun, State};
use crate::gate::turn::Turn;
use crate::sync::{Mutex, mark};

/// See the module's documentation.
pub(super) struct Shared<K: Gatekeeper> {
    pub(super) keeper: K,
    pub(super) state: Mutex<State<K>>,
}

impl<K: Gatekeeper> Shared<K> {
    /// See [`GateSession::arrive`](crate::GateSession::arrive).
    pub(super) fn arrive(&self, session: SessionId, message: K::Message) -> Result<(), K::Message> {
        let (needs, group) = (self.keeper.epoch_of(&message), self.keeper.group_of(&message));
        let waiting = Waiting { needs, group, message };
        let arrived = self.state.lock().arrive(session, waiting)?;
        let mut panics = FirstPanic::default();
        if let Some(epoch) = arrived.wanted {
            panics.contain(|| self.keeper.wanted(epoch));
        }
        if let Some(begun) = arrived.begun {
            self.deliver(begun, &mut panics);
        }
        panics.resume();
        Ok(())
    }

    /// Lets everything leave that may and that nobody else delivers. One session at a time, so that meanwhile others
    /// may deliver the rest.
    pub(super) fn release(&self) {
        let mut panics = FirstPanic::default();
        let mut from = SessionId::FIRST;
        loop {
            let begun = self.state.lock().begin_from(from);
            let Some(begun) = begun else { break };
            mark("released");
            from = begun.session.next();
            self.deliver(begun, &mut panics);
        }
        panics.resume();
    }

    /// Runs this callback, and then those of its session that may follow.
    fn deliver(&self, begun: Begun<K>, panics: &mut FirstPanic) {
        let mut next = Some(begun);
        while let Some(Begun { session, number, epoch, map, head: Waiting { needs, group, message } }) = next
        {
            let turn = Turn { shared: self, session, number, epoch, map, needs, group };
            panics.contain(|| self.keeper.pass(turn, message));
            next = self.state.lock().go_on(session);
        }
    }
}

/// Keeps the first panic of several callbacks until all have run.
#[derive(Default)]
struct FirstPanic(Option<Box<dyn Any + Send>>);

impl FirstPanic {
    fn contain(&mut self, callback: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(callback)) {
            mark("a callback panicked");
            self.0.get_or_insert(panic);
        }
    }

    fn resume(self) {
        if let Some(panic) = self.0 {
            resume_unwind(panic);
        }
    }
}
