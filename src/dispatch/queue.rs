//! The queue as its owner sees it: build, connect, shut down, join.

use core::time::Duration;
use std::ops::Deref;

use crate::clock::Clock;
use crate::dispatch::callback::Callback;
use crate::dispatch::connection::Connection;
use crate::dispatch::dispatch_loop::DispatchLoop;
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::event::Event;
use crate::dispatch::local::{Local, LocalLoop};
use crate::dispatch::message::ConnectionId;
use crate::dispatch::shared::{Observers, Shared};
use crate::dispatch::snapshot::QueueSnapshot;
use crate::error::{BuildError, ControlError};
use crate::policy::Order;
use crate::stop::{OnPanic, Stop};
use crate::sync::Arc;
use crate::throttle::{Limits, Throttle};
use crate::watch::{Alarm, Alarms, Fatal, Running, WatchLoop};
use crate::worker_thread::{AfterPanic, WorkerThread};

/// A queue with its two threads, and a third if it is [watched](DispatchQueueBuilder::watch) or has a
/// [fatal](DispatchQueueBuilder::fatal) grace.
///
/// Dereferences to [`QueueHandle`], which is what the rest of the program uses; this is what its owner keeps,
/// to [`join`](Self::join) it. Dropped without that, it shuts down with [`Stop::RunRemaining`] and waits, so
/// that everything accepted is dispatched (unless it has been shut down with [`Stop::HandBack`]: what would
/// come back is dropped with it). Dropped inside one of its own callbacks, it does not wait.
///
/// ```
/// use keylane::{ConnectionId, Delivered, DispatchQueue, Dispatcher, Handled, Message, Stop};
///
/// struct Ping(u32);
/// impl Message for Ping {}
///
/// struct Log;
/// impl Dispatcher for Log {
///     type Message = Ping;
///     fn can_fast_dispatch(&self, ping: &Ping) -> bool {
///         ping.0 < 10 // the small ones cost less than a hand-over
///     }
///     fn dispatch(&self, from: ConnectionId, ping: Ping) -> Handled<Ping> {
///         println!("{from}: {}", ping.0);
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = DispatchQueue::builder(Log).start()?;
/// let mut connection = queue.connect();
/// assert_eq!(connection.deliver(Ping(1))?, Delivered::Fast);
/// assert_eq!(connection.deliver(Ping(100))?, Delivered::Queued);
/// queue.shutdown(Stop::RunRemaining);
/// assert!(connection.deliver(Ping(2)).is_err());
/// assert!(queue.join()?.leftovers.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct DispatchQueue<D: Dispatcher> {
    handle: QueueHandle<D>,
    // In the order in which they are joined: the local thread is a producer of the other one's queue, and both are watched.
    local: Option<WorkerThread<LocalLoop<D>>>,
    dispatch: Option<WorkerThread<DispatchLoop<D>>>,
    watch: Option<WorkerThread<WatchLoop<Callback>>>,
}

/// Connects to, sends through, and shuts down a queue. Clones are handles to the same queue.
pub struct QueueHandle<D: Dispatcher> {
    shared: Arc<Shared<D>>,
}

/// What a queue leaves behind.
#[derive(Debug)]
#[non_exhaustive]
pub struct QueueReport<M> {
    /// Messages that were accepted and will not be dispatched: first those sent to oneself and not yet
    /// delivered, in their order; then the queued ones, in the order they would have been dispatched in.
    pub leftovers: Vec<(ConnectionId, M)>,
    /// Events that were raised and of which nobody was told, in their order.
    pub events: Vec<(ConnectionId, Event)>,
    /// Messages that ran and that no dispatcher took, fast ones included: see
    /// [`Dispatcher::unhandled`].
    pub unhandled: u64,
    /// Callbacks that panicked on the queue's threads, reports of slow and fatal ones included. Their messages count as dispatched.
    pub panics: usize,
}

/// Builds a [`DispatchQueue`].
#[must_use]
pub struct DispatchQueueBuilder<D> {
    dispatcher: D,
    name: String,
    order: Order,
    limits: Option<Limits>,
    on_panic: OnPanic,
    clock: Option<Arc<dyn Clock>>,
    alarms: Alarms<Callback>,
}

impl<D: Dispatcher> DispatchQueue<D> {
    /// Starts building a queue whose messages go to `dispatcher`.
    pub fn builder(dispatcher: D) -> DispatchQueueBuilder<D> {
        DispatchQueueBuilder {
            dispatcher,
            name: "keylane".to_owned(),
            order: Order::default(),
            limits: None,
            on_panic: OnPanic::default(),
            clock: None,
            alarms: Alarms::none(),
        }
    }

    /// A handle for other threads.
    pub fn handle(&self) -> QueueHandle<D> {
        self.handle.clone()
    }

