//! Operations on the model, callbacks and all.

use keylane::{Delivered, Step};
use keylane_proptests::{Delivery, Dispatching, Passing, Posted, QueueModel};

use crate::ops::{Event, Happening, Letter, Op, Report, SLOTS};

/// A callback's planned panic, on its way up.
struct Unwinding;

type Running = Result<(), Unwinding>;

/// Number and script of a message.
type Body = (u64, Vec<Op>);

/// The queue as it should be, and what should have been seen of it in the last transition.
#[derive(Clone, Debug)]
pub struct Modelled {
    pub model: QueueModel<Body>,
    pub log: Vec<Event>,
    /// Whether this history ends by running everything, rather than by handing back.
    pub ends_well: bool,
    /// How many messages of connections may be under way.
    pub limit: Option<usize>,
    slots: [Slot; SLOTS],
    dispatching: bool,
    passing: bool,
    offered: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Vacant,
    Busy,
    Connection(u64),
}

impl Modelled {
    pub fn new(ends_well: bool, limit: Option<usize>) -> Self {
        Self {
            model: limit.map_or_else(QueueModel::new, QueueModel::limited),
            limit,
            log: Vec::new(),
            ends_well,
            slots: [Slot::Vacant; SLOTS],
            dispatching: false,
            passing: false,
            offered: 0,
        }
    }

    /// One transition of the machine.
    pub fn apply(&mut self, op: &Op) {
        self.log.clear();
        assert!(self.act(op).is_ok(), "a callback's panic ends where it was called");
    }

    /// What `reclaim` must bring: source and number of messages, and the events that nobody was told of.
    pub fn reclaim(&mut self) -> Report {
        self.log.clear();
        self.drop_discarded();
        let left = self.model.reclaim().into_iter().map(|(from, posted)| (from, posted.message.0)).collect();
        (left, self.model.untold())
    }

    fn drop_discarded(&mut self) {
        let dropped = self.model.take_discarded();
        self.log.extend(dropped.into_iter().map(|(_, posted)| Event::Discarded(posted.message.0)));
    }

    fn act(&mut self, op: &Op) -> Running {
        match op {
            &Op::Connect { slot, ordered } => self.connect(slot, ordered),
            &Op::Disconnect { slot } => self.disconnect(slot),
            Op::Deliver { slot, letter } => self.deliver(*slot, letter),
            Op::Send(letter) => self.send(letter),
            &Op::Happen { slot, what } => self.happen(slot, what),
            Op::StepDispatch => self.step_dispatch(),
            Op::StepLocal => self.step_local(),
            &Op::Shutdown(stop) => self.model.shutdown(stop),
            Op::Panic => return Err(Unwinding),
        }
        Ok(())
    }

    fn connect(&mut self, slot: usize, ordered: bool) {
        if self.slots[slot] == Slot::Busy {
            return self.log.push(Event::Elsewhere);
        }
        let id = self.model.connect(ordered);
        self.slots[slot] = Slot::Connection(id);
        self.log.push(Event::Connected(id));
    }

    fn disconnect(&mut self, slot: usize) {
        let Slot::Connection(_) = self.slots[slot] else {
            return self.log.push(Event::Elsewhere);
        };
        self.slots[slot] = Slot::Vacant;
        self.log.push(Event::Disconnected);
    }

    fn deliver(&mut self, slot: usize, letter: &Letter) {
        let Slot::Connection(from) = self.slots[slot] else {
            return self.log.push(Event::Elsewhere);
        };
        let posted = self.post(letter);
        let id = posted.message.0;
        let seen = match self.model.deliver(from, posted) {
            Delivery::Queued => Event::Delivered(id, Delivered::Queued),
            Delivery::Refused(posted) => Event::Refused(posted.message.0),
            Delivery::Full(posted) => Event::Full(posted.message.0),
            Delivery::Fast(posted) => {
                self.slots[slot] = Slot::Busy;
                assert!(self.model.visit(from), "D12: one at a time");
                let outcome = self.call_back(from, posted, Delivered::Fast);
                self.model.leave(from);
                self.slots[slot] = Slot::Connection(from);
                match outcome {
                    Ok(()) => Event::Delivered(id, Delivered::Fast),
                    Err(Unwinding) => Event::DeliveredInPanic(id),
                }
            }
        };
        self.log.push(seen);
    }

    fn happen(&mut self, slot: usize, what: Happening) {
        let Slot::Connection(from) = self.slots[slot] else {
            return self.log.push(Event::Elsewhere);
        };
        if what.is_final() {
            self.slots[slot] = Slot::Vacant;
        }
        let (discards, event) = what.effect();
        let raised = self.model.happen(from, discards, event);
        self.log.push(Event::Raised(raised));
    }

    fn send(&mut self, letter: &Letter) {
        let posted = self.post(letter);
        let id = posted.message.0;
        let sent = self.model.send(posted);
        self.log.push(if sent.is_ok() { Event::Sent(id) } else { Event::Refused(id) });
    }

    fn step_dispatch(&mut self) {
        if self.dispatching {
            return self.log.push(Event::Elsewhere);
        }
        self.drop_discarded();
        let seen = match self.model.step_dispatch() {
            Dispatching::Tell(from, event) => {
                self.log.push(Event::Told(from, event));
                Event::Stepped(Step::Ran)
            }
            Dispatching::Idle => Event::Stepped(Step::Idle),
            Dispatching::Stopped => Event::Stepped(Step::Stopped),
            Dispatching::Run(from, posted) => {
                self.dispatching = true;
                let outcome = self.call_back(from, posted, Delivered::Queued);
                self.dispatching = false;
                self.model.dispatched();
                stepped(outcome)
            }
        };
        self.log.push(seen);
    }

    fn step_local(&mut self) {
        if self.passing {
            return self.log.push(Event::Elsewhere);
        }
        let seen = match self.model.step_local() {
            Passing::Idle => Event::Stepped(Step::Idle),
            Passing::Stopped => Event::Stepped(Step::Stopped),
            Passing::Queued => Event::Stepped(Step::Ran),
            Passing::Fast(posted) => {
                self.passing = true;
                let outcome = self.call_back(0, posted, Delivered::Fast);
                self.passing = false;
                stepped(outcome)
            }
        };
        self.log.push(seen);
    }

    fn call_back(&mut self, from: u64, posted: Posted<Body>, how: Delivered) -> Running {
        let (id, script) = posted.message;
        self.log.push(Event::Began { id, from, how });
        for op in &script {
            self.act(op)?;
        }
        self.log.push(Event::Ended(id));
        Ok(())
    }

    fn post(&mut self, letter: &Letter) -> Posted<Body> {
        self.offered += 1;
        let Letter { priority, qualifies, script } = letter.clone();
        Posted { priority, qualifies, message: (self.offered, script) }
    }
}

fn stepped(outcome: Running) -> Event {
    match outcome {
        Ok(()) => Event::Stepped(Step::Ran),
        Err(Unwinding) => Event::SteppedInPanic,
    }
}
