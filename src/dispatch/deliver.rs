//! Delivering without a thread that waits.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::dispatch::connection::{Connection, Delivered};
use crate::dispatch::dispatcher::Dispatcher;
use crate::error::{DeliverError, Refusal};
use crate::throttle::Acquire;

/// A message on its way into a queue: what [`Connection::deliver_async`] returns.
///
/// # Cancel safety
/// Dropped before it was ready it has delivered nothing, and its message is dropped with it; see
/// [`into_message`](Self::into_message).
#[must_use = "nothing is delivered until it is polled"]
pub struct Deliver<'a, D: Dispatcher> {
    connection: &'a mut Connection<D>,
    waiting: Waiting<D::Message>,
}

/// A message, and the wait for room for it.
pub(super) struct Waiting<M> {
    /// Absent once it has been delivered or refused.
    message: Option<M>,
    acquire: Option<Acquire>,
}

// Nothing in it is ever pinned: the wait inside is a plain value too.
impl<M> Unpin for Waiting<M> {}

impl<'a, D: Dispatcher> Deliver<'a, D> {
    pub(super) fn new(connection: &'a mut Connection<D>, message: D::Message) -> Self {
        Self { connection, waiting: Waiting::new(message) }
    }

    /// Gives up, and takes the message back. `None` if the future was ready already.
    pub fn into_message(self) -> Option<D::Message> {
        self.waiting.into_message()
    }
}

impl<M> Waiting<M> {
    pub(super) fn new(message: M) -> Self {
        Self { message: Some(message), acquire: None }
    }

    pub(super) fn into_message(self) -> Option<M> {
        self.message
    }

    /// Waits for room, and delivers.
    pub(super) fn poll<D: Dispatcher<Message = M>>(
        &mut self,
        connection: &mut Connection<D>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Delivered, DeliverError<M>>> {
        let message = self.message.as_ref().expect("polled after it was ready");
        if self.acquire.is_none() && !connection.is_refused() {
            self.acquire = connection.acquire_async(message);
        }
        let admitted = match &mut self.acquire {
            Some(acquire) => ready!(Pin::new(acquire).poll(context)).map(Some).map_err(Refusal::from),
            None if connection.is_refused() => Err(Refusal::Stopped),
            None => Ok(None),
        };
        let message = self.message.take().expect("seen above");
        Poll::Ready(connection.deliver_admitted(message, admitted))
    }
}

impl<D: Dispatcher> Future for Deliver<'_, D> {
    type Output = Result<Delivered, DeliverError<D::Message>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { connection, waiting } = &mut *self;
        waiting.poll(connection, context)
    }
}

impl<D: Dispatcher> std::fmt::Debug for Deliver<'_, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliver").field("connection", &self.connection.id()).finish_non_exhaustive()
    }
}
