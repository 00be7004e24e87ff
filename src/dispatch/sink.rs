//! A connection for streams of messages.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;

use crate::dispatch::connection::Connection;
use crate::dispatch::deliver::Waiting;
use crate::dispatch::dispatcher::Dispatcher;
use crate::error::DeliverError;

/// A connection as a [`Sink`], for streams of messages.
///
/// It holds one message that waits for room. Ready means that the one before has been delivered; flushed, that all
/// have: run, or queued, and not that what was queued has been dispatched. Closing flushes, and does not shut anything
/// down.
///
/// # Errors
/// [`DeliverError`] with the message that was refused in it.
///
/// # Cancel safety
/// Dropping a wait for it to be ready or flushed loses nothing: the message stays, and so does its place among those who
/// wait for room. Dropping the sink drops the message it holds.
pub struct ConnectionSink<D: Dispatcher> {
    connection: Connection<D>,
    waiting: Option<Waiting<D::Message>>,
}

impl<D: Dispatcher> ConnectionSink<D> {
    /// A sink into `connection`.
    pub fn new(connection: Connection<D>) -> Self {
        Self { connection, waiting: None }
    }

    /// The connection again, and the message that still waits for room, if one does.
    pub fn into_parts(self) -> (Connection<D>, Option<D::Message>) {
        (self.connection, self.waiting.and_then(Waiting::into_message))
    }
}

impl<D: Dispatcher> Sink<D::Message> for ConnectionSink<D> {
    type Error = DeliverError<D::Message>;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_flush(context)
    }

    fn start_send(mut self: Pin<&mut Self>, message: D::Message) -> Result<(), Self::Error> {
        assert!(self.waiting.is_none(), "a message is given to a sink that has said it is ready");
        self.waiting = Some(Waiting::new(message));
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let Self { connection, waiting } = &mut *self;
        let Some(waits) = waiting else { return Poll::Ready(Ok(())) };
        let outcome = ready!(waits.poll(connection, context));
        *waiting = None;
        Poll::Ready(outcome.map(|_delivered| ()))
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_flush(context)
    }
}

impl<D: Dispatcher> std::fmt::Debug for ConnectionSink<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionSink").field("connection", &self.connection.id()).finish_non_exhaustive()
    }
}
