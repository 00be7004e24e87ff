//! What the two threads of a queue, its handles and its connections have in common.

use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::message::{ConnectionId, Message, Priority};
use crate::error::ControlError;
use crate::inside::{self, Inside, Owner};
use crate::lane::{Bell, Inbox, Origin, Pending, Pushed, Roster};
use crate::stop::Stop;
use crate::sync::Arc;

/// A message on its way to the dispatch thread.
pub(super) struct Envelope<M> {
    pub(super) from: ConnectionId,
    /// Asked on the producer's side, so that a panic there costs the queue nothing.
    pub(super) priority: Priority,
    pub(super) message: M,
    /// Dropped after the callback, which is what reopens an ordered lane for fast dispatch.
    pub(super) pending: Option<Pending>,
}

/// An inbox and the bell of its one consumer.
pub(super) struct Post<T> {
    inbox: Inbox<T>,
    bell: Bell,
}

/// See the module's documentation.
pub(super) struct Shared<D: Dispatcher> {
    pub(super) dispatcher: D,
    pub(super) roster: Arc<Roster>,
    pub(super) queue: Post<Envelope<D::Message>>,
    pub(super) local: Post<D::Message>,
}

impl<T> Post<T> {
    pub(super) fn new() -> Self {
        Self { inbox: Inbox::default(), bell: Bell::new() }
    }

    pub(super) fn push(&self, message: T, origin: Origin) -> Result<(), T> {
        self.wake(self.inbox.push(message, origin)?);
        Ok(())
    }

    pub(super) fn inbox(&self) -> &Inbox<T> {
        &self.inbox
    }

    pub(super) fn close(&self, stop: Stop) {
        self.wake(self.inbox.close(stop));
    }

    /// Sleeps until something arrives or the inbox is closed. For the consumer.
    pub(super) fn sleep(&self) {
        self.bell.wait();
    }

    fn wake(&self, pushed: Pushed) {
        match pushed {
            Pushed::OntoSleeper => self.bell.ring(),
            Pushed::Quietly => {}
        }
    }
}

impl<D: Dispatcher> Shared<D> {
    pub(super) fn new(dispatcher: D) -> Self {
        Self { dispatcher, roster: Arc::new(Roster::new()), queue: Post::new(), local: Post::new() }
    }

    /// Puts a message behind those that have arrived, with the priority it asks for.
    pub(super) fn enqueue(
        &self,
        from: ConnectionId,
        message: D::Message,
        pending: Option<Pending>,
        origin: Origin,
    ) -> Result<(), D::Message> {
        let priority = {
            let _inside = Inside::queue(self.id());
            message.priority()
        };
        let envelope = Envelope { from, priority, message, pending };
        self.queue.push(envelope, origin).map_err(|refused| refused.message)
    }

    /// Tells this queue from others.
    pub(super) fn id(&self) -> Owner {
        std::ptr::from_ref(self).addr()
    }

    /// Refuses to wait for callbacks from inside one.
    pub(super) fn refuse_callbacks(&self) -> Result<(), ControlError> {
        inside::refuse(self.id())
    }

    /// Asks the user whether `message` may run at once.
    pub(super) fn can_fast_dispatch(&self, message: &D::Message) -> bool {
        let _inside = Inside::queue(self.id());
        self.dispatcher.can_fast_dispatch(message)
    }

    /// Runs a queued message.
    pub(super) fn dispatch(&self, from: ConnectionId, message: D::Message) {
        let _inside = Inside::queue(self.id());
        self.dispatcher.dispatch(from, message);
    }

    /// Runs a message that qualified, on this thread.
    pub(super) fn fast_dispatch(&self, from: ConnectionId, message: D::Message) {
        let _inside = Inside::queue(self.id());
        self.dispatcher.fast_dispatch(from, message);
    }

    /// See [`QueueHandle::shutdown`](crate::QueueHandle::shutdown).
    pub(super) fn shutdown(&self, stop: Stop) {
        // Outside producers first, on both their ways in; then the local one, which is a producer of the
        // queue and must be through before the queue may end (ceph PR 9930 had it the other way round).
        self.roster.close();
        self.queue.inbox().seal();
        self.local.close(stop);
        if stop == Stop::HandBack {
            self.queue.close(stop);
        }
    }
}