    /// Waits until the queue has ended, which [`shutdown`](QueueHandle::shutdown) brings about; shuts it down
    /// with [`Stop::RunRemaining`] if nobody has. When this returns no `dispatch` or `fast_dispatch` runs, and
    /// none will (D10).
    ///
    /// # Errors
    /// [`ControlError::FromCallback`] from inside a callback of this queue, queued or fast, which would wait for
    /// itself. The queue has then been shut down, its threads end by themselves, and what a report would have
    /// handed back is dropped.
    pub fn join(mut self) -> Result<QueueReport<D::Message>, ControlError> {
        self.handle.shutdown(Stop::RunRemaining);
        self.shared.refuse_callbacks()?;
        let (Some((local, local_panics)), Some((dispatch, dispatch_panics)), watch_panics) = self.end()
        else {
            unreachable!("it was started, and is joined once")
        };
        let mut report = self.handle.reclaim(dispatch, local);
        report.panics = local_panics + dispatch_panics + watch_panics;
        Ok(report)
    }

    /// Joins the threads that there are: what they ran, and how many callbacks panicked.
    fn end(&mut self) -> Ended<D> {
        let local = self.local.take().map(WorkerThread::join);
        let dispatch = self.dispatch.take().map(WorkerThread::join);
        self.shared.observers.close();
        let watch = self.watch.take().map(WorkerThread::join);
        (local, dispatch, watch.map_or(0, |(_, panics)| panics))
    }
}

type Ended<D> = (Option<(LocalLoop<D>, usize)>, Option<(DispatchLoop<D>, usize)>, usize);

impl<D: Dispatcher> Deref for DispatchQueue<D> {
    type Target = QueueHandle<D>;

    fn deref(&self) -> &QueueHandle<D> {
        &self.handle
    }
}

impl<D: Dispatcher> Drop for DispatchQueue<D> {
    fn drop(&mut self) {
        self.handle.shutdown(Stop::RunRemaining);
        if self.shared.refuse_callbacks().is_ok() {
            self.end();
        } else {
            self.shared.observers.close();
        }
    }
}

impl<D: Dispatcher> QueueHandle<D> {
    /// A new connection. If the queue has been shut down, all it delivers is refused.
    pub fn connect(&self) -> Connection<D> {
        Connection::new(Arc::clone(&self.shared), false)
    }

    /// A new connection whose fast callbacks keep their order against its queued messages: a message that
    /// qualifies for fast dispatch is queued all the same while earlier ones of this connection are queued or
    /// running. Costs one more read-modify-write for each queued message, on either side.
    pub fn connect_ordered(&self) -> Connection<D> {
        Connection::new(Arc::clone(&self.shared), true)
    }

    /// A way to send messages to oneself.
    pub fn local(&self) -> Local<D> {
        Local::new(Arc::clone(&self.shared))
    }

    /// What limits how much is under way, if the queue was [built](DispatchQueueBuilder::limits) with it: to change the
    /// limits, and to see what is out. Shutting the queue down closes it.
    pub fn throttle(&self) -> Option<&Throttle> {
        self.shared.throttle.as_ref()
    }

    /// What has become of the messages so far. Takes each of the queue's short locks once, and a read-modify-write for
    /// each open connection; costs the messages themselves nothing. From anywhere, callbacks included, and after the end.
    ///
    /// # Ordering
    /// Each part ([`queued`](QueueSnapshot::queued), [`local`](QueueSnapshot::local), the throttle's) is of one moment and
    /// adds up. The parts are not of the same one: `local` is before `queued`. So what was passed on has been accepted.
    /// What happened before this call is in it, but for what a loop did since it last looked for messages; that is in
    /// it when the loop looks again, and at the latest before it sleeps. The local loop looks before each message. The dispatch
    /// loop may run up to 64 callbacks until it does, while more waits for it (see [`QueuedSnapshot`](crate::QueuedSnapshot)).
    pub fn snapshot(&self) -> QueueSnapshot {
        let shared = &self.shared;
        let now = shared.now();
        let (connections, fast) = shared.roster.count();
        QueueSnapshot {
            connections,
            fast,
            unhandled: shared.unhandled(),
            local: shared.local.inbox().inspect(|tally, wakes| tally.snapshot(wakes, now)),
            queued: shared.queue.inbox().inspect(|tally, wakes| tally.snapshot(wakes, now)),
            throttle: shared.throttle.as_ref().map(Throttle::snapshot),
            has_clock: now.is_some(),
            running: shared.observers.watchman.as_ref().map_or_else(Vec::new, |watchman| watchman.running()),
        }
    }

