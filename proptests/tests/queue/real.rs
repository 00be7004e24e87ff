//! The same operations on the real queue, stepped by hand; its callbacks carry out their scripts.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use keylane::{
    Connection, ConnectionId, Delivered, DispatchLoop, DispatchQueue, Dispatcher, LocalLoop, Message,
    Priority, QueueHandle,
};

use crate::ops::{Event, Letter, Op, SLOTS};

/// A queue, all that is connected to it, and what has been seen since the log was last taken.
pub struct Real {
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

    fn fast_dispatch(&self, from: ConnectionId, parcel: Parcel) {
        self.call_back(from, parcel, Delivered::Fast);
    }

    fn dispatch(&self, from: ConnectionId, parcel: Parcel) {
        self.call_back(from, parcel, Delivered::Queued);
    }
}

impl Postman {
    fn call_back(&self, from: ConnectionId, parcel: Parcel, how: Delivered) {
        let real = self.0.upgrade().expect("the test outlives its queue's callbacks");
        real.see(Event::Began { id: parcel.id, from: from.get(), how });
        for op in &parcel.letter.script {
            real.act(op);
        }
        real.see(Event::Ended(parcel.id));
    }
}

impl Real {
    pub fn new() -> Arc<Self> {
        Arc::new_cyclic(|real| {
            let (queue, dispatch, local) = DispatchQueue::builder(Postman(Weak::clone(real))).stepped();
            Self {
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
            Op::StepDispatch => self.step(&self.dispatch, DispatchLoop::step),
            Op::StepLocal => self.step(&self.local, LocalLoop::step),
            &Op::Shutdown(stop) => self.queue.shutdown(stop),
            Op::Panic => resume_unwind(Box::new(Planned)),
        }
    }

    /// What has been seen since the last call.
    pub fn take_log(&self) -> Vec<Event> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// Source and number of what the queue hands back.
    pub fn reclaim(&self) -> Vec<(u64, u64)> {
        let dispatch = self.dispatch.lock().unwrap().take().expect("nobody steps it");
        let local = self.local.lock().unwrap().take().expect("nobody steps it");
        let report = self.queue.reclaim(dispatch, local);
        report.leftovers.into_iter().map(|(from, parcel)| (from.get(), parcel.id)).collect()
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
        let outcome = unless_planned(|| connection.deliver(parcel));
        *self.slots[slot].lock().unwrap() = Slot::Connection(connection);
        self.see(match outcome {
            Some(Ok(delivered)) => Event::Delivered(id, delivered),
            Some(Err(refused)) => Event::Refused(refused.into_message().id),
            None => Event::DeliveredInPanic(id),
        });
    }

    fn send(&self, letter: &Letter) {
        let parcel = self.wrap(letter);
        let id = parcel.id;
        self.see(match self.queue.local().send(parcel) {
            Ok(()) => Event::Sent(id),
            Err(refused) => Event::Refused(refused.into_message().id),
        });
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
        Parcel { id, letter: letter.clone() }
    }

    fn see(&self, event: Event) {
        self.log.lock().unwrap().push(event);
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
