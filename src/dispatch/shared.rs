//! What the two threads of a queue, its handles and its connections have in common.

use crate::clock::{Clock, Moment, MonotonicClock};
use crate::context::Context;
use crate::dispatch::callback::Callback;
use crate::dispatch::dispatcher::{Dispatcher, Handled};
use crate::dispatch::event::Event;
use crate::dispatch::message::{ConnectionId, Message, Priority};
use crate::dispatch::snapshot::{LocalTally, QueueTally};
use crate::error::{ControlError, Refusal};
use crate::inside::{self, Inside, Owner};
use crate::lane::{Bell, Inbox, Origin, Pending, Pushed, Roster, Tally};
use crate::stop::{OnPanic, Stop};
use crate::sync::{Arc, Mutex, mark};
use crate::throttle::{Permit, Throttle};
use crate::watch::{Alarms, Station, Watchman};

/// What comes to the dispatch thread, in one order for all connections.
pub(super) enum Arrival<M> {
    Message(Envelope<M>),
    /// Apart: they are few, and what is moved about all the time is messages.
    Happening(Box<Happening>),
}

/// What happened to a connection. That its messages are discarded, and what is told of it afterwards, is one arrival:
/// nothing can come between them.
pub(super) struct Happening {
    pub(super) from: ConnectionId,
    /// What came before of this connection, and still waits, will not be dispatched (D7).
    pub(super) discards: bool,
    pub(super) event: Option<Event>,
    /// Of who raised it.
    pub(super) context: Context,
}

/// A message on its way to the dispatch thread.
// In this order what is read by itself lies apart from what is only moved: else that is moved in pieces, each of which the
// processor has to wait for.
#[repr(C)]
pub(super) struct Envelope<M> {
    pub(super) from: ConnectionId,
    /// What it counts for in the weighted band.
    pub(super) cost: u64,
    pub(super) load: Load<M>,
    /// Asked on the producer's side, so that a panic there costs the queue nothing.
    pub(super) priority: Priority,
}

/// A message to oneself.
pub(super) struct Letter<M> {
    pub(super) message: M,
    pub(super) postmark: Postmark,
}

/// When and where something was sent.
pub(super) struct Postmark {
    /// Not known, if the queue has no clock.
    pub(super) moment: Option<Moment>,
    pub(super) context: Context,
}

/// A message and what ends with it.
pub(super) struct Load<M> {
    pub(super) message: M,
    pub(super) postmark: Postmark,
    /// Dropped after the callback, which is what reopens an ordered lane for fast dispatch.
    pub(super) pending: Option<Pending>,
    /// Dropped after the callback (D8). None where the queue has no limits, and of messages to oneself.
    pub(super) permit: Option<Permit>,
}

/// Who looks at a queue, if anybody does.
pub(super) struct Observers {
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) watchman: Option<Arc<Watchman<Callback>>>,
}

impl Observers {
    /// Who watches needs a clock.
    pub(super) fn new(clock: Option<Arc<dyn Clock>>, alarms: Alarms<Callback>) -> Self {
        if alarms.is_empty() {
            return Self { clock, watchman: None };
        }
        let clock = clock.unwrap_or_else(|| Arc::new(MonotonicClock::new()));
        let watchman = Watchman::new(Arc::clone(&clock), alarms);
        Self { clock: Some(clock), watchman: Some(Arc::new(watchman)) }
    }

    /// Lets the watch thread end.
    pub(super) fn close(&self) {
        if let Some(watchman) = &self.watchman {
            watchman.close();
        }
    }
}

/// Where callbacks of one queue run, if these are watched.
pub(super) type Place = Option<Station<Callback>>;

/// An inbox and the bell of its one consumer.
pub(super) struct Post<T, L> {
    inbox: Inbox<T, L>,
    bell: Bell,
}

/// See the module's documentation.
pub(super) struct Shared<D: Dispatcher> {
    pub(super) dispatcher: D,
    pub(super) roster: Arc<Roster>,
    pub(super) queue: Post<Arrival<D::Message>, QueueTally>,
    pub(super) local: Post<Letter<D::Message>, LocalTally>,
    /// How much may be under way, if that is limited.
    pub(super) throttle: Option<Throttle>,
    pub(super) observers: Observers,
    on_panic: OnPanic,
    /// Messages that nobody took. So few that a lock is nothing.
    unhandled: Mutex<u64>,
}

impl<T, L: Tally<T>> Post<T, L> {
    pub(super) fn new() -> Self {
        Self { inbox: Inbox::default(), bell: Bell::new() }
    }

    #[inline]
    pub(super) fn push(&self, message: T, origin: Origin) -> Result<(), T> {
        self.wake(self.inbox.push(message, origin)?);
        Ok(())
    }

