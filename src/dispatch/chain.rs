//! Several dispatchers behind one queue.

use crate::dispatch::dispatcher::{Dispatcher, Handled};
use crate::dispatch::event::Event;
use crate::dispatch::message::{ConnectionId, Message};
use crate::sync::Arc;

/// Dispatchers that are asked one after the other, in the order in which they were added: Ceph's `Messenger` with its
/// lists of dispatchers (`add_dispatcher_tail`).
///
/// * Every one preprocesses each message, and hears each [`Connected`](Event::Connected),
///   [`Accepted`](Event::Accepted) and [`RemoteReset`](Event::RemoteReset).
/// * A message may be fast-dispatched if any of them says so; those that say so are offered it until one takes it.
/// * A queued message is offered to all until one takes it.
/// * A [`Reset`](Event::Reset) or [`Refused`](Event::Refused) is told up to the first that claims it.
/// * All are shown what nobody took.
///
/// An empty chain takes nothing.
///
/// ```
/// use std::sync::Arc;
/// use keylane::{ConnectionId, DispatchQueue, Dispatcher, DispatcherChain, Handled, Message, Stop};
///
/// enum Op { Ping, Map(u32) }
/// impl Message for Op {}
///
/// struct Heartbeats;
/// impl Dispatcher for Heartbeats {
///     type Message = Op;
///     fn dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
///         match op {
///             Op::Ping => Ok(()),
///             other => Err(other), // not mine
///         }
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let chain = DispatcherChain::new().with(Arc::new(Heartbeats));
/// let queue = DispatchQueue::builder(chain).start()?;
/// let mut connection = queue.connect();
/// let _ = (connection.deliver(Op::Ping)?, connection.deliver(Op::Map(3))?);
/// assert_eq!(queue.join()?.unhandled, 1);
/// # Ok(())
/// # }
/// ```
pub struct DispatcherChain<M> {
    dispatchers: Vec<Arc<dyn Dispatcher<Message = M>>>,
}

impl<M: Message> DispatcherChain<M> {
    /// A chain of none.
    pub fn new() -> Self {
        Self { dispatchers: Vec::new() }
    }

    /// The same with one more at its end.
    #[must_use]
    pub fn with(mut self, dispatcher: Arc<dyn Dispatcher<Message = M>>) -> Self {
        self.dispatchers.push(dispatcher);
        self
    }
}

impl<M: Message> Dispatcher for DispatcherChain<M> {
    type Message = M;

    fn fast_preprocess(&self, from: ConnectionId, message: &M) {
        self.dispatchers.iter().for_each(|dispatcher| dispatcher.fast_preprocess(from, message));
    }

    fn can_fast_dispatch(&self, message: &M) -> bool {
        self.dispatchers.iter().any(|dispatcher| dispatcher.can_fast_dispatch(message))
    }

    fn fast_dispatch(&self, from: ConnectionId, mut message: M) -> Handled<M> {
        for dispatcher in &self.dispatchers {
            if dispatcher.can_fast_dispatch(&message) {
                match dispatcher.fast_dispatch(from, message) {
                    Ok(()) => return Ok(()),
                    Err(passed_on) => message = passed_on,
                }
            }
        }
        Err(message)
    }

    fn dispatch(&self, from: ConnectionId, mut message: M) -> Handled<M> {
        for dispatcher in &self.dispatchers {
            match dispatcher.dispatch(from, message) {
                Ok(()) => return Ok(()),
                Err(passed_on) => message = passed_on,
            }
        }
        Err(message)
    }

    fn unhandled(&self, from: ConnectionId, message: &M) {
        self.dispatchers.iter().for_each(|dispatcher| dispatcher.unhandled(from, message));
    }

    fn event(&self, from: ConnectionId, event: Event) -> bool {
        let mut claimed = false;
        for dispatcher in &self.dispatchers {
            claimed |= dispatcher.event(from, event);
            if claimed && !event.is_for_all() {
                break;
            }
        }
        claimed
    }
}

impl<M: Message> Default for DispatcherChain<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> std::fmt::Debug for DispatcherChain<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatcherChain")
            .field("dispatchers", &self.dispatchers.len())
            .finish_non_exhaustive()
    }
}
