//! What is under the lock: sequential code, which tells nobody anything while it runs.

use std::collections::BTreeMap;

use crate::error::AcquireError;
use crate::sync::{mark, took};
use crate::throttle::limits::{Amount, Limits};
use crate::throttle::wake::{Wake, Wakes};

/// A place in the line. Later ones are greater.
pub(crate) type Ticket = u64;

/// What is out, who waits, and under which limits: all of one moment, so it adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleSnapshot {
    /// The limits in force.
    pub limits: Limits,
    /// Permits that are out, those included that have been granted to somebody who has not looked yet, and those that a
    /// busy dispatch thread [keeps](crate::DispatchQueueBuilder::limits) for a while.
    pub count: u64,
    /// The sum of their bytes.
    pub bytes: u64,
    /// How many stand in line. None, once it has been closed.
    pub waiting: usize,
    /// Whether it has been closed.
    pub closed: bool,
}

/// The state of a throttle.
#[derive(Debug)]
pub(crate) struct State {
    limits: Limits,
    out: Amount,
    /// Who waits, the longest first. Whoever is granted what it waits for is taken out of here, and counts as `out`
    /// from that moment. Who leaves takes itself out; so do those that are here when it is closed.
    line: BTreeMap<Ticket, Waiter>,
    next: Ticket,
    closed: bool,
}

#[derive(Debug)]
struct Waiter {
    amount: Amount,
    /// Nothing, once it has been told.
    wake: Option<Wake>,
}

/// What has become of somebody's place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has what it waited for, counted as out.
    Granted,
    /// The throttle has been closed before its turn.
    Refused,
    /// Others are before it, or there is no room yet.
    InLine,
}

impl State {
    pub fn new(limits: Limits) -> Self {
        Self { limits, out: Amount::default(), line: BTreeMap::new(), next: 0, closed: false }
    }

    /// Takes `amount`, if there is room and nobody waits for it.
    pub fn try_acquire(&mut self, amount: Amount) -> Result<(), AcquireError> {
        if self.closed {
            took(self, "turn_away", 0);
            return Err(AcquireError::Closed);
        }
        if !self.line.is_empty() || !self.limits.admit(self.out, amount) {
            return Err(AcquireError::Full);
        }
        self.take_out(amount);
        took(self, "admit", 0);
        Ok(())
    }

    /// The same, and queues up if it cannot be. `Err`: it does not wait, and here is its `wake` again; the lock is held.
    pub fn acquire_or_wait(&mut self, amount: Amount, wake: Wake) -> Result<Ticket, (Outcome, Wake)> {
        match self.try_acquire(amount) {
            Err(AcquireError::Full) => {
                let ticket = self.next;
                self.next += 1;
                self.line.insert(ticket, Waiter { amount, wake: Some(wake) });
                mark("stands in line");
                took(self, "stand_in_line", 0);
                Ok(ticket)
            }
            outcome => Err((outcome, wake)),
        }
    }

    /// What has become of `ticket`.
    pub fn place(&self, ticket: Ticket) -> Place {
        match self.line.contains_key(&ticket) {
            false => Place::Granted,
            true if self.closed => Place::Refused,
            true => Place::InLine,
        }
    }

    /// From now on this is how `ticket`, which stands in line, is told. What was there before is to be dropped when the
    /// lock has been let go.
    pub fn tell_by(&mut self, ticket: Ticket, wake: Wake) -> Option<Wake> {
        self.line.get_mut(&ticket).and_then(|waiter| waiter.wake.replace(wake))
    }

    /// Gives up the place of `ticket`, whatever has become of it: if that was granted, it is the caller's to give back.
    /// Who stood behind it may be next.
    pub fn leave(&mut self, ticket: Ticket) -> (Place, Wakes, Option<Wake>) {
        let place = self.place(ticket);
        match self.line.remove(&ticket) {
            None => (place, Wakes::default(), None),
            Some(waiter) => (place, self.serve(), waiter.wake),
        }
    }

    /// `amount` is back.
    pub fn give_back(&mut self, amount: Amount) -> Wakes {
        self.out.count -= amount.count;
        self.out.bytes -= amount.bytes;
        took(self, "give_back", 0);
        self.serve()
    }

    /// A sixteenth of the limits in force.
    pub fn a_sixteenth(&self) -> Amount {
        let of = |limit: Option<u64>| limit.map_or(u64::MAX, |limit| limit / 16);
        Amount { count: of(self.limits.count), bytes: of(self.limits.bytes) }
    }

    /// Other limits from now on.
    pub fn set_limits(&mut self, limits: Limits) -> Wakes {
        self.limits = limits;
        self.serve()
    }

    /// Refuses everybody who waits, and everybody who comes.
    pub fn close(&mut self) -> Wakes {
        self.closed = true;
        took(self, "close_throttle", 0);
        let mut wakes = Wakes::default();
        wakes.add(self.line.values_mut().filter_map(|waiter| waiter.wake.take()));
        wakes
    }

    pub fn snapshot(&self) -> ThrottleSnapshot {
        ThrottleSnapshot {
            limits: self.limits,
            count: self.out.count,
            bytes: self.out.bytes,
            waiting: if self.closed { 0 } else { self.line.len() },
            closed: self.closed,
        }
    }

    /// Grants what fits to those who have waited longest: the first, the one behind it, and so on up to one for whom
    /// there is no room. After each change that may have made some; then the first in line never fits.
    fn serve(&mut self) -> Wakes {
        let mut wakes = Wakes::default();
        while let Some(first) = self.line.first_entry() {
            if self.closed || !self.limits.admit(self.out, first.get().amount) {
                break;
            }
            let Waiter { amount, wake } = first.remove();
            self.take_out(amount);
            wakes.add(wake);
            mark("granted in line");
        }
        wakes
    }

    fn take_out(&mut self, amount: Amount) {
        self.out.count += amount.count;
        self.out.bytes += amount.bytes;
    }
}

/// Whether there is a permit.
pub(crate) type Outcome = Result<(), AcquireError>;
