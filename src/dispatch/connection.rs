//! The producing end that a connection's reader owns.

use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::message::ConnectionId;
use crate::dispatch::shared::{Envelope, Shared};
use crate::error::DeliverError;
use crate::lane::{Entry, Lane, Origin};
use crate::sync::{Arc, mark};

/// One connection of a [`DispatchQueue`](crate::DispatchQueue): delivers messages in the order of its calls.
///
/// Not clonable, and it delivers by `&mut self`: that is what keeps fast callbacks of one connection from
/// overlapping (D12). Dropping it takes nothing back; what it queued will be dispatched.
pub struct Connection<D: Dispatcher> {
    shared: Arc<Shared<D>>,
    lane: Lane,
}

/// What became of a message that was accepted.
#[must_use = "says whether the message has run already"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivered {
    /// It has run, on this thread.
    Fast,
    /// It waits for the dispatch thread.
    Queued,
}

impl<D: Dispatcher> Connection<D> {
    pub(super) fn new(shared: Arc<Shared<D>>, ordered: bool) -> Self {
        let lane = shared.roster.admit(ordered);
        Self { shared, lane }
    }

    /// Its name in callbacks.
    pub fn id(&self) -> ConnectionId {
        ConnectionId(self.lane.id())
    }

    /// Fast-dispatches `message` on this thread if the dispatcher says it may be, and queues it otherwise.
    ///
    /// # Ordering
    /// Queued messages of one priority are dispatched in the order they were delivered (D2). Fast ones run in
    /// the order they were delivered, and have no order against queued ones (D5), unless the connection is
    /// [ordered](crate::QueueHandle::connect_ordered).
    ///
    /// # Errors
    /// [`DeliverError`] with the message in it, if the queue has been shut down: from the moment
    /// [`shutdown`](crate::QueueHandle::shutdown) returns, always.
    ///
    /// # Panics
    /// If the callback of a fast-dispatched message does. The connection stays usable.
    pub fn deliver(&mut self, message: D::Message) -> Result<Delivered, DeliverError<D::Message>> {
        if self.shared.dispatcher.can_fast_dispatch(&message) {
            let from = self.id();
            match self.lane.enter() {
                Entry::Visit(visit) => {
                    self.shared.dispatcher.fast_dispatch(from, message);
                    drop(visit);
                    return Ok(Delivered::Fast);
                }
                Entry::Closed => return Err(DeliverError::new(message)),
                Entry::Behind => {}
            }
        }
        let envelope = Envelope { from: self.id(), message, pending: self.lane.expect() };
        self.shared.enqueue(envelope, Origin::Outside).map_err(DeliverError::new)?;
        mark("queued");
        Ok(Delivered::Queued)
    }

    /// Whether the queue had been shut down when this was last visible here. `false` may be stale; only
    /// [`deliver`](Self::deliver) can tell. For a reader that wants to stop reading soon.
    pub fn looks_closed(&self) -> bool {
        self.lane.looks_closed()
    }
}

impl<D: Dispatcher> std::fmt::Debug for Connection<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("id", &self.id()).finish_non_exhaustive()
    }
}
