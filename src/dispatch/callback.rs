//! What a queue calls.

use std::fmt;

use crate::dispatch::event::Event;
use crate::dispatch::message::ConnectionId;

/// A callback of a [`Dispatcher`](crate::Dispatcher), and the connection it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Callback {
    /// [`fast_dispatch`](crate::Dispatcher::fast_dispatch).
    Fast(ConnectionId),
    /// [`dispatch`](crate::Dispatcher::dispatch), of a queued message.
    Queued(ConnectionId),
    /// [`event`](crate::Dispatcher::event).
    Event(ConnectionId, Event),
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fast(from) => write!(f, "fast_dispatch of a message from connection {from}"),
            Self::Queued(from) => write!(f, "dispatch of a message from connection {from}"),
            Self::Event(from, event) => write!(f, "event {event:?} of connection {from}"),
        }
    }
}