    /// Reports callbacks that are slow by now, on this thread, if the queue is [watched](DispatchQueueBuilder::watch), and
    /// does to those that have had their [fatal](DispatchQueueBuilder::fatal) grace what is to be done then: what the watch
    /// thread does again and again. For a queue that is stepped, or whose clock is not the system's. Returns for
    /// how long, by the queue's clock, nothing more can be due; `None` if the queue is not watched.
    ///
    /// # Panics
    /// If the report does. It counts as made, and the rest is looked at by the next call.
    pub fn report_slow(&self) -> Option<Duration> {
        self.shared.observers.watchman.as_ref().map(|watchman| watchman.look())
    }

    /// Discards what `connection` has queued and what has not been picked yet, as
    /// [`Connection::discard`] does, from anywhere.
    ///
    /// # Ordering
    /// What that connection queues before this call is discarded or had been picked, what it queues after it is not
    /// discarded; what it queues meanwhile is one or the other.
    ///
    /// # Errors
    /// [`ControlError::NotAConnection`] for [`ConnectionId::LOCAL`]: what is sent to oneself is never discarded.
    /// [`ControlError::Stopped`] if the queue has ended, or is ending and has nothing left to do.
    pub fn discard(&self, connection: ConnectionId) -> Result<(), ControlError> {
        if connection == ConnectionId::LOCAL {
            return Err(ControlError::NotAConnection);
        }
        self.shared.happen(connection, true, None)
    }

    /// Refuses all new messages from the moment it returns, and lets the queue end; does not wait for that.
    /// May be called from anywhere, callbacks included, and more than once: [`Stop::HandBack`] prevails.
    ///
    /// With [`Stop::RunRemaining`] everything accepted is still dispatched. With [`Stop::HandBack`] no further
    /// message is picked, and the rest comes back from [`DispatchQueue::join`].
    pub fn shutdown(&self, stop: Stop) {
        self.shared.shutdown(stop);
    }

    /// Takes back what a stepped queue has not dispatched. The loops are consumed: whoever can give them up
    /// shows that nobody steps them any more. Shuts down with [`Stop::HandBack`] first, and waits for fast
    /// callbacks that are still running, so it must not be called from one.
    ///
    /// # Panics
    /// If the loops belong to another queue.
    pub fn reclaim(&self, mut dispatch: DispatchLoop<D>, mut local: LocalLoop<D>) -> QueueReport<D::Message> {
        assert!(
            dispatch.belongs_to(&self.shared) && local.belongs_to(&self.shared),
            "loops of another queue"
        );
        self.shutdown(Stop::HandBack);
        self.shared.roster.wait_quiet();
        let mut leftovers = local.leftovers();
        let (events, queued) = dispatch.leftovers();
        leftovers.extend(queued);
        QueueReport { leftovers, events, unhandled: self.shared.unhandled(), panics: 0 }
    }
}

impl<D: Dispatcher> Clone for QueueHandle<D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<D: Dispatcher> DispatchQueueBuilder<D> {
    /// Names the threads `NAME-dispatch` and `NAME-local`, and `NAME-watch` if there is one; `keylane` unless set. No NUL, or `start` panics.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// In which order what waits is dispatched; [`Order::default`] unless set.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// How much may be under way at once, from all connections together: from before a message is accepted until its
    /// callback has returned, fast ones included (D8). Without this call there is no limit, none can be set later, and
    /// nothing is counted; with [`Limits::NONE`] there is none and one can.
    ///
    /// While the dispatch thread is busy it gives room back in small portions: less than a sixteenth of the limits may be kept
    /// of messages that are over. All is back before it looks at what has arrived, and so before it sleeps or ends.
    ///
    /// Messages to oneself are not counted. To limit what each connection or client has under way, keep a
    /// [`Throttle`] for each and let its [`Permit`](crate::Permit) travel inside the message.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// What becomes of the queue when a callback panics; [`OnPanic::Isolate`] unless set.
    pub fn on_panic(mut self, on_panic: OnPanic) -> Self {
        self.on_panic = on_panic;
        self
    }