    pub(super) fn inbox(&self) -> &Inbox<T, L> {
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
    pub(super) fn new(
        dispatcher: D,
        throttle: Option<Throttle>,
        observers: Observers,
        on_panic: OnPanic,
    ) -> Self {
        Self {
            dispatcher,
            roster: Arc::new(Roster::new()),
            queue: Post::new(),
            local: Post::new(),
            throttle,
            observers,
            on_panic,
            unhandled: Mutex::new(0),
        }
    }

    /// Reserves what `message` needs of the queue's limits, by `acquire` if there are any.
    #[inline]
    pub(super) fn admit(
        &self,
        message: &D::Message,
        acquire: impl FnOnce(&Self, &Throttle, u64) -> Result<Permit, Refusal>,
    ) -> Result<Option<Permit>, Refusal> {
        self.throttle.as_ref().map(|throttle| acquire(self, throttle, self.cost(message))).transpose()
    }

    /// What `message` counts for.
    pub(super) fn cost(&self, message: &D::Message) -> u64 {
        let _inside = Inside::queue(self.id());
        message.cost()
    }

    /// One more place where callbacks run.
    pub(super) fn place(&self) -> Place {
        self.observers.watchman.as_ref().map(Watchman::open)
    }

    /// What time it is, if the queue has a clock.
    #[inline]
    pub(super) fn now(&self) -> Option<Moment> {
        self.observers.clock.as_ref().map(|clock| Moment::at(clock.now()))
    }

    /// Sent now, by this thread.
    #[inline]
    pub(super) fn postmark(&self) -> Postmark {
        Postmark { moment: self.now(), context: Context::current() }
    }

    /// Puts a message behind those that have arrived, with the priority it asks for.
    #[inline]
    pub(super) fn enqueue(
        &self,
        from: ConnectionId,
        letter: Letter<D::Message>,
        pending: Option<Pending>,
        permit: Option<Permit>,
        origin: Origin,
    ) -> Result<(), Letter<D::Message>> {
        let Letter { message, postmark } = letter;
        let (priority, cost) = {
            let _inside = Inside::queue(self.id());
            (message.priority(), permit.as_ref().map_or_else(|| message.cost(), Permit::bytes))
        };
        let envelope = Envelope { from, cost, load: Load { message, postmark, pending, permit }, priority };
        self.queue.push(Arrival::Message(envelope), origin).map_err(|refused| match refused {
            Arrival::Message(Envelope { load: Load { message, postmark, .. }, .. }) => {
                Letter { message, postmark }
            }
            Arrival::Happening(_) => unreachable!("what is refused is what was pushed"),
        })
    }

    /// Raises an event, discards, or both. Possible while a queue that is shut down still dispatches what remains: so
    /// it comes from inside.
    pub(super) fn happen(
        &self,
        from: ConnectionId,
        discards: bool,
        event: Option<Event>,
    ) -> Result<(), ControlError> {
        let happening = Happening { from, discards, event, context: Context::current() };
        self.queue.push(Arrival::Happening(Box::new(happening)), Origin::Inside).map_err(|_| {
            mark("event refused");
            ControlError::Stopped
        })
    }

    /// Tells this queue from others.
    #[inline]
    pub(super) fn id(&self) -> Owner {
        std::ptr::from_ref(self).addr()
    }

    /// Refuses to wait for callbacks from inside one.
    pub(super) fn refuse_callbacks(&self) -> Result<(), ControlError> {
        inside::refuse(self.id())
    }

    /// Shows the user a message that is being delivered; whether it may run at once.
    #[inline]
    pub(super) fn preprocess(&self, from: ConnectionId, message: &D::Message) -> bool {
        let _inside = Inside::queue(self.id());
        self.dispatcher.fast_preprocess(from, message);
        self.dispatcher.can_fast_dispatch(message)
    }

    /// Runs a queued message.
    #[inline]
    pub(super) fn dispatch(&self, place: &Place, from: ConnectionId, message: D::Message) {
        self.callback(place, Callback::Queued(from), |dispatcher| {
            self.settle(from, dispatcher.dispatch(from, message));
        });
    }

    /// Runs a message that qualified, on this thread.
    #[inline]
    pub(super) fn fast_dispatch(&self, place: &Place, from: ConnectionId, message: D::Message) {
        self.callback(place, Callback::Fast(from), |dispatcher| {
            self.settle(from, dispatcher.fast_dispatch(from, message));
        });
    }

    /// Tells of an event.
    pub(super) fn tell(&self, place: &Place, from: ConnectionId, event: Event) {
        self.callback(place, Callback::Event(from, event), |dispatcher| {
            dispatcher.event(from, event);
        });
    }

    /// How many messages nobody took so far.
    pub(super) fn unhandled(&self) -> u64 {
        *self.unhandled.lock()
    }

    #[inline]
    fn settle(&self, from: ConnectionId, outcome: Handled<D::Message>) {
        if let Err(message) = outcome {
            mark("unhandled");
            *self.unhandled.lock() += 1;
            self.dispatcher.unhandled(from, &message);
        }
    }

    /// Runs a callback; if it unwinds, after doing what is to be done then.
    #[inline]
    fn callback(&self, place: &Place, what: Callback, call: impl FnOnce(&D)) {
        let _inside = Inside::queue(self.id());
        let _begun = place.as_ref().map(|station| station.begin(what));
        let unwinding = Unwinding(self);
        call(&self.dispatcher);
        std::mem::forget(unwinding);
    }

    /// See [`QueueHandle::shutdown`](crate::QueueHandle::shutdown).
    pub(super) fn shutdown(&self, stop: Stop) {
        // Who waits for room is refused, and so is who comes for it.
        if let Some(throttle) = &self.throttle {
            throttle.close();
        }
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

/// Forgotten when a callback returns: so it is dropped only by one that unwinds.
struct Unwinding<'a, D: Dispatcher>(&'a Shared<D>);

impl<D: Dispatcher> Drop for Unwinding<'_, D> {
    fn drop(&mut self) {
        if self.0.on_panic == OnPanic::Stop {
            self.0.shutdown(Stop::HandBack);
        }
    }
}
