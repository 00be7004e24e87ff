//! The same operations on the real queue, stepped by hand; its callbacks carry out their scripts.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use keylane::testing::ManualClock;
use keylane::{
    Connection, ConnectionId, ControlError, DeliverError, Delivered, DispatchLoop, DispatchQueue, Dispatcher,
    Handled, Limits, LocalLoop, Message, Priority, QueueHandle, QueueSnapshot, Refusal,
};

use crate::ops::{Event, Happening, Letter, Op, Report, SLOTS};

/// A queue, all that is connected to it, and what has been seen since the log was last taken.
pub struct Real {
    this: Weak<Self>,
    pub clock: ManualClock,
    queue: QueueHandle<Postman>,
    slots: [Mutex<Slot>; SLOTS],
    /// Absent while they are being stepped.
    dispatch: Mutex<Option<DispatchLoop<Postman>>>,
    local: Mutex<Option<LocalLoop<Postman>>>,
    log: Mutex<Vec<Event>>,
    offered: AtomicU64,
}

enum Slot {
    Vacant,
    Busy,
    Connection(Connection<Postman>),
}

/// Carries out the scripts of messages.
pub struct Postman(Weak<Real>);

/// A letter with its number.
pub struct Parcel {
    id: u64,
    letter: Letter,
    /// Told if the queue drops it; absent once it has come out of the queue some other way.
    sender: Option<Weak<Real>>,
}

impl Parcel {
    fn came_out(&mut self) {
        self.sender = None;
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if let Some(real) = self.sender.take().and_then(|sender| sender.upgrade()) {
            real.see(Event::Discarded(self.id));
        }
    }
}

/// The payload of a panic that a script asked for.
struct Planned;

impl Message for Parcel {
    fn priority(&self) -> Priority {
        self.letter.priority
    }
}

impl Dispatcher for Postman {
    type Message = Parcel;

    fn can_fast_dispatch(&self, parcel: &Parcel) -> bool {
        parcel.letter.qualifies
    }

    fn fast_dispatch(&self, from: ConnectionId, parcel: Parcel) -> Handled<Parcel> {
        self.call_back(from, parcel, Delivered::Fast);
        Ok(())
    }

    fn dispatch(&self, from: ConnectionId, parcel: Parcel) -> Handled<Parcel> {
        self.call_back(from, parcel, Delivered::Queued);
        Ok(())
    }

    fn event(&self, from: ConnectionId, event: keylane::Event) -> bool {
        let real = self.0.upgrade().expect("the test outlives its queue's callbacks");
        real.see(Event::Told(from.get(), event));
        true
    }
}

impl Postman {
    fn call_back(&self, from: ConnectionId, mut parcel: Parcel, how: Delivered) {
        parcel.came_out();
        let real = self.0.upgrade().expect("the test outlives its queue's callbacks");
        real.see(Event::Began { id: parcel.id, from: from.get(), how });
        for op in &parcel.letter.script {
            real.act(op);
        }
        real.see(Event::Ended(parcel.id));
    }
}

impl Real {
    pub fn new(limit: Option<usize>) -> Arc<Self> {
        Arc::new_cyclic(|real| {
            let clock = ManualClock::new();
            let mut builder = DispatchQueue::builder(Postman(Weak::clone(real))).clock(clock.clone());
            if let Some(limit) = limit {
                builder = builder.limits(Limits { count: Some(limit as u64), bytes: None });
            }
            let (queue, dispatch, local) = builder.stepped();
            Self {
                this: Weak::clone(real),
                clock,
                queue,
                slots: [const { Mutex::new(Slot::Vacant) }; SLOTS],
                dispatch: Mutex::new(Some(dispatch)),
                local: Mutex::new(Some(local)),
                log: Mutex::default(),
                offered: AtomicU64::new(0),
            }
        })
    }

    pub fn act(&self, op: &Op) {
        match op {
            &Op::Connect { slot, ordered } => self.connect(slot, ordered),
            &Op::Disconnect { slot } => self.disconnect(slot),
            Op::Deliver { slot, letter } => self.deliver(*slot, letter),
            Op::Send(letter) => self.send(letter),
            &Op::Happen { slot, what } => self.happen(slot, what),
            Op::StepDispatch => self.step(&self.dispatch, DispatchLoop::step),
            Op::StepLocal => self.step(&self.local, LocalLoop::step),
            &Op::Shutdown(stop) => self.queue.shutdown(stop),
            Op::Panic => resume_unwind(Box::new(Planned)),
        }
    }

    /// D8: how many messages the queue says are under way, if it counts them.
    pub fn under_way(&self) -> Option<usize> {
        self.queue.throttle().map(|throttle| throttle.snapshot().count as usize)
    }

    pub fn snapshot(&self) -> QueueSnapshot {
        self.queue.snapshot()
    }

