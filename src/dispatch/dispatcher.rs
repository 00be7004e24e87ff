//! The user's side of a queue.

use crate::dispatch::event::Event;
use crate::dispatch::message::{ConnectionId, Message};

/// What a callback says of the message it was given: `Ok`, it has been handled; `Err`, it is not for this dispatcher,
/// and here it is again.
pub type Handled<M> = Result<(), M>;

/// Receives the messages of a queue.
///
/// No lock of keylane is held while any of these methods runs, so they may deliver, send to themselves,
/// connect, and shut the queue down. From inside one, [`DispatchQueue::join`](crate::DispatchQueue::join) says no
/// instead of waiting for itself.
///
/// A message that no dispatcher takes has a fate too: it is shown to [`unhandled`](Self::unhandled), counted in
/// [`QueueReport::unhandled`](crate::QueueReport::unhandled), and dropped. (Ceph's messenger aborts.) Several
/// dispatchers make a [`DispatcherChain`](crate::DispatcherChain).
///
/// A dispatcher that keeps a [`QueueHandle`](crate::QueueHandle), [`Connection`](crate::Connection) or
/// [`Local`](crate::Local) of its own queue is a cycle that is never freed: take it out when the queue is joined.
pub trait Dispatcher: Send + Sync + 'static {
    /// What it receives.
    type Message: Message;

    /// Sees each message before it is decided where it goes, on the thread that delivers it, in the order of
    /// delivery: so it knows of a message that a later one may overtake by being fast (Ceph notes the newest map of a
    /// connection here). The message may still be refused. Must be quick and must not panic.
    fn fast_preprocess(&self, from: ConnectionId, message: &Self::Message) {
        let _ = (from, message);
    }

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
    ///
    /// # Errors
    /// The message, if it is not for this dispatcher.
    fn fast_dispatch(&self, from: ConnectionId, message: Self::Message) -> Handled<Self::Message> {
        self.dispatch(from, message)
    }

    /// Runs a queued message, on the dispatch thread: one at a time per queue (but see
    /// [`fast_dispatch`](Self::fast_dispatch), whose default comes here too).
    ///
    /// # Errors
    /// The message, if it is not for this dispatcher.
    fn dispatch(&self, from: ConnectionId, message: Self::Message) -> Handled<Self::Message>;

    /// Sees a message that nobody took, after the callback that would not have it and on the same thread. It is
    /// dropped afterwards.
    fn unhandled(&self, from: ConnectionId, message: &Self::Message) {
        let _ = (from, message);
    }

    /// Hears of what happened to a connection, on the dispatch thread, between the callbacks of queued messages. True
    /// claims it: in a chain nobody further on hears of a [`Reset`](Event::Reset) or [`Refused`](Event::Refused) that
    /// has been claimed.
    fn event(&self, from: ConnectionId, event: Event) -> bool {
        let _ = (from, event);
        false
    }
}
