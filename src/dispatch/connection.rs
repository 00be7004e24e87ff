//! The producing end that a connection's reader owns.

use core::time::Duration;

use crate::dispatch::deliver::Deliver;
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::event::Event;
use crate::dispatch::message::ConnectionId;
use crate::dispatch::shared::{Letter, Place, Shared};
use crate::error::{AcquireError, ControlError, DeliverError, Refusal};
use crate::lane::{Entry, Lane, Origin};
use crate::sync::{Arc, mark};
use crate::throttle::{Acquire, Permit, Throttle};

/// One connection of a [`DispatchQueue`](crate::DispatchQueue): delivers messages in the order of its calls.
///
/// Not clonable, and it delivers by `&mut self`: that is what keeps fast callbacks of one connection from
/// overlapping (D12), and a connection that has been [`reset`](Self::reset) from being used again. Dropping it takes
/// nothing back and tells nobody; what it queued will be dispatched.
pub struct Connection<D: Dispatcher> {
    shared: Arc<Shared<D>>,
    lane: Lane,
    place: Place,
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
        let place = shared.place();
        Self { shared, lane, place, refused: false }
    }

    /// Its name in callbacks.
    pub fn id(&self) -> ConnectionId {
        ConnectionId::new(self.lane.id())
    }

    /// Fast-dispatches `message` on this thread if the dispatcher says it may be, and queues it otherwise. If the queue
    /// has [limits](crate::DispatchQueueBuilder::limits), it first waits until there is room; only then, and never
    /// longer than for a short lock otherwise.
    ///
    /// # Ordering
    /// Queued messages of one priority are dispatched in the order they were delivered (D2). Fast ones run in
    /// the order they were delivered, and have no order against queued ones (D5), unless the connection is
    /// [ordered](crate::QueueHandle::connect_ordered). (And a message that an ordered connection queues instead is
    /// queued by its priority, like any other.)
    ///
    /// # Errors
    /// [`DeliverError`] with the message in it: [`Refusal::Stopped`] if the queue has been shut down: from the moment
    /// [`shutdown`](crate::QueueHandle::shutdown) returns, always. A connection that has been refused so once stays
    /// refused. [`Refusal::FromCallback`] if the queue is full, and this is one of its own callbacks.
    ///
    /// # Panics
    /// If the callback of a fast-dispatched message does; or if [`can_fast_dispatch`](Dispatcher::can_fast_dispatch),
    /// [`priority`](crate::Message::priority) or their like does, and then the message has not been accepted. The
    /// connection stays usable.
    #[inline]
    pub fn deliver(&mut self, message: D::Message) -> Result<Delivered, DeliverError<D::Message>> {
        self.deliver_by(message, |shared, throttle, cost| match throttle.try_acquire(cost) {
            Err(AcquireError::Full) if shared.refuse_callbacks().is_err() => Err(Refusal::FromCallback),
            Err(AcquireError::Full) => Ok(throttle.acquire(cost)?),
            outcome => Ok(outcome?),
        })
    }

    /// As [`deliver`](Self::deliver), and never waits for room.
    ///
    /// # Errors
    /// As [`deliver`](Self::deliver); and [`Refusal::Full`] if there is no room, or others wait for some.
    ///
    /// # Panics
    /// As [`deliver`](Self::deliver).
    #[inline]
    pub fn try_deliver(&mut self, message: D::Message) -> Result<Delivered, DeliverError<D::Message>> {
        self.deliver_by(message, |_, throttle, cost| Ok(throttle.try_acquire(cost)?))
    }

    /// As [`deliver`](Self::deliver), and waits for room no longer than `limit`. (Then the callback of a message that
    /// is fast-dispatched takes as long as it takes.) Inside a callback of the same queue it waits as well: what it
    /// waits for is then up to others.
    ///
    /// # Errors
    /// As [`deliver`](Self::deliver); and [`Refusal::TimedOut`].
    ///
    /// # Panics
    /// As [`deliver`](Self::deliver).
    pub fn deliver_timeout(
        &mut self,
        message: D::Message,
        limit: Duration,
    ) -> Result<Delivered, DeliverError<D::Message>> {
        self.deliver_by(message, |_, throttle, cost| Ok(throttle.acquire_timeout(cost, limit)?))
    }

    /// As [`deliver`](Self::deliver), as a future: waits for room without a thread, in any runtime. A message that is
    /// fast-dispatched runs inside the poll that finds room.
    ///
    /// # Errors
    /// As [`deliver`](Self::deliver), and never [`Refusal::FromCallback`].
    ///
    /// # Cancel safety
    /// A future that is dropped before it was ready has delivered nothing, and gives up its place among those who wait
    /// for room. Its message is dropped with it: take it out with [`Deliver::into_message`] if it is to be kept.
    pub fn deliver_async(&mut self, message: D::Message) -> Deliver<'_, D> {
        Deliver::new(self, message)
    }

    /// Delivers once `acquire` has found room.
    #[inline]
    fn deliver_by(
        &mut self,
        message: D::Message,
        acquire: impl FnOnce(&Shared<D>, &Throttle, u64) -> Result<Permit, Refusal>,
    ) -> Result<Delivered, DeliverError<D::Message>> {
        if self.refused {
            return Err(refuse(&mut self.refused, message, Refusal::Stopped));
        }
        let admitted = self.shared.admit(&message, acquire);
        self.deliver_admitted(message, admitted)
    }

    /// What follows when room has been found, or has not.
    #[inline]
    pub(super) fn deliver_admitted(
        &mut self,
        message: D::Message,
        admitted: Result<Option<Permit>, Refusal>,
    ) -> Result<Delivered, DeliverError<D::Message>> {
        match admitted {
            Ok(permit) => self.offer(message, permit),
            Err(reason) => Err(refuse(&mut self.refused, message, reason)),
        }
    }

    /// Begins to wait for room, if there are limits; the connection must not have been refused.
    pub(super) fn acquire_async(&self, message: &D::Message) -> Option<Acquire> {
        let throttle = self.shared.throttle.as_ref()?;
        Some(throttle.acquire_async(self.shared.cost(message)))
    }

    /// Whether it has been refused because the queue was shut down.
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }

    #[inline]
    fn offer(
        &mut self,
        message: D::Message,
        permit: Option<Permit>,
    ) -> Result<Delivered, DeliverError<D::Message>> {
        let (from, refused) = (self.id(), &mut self.refused);
        if self.shared.preprocess(from, &message) {
            match self.lane.enter() {
                Entry::Visit(visit) => {
                    self.shared.fast_dispatch(&self.place, from, message);
                    drop(visit);
                    return Ok(Delivered::Fast);
                }
                Entry::Closed => return Err(refuse(refused, message, Refusal::Stopped)),
                Entry::Behind => {}
            }
        }
        let pending = self.lane.expect();
        let letter = Letter { message, postmark: self.shared.postmark() };
        if let Err(letter) = self.shared.enqueue(from, letter, pending, permit, Origin::Outside) {
            return Err(refuse(refused, letter.message, Refusal::Stopped));
        }
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
        self.shared.happen(self.id(), discards, event)
    }

    /// Whether the queue had been shut down when this was last visible here. `false` may be stale; only
    /// [`deliver`](Self::deliver) can tell. For a reader that wants to stop reading soon.
    pub fn looks_closed(&self) -> bool {
        self.lane.looks_closed()
    }
}

/// A connection does not take `message`; whether it has `refused` one for good.
// Apart, and not inlined: where it were, each message would be moved like what may be an error, in pieces.
#[cold]
#[inline(never)]
fn refuse<M>(refused: &mut bool, message: M, reason: Refusal) -> DeliverError<M> {
    *refused |= reason == Refusal::Stopped;
    DeliverError::new(message, reason)
}

impl<D: Dispatcher> std::fmt::Debug for Connection<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("id", &self.id()).finish_non_exhaustive()
    }
}