    /// What has been seen since the last call.
    pub fn take_log(&self) -> Vec<Event> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// Source and number of what the queue hands back, and the events that nobody was told of.
    pub fn reclaim(&self) -> Report {
        let dispatch = self.dispatch.lock().unwrap().take().expect("nobody steps it");
        let local = self.local.lock().unwrap().take().expect("nobody steps it");
        let report = self.queue.reclaim(dispatch, local);
        let leftovers = report.leftovers.into_iter().map(|(from, mut parcel)| {
            parcel.came_out();
            (from.get(), parcel.id)
        });
        (leftovers.collect(), report.events.into_iter().map(|(from, event)| (from.get(), event)).collect())
    }

    fn connect(&self, slot: usize, ordered: bool) {
        let mut slot = self.slots[slot].lock().unwrap();
        if matches!(*slot, Slot::Busy) {
            return self.see(Event::Elsewhere);
        }
        let connection = if ordered { self.queue.connect_ordered() } else { self.queue.connect() };
        self.see(Event::Connected(connection.id().get()));
        *slot = Slot::Connection(connection);
    }

    fn disconnect(&self, slot: usize) {
        let mut slot = self.slots[slot].lock().unwrap();
        let Slot::Connection(_) = *slot else {
            return self.see(Event::Elsewhere);
        };
        *slot = Slot::Vacant;
        self.see(Event::Disconnected);
    }

    fn deliver(&self, slot: usize, letter: &Letter) {
        let taken = {
            let mut slot = self.slots[slot].lock().unwrap();
            match std::mem::replace(&mut *slot, Slot::Busy) {
                Slot::Connection(connection) => Some(connection),
                other => {
                    *slot = other;
                    None
                }
            }
        };
        let Some(mut connection) = taken else {
            return self.see(Event::Elsewhere);
        };
        let parcel = self.wrap(letter);
        let id = parcel.id;
        let outcome = unless_planned(|| connection.try_deliver(parcel));
        *self.slots[slot].lock().unwrap() = Slot::Connection(connection);
        self.see(match outcome {
            Some(Ok(delivered)) => Event::Delivered(id, delivered),
            Some(Err(refused)) => refused_parcel(refused),
            None => Event::DeliveredInPanic(id),
        });
    }

    fn send(&self, letter: &Letter) {
        let parcel = self.wrap(letter);
        let id = parcel.id;
        self.see(match self.queue.local().send(parcel) {
            Ok(()) => Event::Sent(id),
            Err(refused) => refused_parcel(refused),
        });
    }

    fn happen(&self, slot: usize, what: Happening) {
        let mut slot = self.slots[slot].lock().unwrap();
        if !matches!(*slot, Slot::Connection(_)) {
            return self.see(Event::Elsewhere);
        }
        let Slot::Connection(mut connection) = std::mem::replace(&mut *slot, Slot::Vacant) else {
            unreachable!("just looked");
        };
        let outcome = match what {
            Happening::Connected => connection.connected(),
            Happening::Accepted => connection.accepted(),
            Happening::Discard => connection.discard(),
            Happening::DiscardById => self.queue.discard(connection.id()),
            Happening::RemoteReset => connection.remote_reset(),
            Happening::Reset => return self.raised(connection.reset()),
            Happening::Refused => return self.raised(connection.refused()),
            Happening::MarkDown => return self.raised(connection.mark_down()),
        };
        *slot = Slot::Connection(connection);
        self.raised(outcome);
    }

    fn raised(&self, outcome: Result<(), ControlError>) {
        self.see(Event::Raised(outcome.is_ok()));
    }

    fn step<L>(&self, place: &Mutex<Option<L>>, step: fn(&mut L) -> keylane::Step) {
        let taken = place.lock().unwrap().take();
        let Some(mut stepped) = taken else {
            return self.see(Event::Elsewhere);
        };
        let outcome = unless_planned(|| step(&mut stepped));
        *place.lock().unwrap() = Some(stepped);
        self.see(outcome.map_or(Event::SteppedInPanic, Event::Stepped));
    }

    fn wrap(&self, letter: &Letter) -> Parcel {
        let id = self.offered.fetch_add(1, Ordering::Relaxed) + 1;
        Parcel { id, letter: letter.clone(), sender: Some(self.this.clone()) }
    }

    fn see(&self, event: Event) {
        self.log.lock().unwrap().push(event);
    }
}

fn refused_parcel(refused: DeliverError<Parcel>) -> Event {
    let reason = refused.reason();
    let mut parcel = refused.into_message();
    parcel.came_out();
    match reason {
        Refusal::Full => Event::Full(parcel.id),
        _ => Event::Refused(parcel.id),
    }
}

/// `None` if a script's panic came out of it; any other panic goes on.
fn unless_planned<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Planned>() => None,
        Err(payload) => resume_unwind(payload),
    }
}
