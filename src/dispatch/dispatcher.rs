//! The user's side of a queue.

use crate::dispatch::message::{ConnectionId, Message};

/// Receives the messages of a queue.
///
/// No lock of keylane is held while any of these methods runs, so they may deliver, send to themselves,
/// connect, and shut the queue down; none of them may wait for [`DispatchQueue::join`](crate::DispatchQueue::join).
pub trait Dispatcher: Send + Sync + 'static {
    /// What it receives.
    type Message: Message;

    /// Whether `message` may run at once, on the thread that delivers it. Asked before the message is
    /// accepted; should be quick and must not panic.
    fn can_fast_dispatch(&self, message: &Self::Message) -> bool {
        let _ = message;
        false
    }

    /// Runs a message that qualified, on the thread that delivered it (for a message to oneself, on the local
    /// thread). At most one at a time per connection, many at a time per queue, and without any order
    /// against queued messages unless the connection is ordered. It must not wait for the dispatch thread.
    fn fast_dispatch(&self, from: ConnectionId, message: Self::Message) {
        self.dispatch(from, message);
    }

    /// Runs a queued message, on the dispatch thread: one at a time per queue.
    fn dispatch(&self, from: ConnectionId, message: Self::Message);
}
