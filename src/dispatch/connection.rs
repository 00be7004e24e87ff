//! The producing end that a connection's reader owns.

use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::event::Event;
use crate::dispatch::message::ConnectionId;
use crate::dispatch::shared::{Happening, Shared};
use crate::error::{ControlError, DeliverError};
use crate::lane::{Entry, Lane, Origin};
use crate::sync::{Arc, mark};

/// One connection of a [`DispatchQueue`](crate::DispatchQueue): delivers messages in the order of its calls.
///
/// Not clonable, and it delivers by `&mut self`: that is what keeps fast callbacks of one connection from
/// overlapping (D12), and a connection that has been [`reset`](Self::reset) from being used again. Dropping it takes
/// nothing back and tells nobody; what it queued will be dispatched.
pub struct Connection<D: Dispatcher> {
    shared: Arc<Shared<D>>,
    lane: Lane,
    /// Whether it has refused a message. Shutdown closes its two ways in one after the other, and a
    /// connection's stream should have no hole: once refused, always refused.
    refused: bool,
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
        Self { shared, lane, refused: false }
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
    /// [ordered](crate::QueueHandle::connect_ordered). (And a message that an ordered connection queues instead is
    /// queued by its priority, like any other.)
    ///
    /// # Errors
    /// [`DeliverError`] with the message in it, if the queue has been shut down: from the moment
    /// [`shutdown`](crate::QueueHandle::shutdown) returns, always. A connection that has been refused once stays
    /// refused.
    ///
    /// # Panics
    /// If the callback of a fast-dispatched message does; or if [`can_fast_dispatch`](Dispatcher::can_fast_dispatch)
    /// or [`priority`](crate::Message::priority) does, and then the message has not been accepted. The connection
    /// stays usable.
    pub fn deliver(&mut self, message: D::Message) -> Result<Delivered, DeliverError<D::Message>> {
        if self.refused {
            return Err(DeliverError::new(message));
        }
        self.offer(message).map_err(|message| {
            self.refused = true;
            DeliverError::new(message)
        })
    }

    fn offer(&mut self, message: D::Message) -> Result<Delivered, D::Message> {
        let from = self.id();
        if self.shared.preprocess(from, &message) {
            match self.lane.enter() {
                Entry::Visit(visit) => {
                    self.shared.fast_dispatch(from, message);
                    drop(visit);
                    return Ok(Delivered::Fast);
                }
                Entry::Closed => return Err(message),
                Entry::Behind => {}
            }
        }
        let pending = self.lane.expect();
        self.shared.enqueue(from, message, pending, Origin::Outside)?;
        mark("queued");
        Ok(Delivered::Queued)
    }

    /// Tells the dispatcher that this side has reached the peer: [`Event::Connected`].
    ///
    /// # Ordering
    /// Before every message that is queued after it, and every one of any connection that still waits (D9). Fast
    /// messages have no order against it: announce before the first is delivered, and let the dispatcher expect either.
    ///
    /// # Errors
    /// [`ControlError::Stopped`] if the queue has ended, or is ending and has nothing left to do.
    pub fn connected(&mut self) -> Result<(), ControlError> {
        self.happen(false, Some(Event::Connected))
    }

    /// Tells the dispatcher that the peer has reached this side: [`Event::Accepted`].
    ///
    /// # Ordering
    /// As [`connected`](Self::connected).
    ///
    /// # Errors
    /// As [`connected`](Self::connected).
    pub fn accepted(&mut self) -> Result<(), ControlError> {
        self.happen(false, Some(Event::Accepted))
    }

    /// Discards what this connection has queued and what has not been picked yet.
    ///
    /// # Ordering
    /// When it returns, nothing more of what this connection had queued is picked (D7). One message may be running
    /// already, or about to: it had been picked. Later messages are dispatched as ever. The discarded ones are dropped
    /// by the dispatch thread before it picks again.
    ///
    /// # Errors
    /// As [`connected`](Self::connected); then what is left of the queue runs or is handed back.
    pub fn discard(&mut self) -> Result<(), ControlError> {
        self.happen(true, None)
    }

    /// The peer has forgotten the session: discards, as [`discard`](Self::discard) does, and tells the dispatcher with
    /// [`Event::RemoteReset`]. The connection goes on.
    ///
    /// # Errors
    /// As [`discard`](Self::discard).
    pub fn remote_reset(&mut self) -> Result<(), ControlError> {
        self.happen(true, Some(Event::RemoteReset))
    }

    /// The connection is gone: discards what it has queued and tells the dispatcher with [`Event::Reset`], exactly once,
    /// since it takes the connection with it. No callback of it is begun after the event; a fast one cannot be running,
    /// since that would be on this thread.
    ///
    /// # Errors
    /// As [`discard`](Self::discard). The connection is gone all the same.
    pub fn reset(self) -> Result<(), ControlError> {
        self.happen(true, Some(Event::Reset))
    }

    /// The peer would not have this side: as [`reset`](Self::reset), and the event is [`Event::Refused`].
    ///
    /// # Errors
    /// As [`reset`](Self::reset).
    pub fn refused(self) -> Result<(), ControlError> {
        self.happen(true, Some(Event::Refused))
    }

    /// Ends the connection on one's own account: discards what it has queued, and tells nobody, since whoever does this
    /// knows. (Dropping a connection discards nothing.)
    ///
    /// # Errors
    /// As [`reset`](Self::reset).
    pub fn mark_down(self) -> Result<(), ControlError> {
        self.happen(true, None)
    }

    fn happen(&self, discards: bool, event: Option<Event>) -> Result<(), ControlError> {
        self.shared.happen(Happening { from: self.id(), discards, event })
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