    /// Where the queue reads the time, so that [snapshots](QueueHandle::snapshot) can say for how long the oldest message
    /// has waited. Without this call, [`watch`](Self::watch) and [`fatal`](Self::fatal), nobody looks at a clock. With it, each message
    /// that is queued costs one look, and an entry in a map until it is dispatched.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Tells `report` of each callback that has been running for `grace`, while it still runs, and again each time its age
    /// has doubled. A third thread does it, `NAME-watch`, which looks when something may be due and once in a grace
    /// period when nothing is: so a report comes as soon as that thread runs. A callback may end while it is being
    /// reported.
    ///
    /// The time is that of [`clock`](Self::clock), or else of a [`MonotonicClock`](crate::MonotonicClock); the thread sleeps by the system's. (If
    /// yours differs, call [`report_slow`](QueueHandle::report_slow) when it has moved.) Callbacks are `dispatch`,
    /// `fast_dispatch` and `event`; each costs a look at the clock and two short locks that nobody else wants.
    ///
    /// A grace of less than a millisecond counts as one. The report must not wait for the queue; if it panics, that is
    /// counted in [`QueueReport::panics`] and it counts as made. A queue that is dropped inside its own callback is not
    /// watched any more.
    ///
    /// ```
    /// # use keylane::{ConnectionId, DispatchQueue, Dispatcher, Handled, Message};
    /// # struct Ping; impl Message for Ping {}
    /// # struct Log; impl Dispatcher for Log {
    /// #     type Message = Ping;
    /// #     fn dispatch(&self, _: ConnectionId, _: Ping) -> Handled<Ping> { Ok(()) }
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let builder = DispatchQueue::builder(Log).watch(Duration::from_secs(5), |slow| eprintln!("{slow}"));
    /// let queue = builder.start()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(
        mut self,
        grace: Duration,
        report: impl Fn(&Running<Callback>) + Send + Sync + 'static,
    ) -> Self {
        self.alarms.slow = Some(Alarm::new(grace, Box::new(report)));
        self
    }

    /// What to do about a callback that has been running for `grace`, and still runs: to tell somebody, once, or to abort
    /// the process (Ceph's suicide timeout). With or without [`watch`](Self::watch), whose thread sees to it, and of which
    /// all else holds here: what is both slow and fatal is reported as slow first. A callback may end just before the
    /// process does.
    pub fn fatal(mut self, grace: Duration, fatal: Fatal<Callback>) -> Self {
        self.alarms.fatal = Some(Alarm::fatal(grace, fatal));
        self
    }

    /// Starts the queue with its threads.
    ///
    /// # Errors
    /// [`BuildError::Thread`] if one cannot be started.
    pub fn start(self) -> Result<DispatchQueue<D>, BuildError> {
        let name = self.name.clone();
        let (handle, dispatch, local) = self.stepped();
        let watch = handle.shared.observers.watchman.clone().map(WatchLoop::new);
        // What has been started ends with the queue, if the next cannot be.
        let mut queue = DispatchQueue { handle, local: None, dispatch: None, watch: None };
        queue.local =
            Some(WorkerThread::start(format!("{name}-local"), local, LocalLoop::run, AfterPanic::GoOn)?);
        queue.dispatch = Some(WorkerThread::start(
            format!("{name}-dispatch"),
            dispatch,
            DispatchLoop::run,
            AfterPanic::GoOn,
        )?);
        if let Some(watch) = watch {
            queue.watch =
                Some(WorkerThread::start(format!("{name}-watch"), watch, WatchLoop::run, AfterPanic::GoOn)?);
        }
        Ok(queue)
    }

    /// Builds the queue without threads: the caller steps its two loops, on one thread or two. This is what
    /// the models of `loom-tests/` drive, and what makes a user's test deterministic.
    ///
    /// ```
    /// # use keylane::{ConnectionId, DispatchQueue, Dispatcher, Handled, Message, Step};
    /// # struct Ping; impl Message for Ping {}
    /// # struct Log; impl Dispatcher for Log {
    /// #     type Message = Ping;
    /// #     fn dispatch(&self, _: ConnectionId, _: Ping) -> Handled<Ping> { Ok(()) }
    /// # }
    /// let (queue, mut dispatch, mut local) = DispatchQueue::builder(Log).stepped();
    /// queue.local().send(Ping).unwrap();
    /// assert_eq!(dispatch.step(), Step::Idle);
    /// assert_eq!(local.step(), Step::Ran); // passes it on to the queue
    /// assert_eq!(dispatch.step(), Step::Ran);
    /// ```
    pub fn stepped(self) -> (QueueHandle<D>, DispatchLoop<D>, LocalLoop<D>) {
        let throttle = self.limits.map(Throttle::new);
        let observers = Observers::new(self.clock, self.alarms);
        let shared = Arc::new(Shared::new(self.dispatcher, throttle, observers, self.on_panic));
        let dispatch = DispatchLoop::new(Arc::clone(&shared), self.order);
        let local = LocalLoop::new(Arc::clone(&shared));
        (QueueHandle { shared }, dispatch, local)
    }
}

impl<D: Dispatcher> std::fmt::Debug for DispatchQueue<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatchQueue").finish_non_exhaustive()
    }
}

impl<D> std::fmt::Debug for DispatchQueueBuilder<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatchQueueBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<D: Dispatcher> std::fmt::Debug for QueueHandle<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueueHandle").finish_non_exhaustive()
    }
}
