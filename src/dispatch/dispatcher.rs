//! The user's side of a queue.

use crate::dispatch::message::{ConnectionId, Message};

/// Receives the messages of a queue.
///
/// No lock of keylane is held while any of these methods runs, so they may deliver, send to themselves,
/// connect, and shut the queue down. From inside one, [`DispatchQueue::join`](crate::DispatchQueue::join) says no
/// instead of waiting for itself.
///
/// A dispatcher that keeps a [`QueueHandle`](crate::QueueHandle), [`Connection`](crate::Connection) or
/// [`Local`](crate::Local) of its own queue is a cycle that is never freed: take it out when the queue is joined.
pub trait Dispatcher: Send + Sync + 'static {
    /// What it receives.
    type Message: Message;

    /// Whether `message` may run at once, on the thread that delivers it. Asked before the message is accepted
    /// or refused, and so perhaps after the queue has ended; should be quick and must not panic.
    fn can_fast_dispatch(&self, message: &Self::Message) -> bool {
        let _ = message;
        false
    }

    /// Runs a message that qualified, on the thread that delivered it (for a message to oneself, on the local
    /// thread). At most one at a time per connection, many at a time per queue, and without any order
    /// against queued messages unless the connection is ordered. It must not wait for the dispatch thread.
    ///
    /// Unless overridden it calls [`dispatch`](Self::dispatch), which then runs on many threads at a time.
    fn fast_dispatch(&self, from: ConnectionId, message: Self::Message) {
        self.dispatch(from, message);
    }

    /// Runs a queued message, on the dispatch thread: one at a time per queue (but see
    /// [`fast_dispatch`](Self::fast_dispatch), whose default comes here too).
    fn dispatch(&self, from: ConnectionId, message: Self::Message);
}
