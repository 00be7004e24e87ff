//! The right to run a shard's policy, and the bench of the workers that sleep meanwhile.

use core::time::Duration;
use std::ops::{Deref, DerefMut};

use crate::lane::Bell;
use crate::sync::{Arc, Deadline, Mutex, MutexGuard, mark, took};

/// What is run under a baton.
pub trait Charge {
    /// How many items could start this moment, each on a worker of its own: not none if one could, and not more than
    /// could.
    fn runnable(&mut self) -> usize;

    /// Takes in what has arrived, and looks whether the time of others has come. If nothing had arrived, and `lie_down` is
    /// set, the next arrival will have the baton taken up and laid down again. True if something had arrived.
    fn take_in(&mut self, lie_down: bool) -> bool;

    /// When an item that cannot start yet could, if nothing else happens. (Then, not sooner, [`runnable`](Self::runnable)
    /// counts it, or this says a later time.)
    fn due(&mut self) -> Option<Duration>;

    /// The deadline of a sleep that lasts until then.
    fn deadline(&self, at: Duration) -> Deadline;
}

/// A lock around a [`Charge`], and a bench for workers that sleep.
///
/// The baton's law, kept by [`Hold`]'s drop: **whoever lays it down leaves no runnable item without a worker
/// that is up, as long as one sleeps; if some still sleep, the inbox knows; and if an item is due later, one that is up or
/// one that sleeps no longer than that will look.**
#[derive(Debug)]
pub struct Baton<C> {
    held: Mutex<Held<C>>,
}

/// What a worker has for itself: where it sleeps. One worker, one seat.
#[derive(Debug, Default)]
pub struct Seat {
    bell: Arc<Bell>,
    polls: u32,
}

/// One on the bench.
#[derive(Debug)]
struct Sleeper {
    bell: Arc<Bell>,
    /// It has sat down at several batons, of which this is not its own.
    guest: bool,
}

#[derive(Debug)]
struct Held<C> {
    charge: C,
    /// Who sleeps: who looks out, guests, and then workers, of each the latest last. It is woken first, its cache is warm.
    bench: Vec<Sleeper>,
    /// Workers taken off the bench that have not taken up the baton yet.
    waking: usize,
    /// How often a worker was taken off the bench.
    wakes: u64,
    /// Which one on the bench sleeps until something is due, and until when. It is the first there: the last to be woken
    /// for anything else.
    lookout: Option<Lookout>,
}

#[derive(Debug)]
struct Lookout {
    bell: Arc<Bell>,
    until: Duration,
}

/// The baton in hand. Dropping it settles and lays it down.
#[derive(Debug)]
pub struct Hold<'a, C: Charge> {
    held: Option<MutexGuard<'a, Held<C>>>,
    to_ring: Vec<Arc<Bell>>,
}

impl<C: Charge> Baton<C> {
    /// A baton that lies there. Workers are up until they sleep.
    pub fn new(charge: C) -> Self {
        let held = Held { charge, bench: Vec::new(), waking: 0, wakes: 0, lookout: None };
        Self { held: Mutex::new(held) }
    }

    /// Waits for the baton and takes it up.
    pub fn take_up(&self) -> Hold<'_, C> {
        Hold { held: Some(self.held.lock()), to_ring: Vec::new() }
    }

    /// Takes up the baton and lays it down, which settles: what a producer does that found the inbox asleep.
    pub fn nudge(&self) {
        let mut hold = self.take_up();
        took(hold.held(), "nudge", 0);
    }

    /// Lays the baton down, sleeps on the bench until woken or until something is due, and takes it up again.
    pub fn sleep<'a>(&'a self, hold: Hold<'a, C>, seat: &Seat) -> Hold<'a, C> {
        seat.rest(hold.sit_down(seat, false));
        self.get_up(seat)
    }

    /// Takes the baton up after somebody has [sat down](Hold::sit_down) here, whether it was woken or not.
    pub fn get_up(&self, seat: &Seat) -> Hold<'_, C> {
        let mut hold = self.take_up();
        hold.held().get_up(&seat.bell);
        took(&*seat.bell, "get_up", 0);
        hold
    }
}

/// How often a poll tells the processor that it only waits: long enough for whoever rings to get at the lock in between.
const HINTS_FOR_EACH_POLL: usize = 16;

impl Seat {
    /// A seat on which one looks so often whether one has been woken, before one sleeps.
    pub fn new(polls: u32) -> Self {
        Self { bell: Arc::default(), polls }
    }

    /// Sleeps until woken at a baton where it [sits](Hold::sit_down), or until then; if it has been woken already, not at all.
    pub fn rest(&self, deadline: Deadline) {
        // Whoever polls is on the bench like one who sleeps, and is woken in the same way.
        for _ in 0..self.polls {
            if self.bell.is_rung() {
                mark("rung while polling");
                break;
            }
            (0..HINTS_FOR_EACH_POLL).for_each(|_| core::hint::spin_loop());
        }
        self.bell.wait_or_give_up(deadline);
    }
}

impl<C> Held<C> {
    fn place(&self, bell: &Arc<Bell>) -> Option<usize> {
        self.bench.iter().position(|sleeper| Arc::ptr_eq(&sleeper.bell, bell))
    }

    /// A worker has come back from its sleep. If it was not woken it leaves the bench by itself: then nobody rings for it,
    /// or somebody did before, and its bell was heard this late.
    fn get_up(&mut self, bell: &Arc<Bell>) {
        let Some(place) = self.place(bell) else {
            self.waking -= 1;
            return;
        };
        mark("got up by itself");
        self.bench.remove(place);
        if self.lookout.as_ref().is_some_and(|lookout| Arc::ptr_eq(&lookout.bell, bell)) {
            self.lookout = None;
        }
    }
}

impl<C: Charge> Hold<'_, C> {
    /// How many workers sleep, without guests, and how often somebody was woken.
    pub fn sleepers_and_wakes(&self) -> (usize, u64) {
        let held = self.held.as_ref().expect("held until laid down");
        (held.bench.iter().filter(|sleeper| !sleeper.guest).count(), held.wakes)
    }

    /// Sits down on the bench and lays the baton down: from here on it is woken here. It may sit down at other batons as a
    /// guest, each once, and then [rests](Seat::rest), until the soonest of what they say; and then it
    /// [gets up](Baton::get_up) at each.
    pub fn sit_down(mut self, seat: &Seat, guest: bool) -> Deadline {
        let held = self.held();
        let first = usize::from(held.lookout.is_some());
        let guests = held.bench[first..].iter().take_while(|sleeper| sleeper.guest).count();
        let place = if guest { first + guests } else { held.bench.len() };
        held.bench.insert(place, Sleeper { bell: Arc::clone(&seat.bell), guest });
        took(&*seat.bell, "sit_down", u64::from(guest));
        self.lay_down(Some(&seat.bell))
    }

    /// Takes every worker off the bench, whatever there is to do.
    pub fn wake_all(&mut self) {
        let sleepers = self.held().bench.len();
        self.wake(sleepers);
    }

    fn wake(&mut self, count: usize) {
        let held = self.held.as_mut().expect("held until laid down");
        held.waking += count;
        held.wakes += count as u64;
        let awake = held.bench.len() - count;
        self.to_ring.extend(held.bench.drain(awake..).map(|sleeper| sleeper.bell));
        if held.bench.is_empty() {
            held.lookout = None;
        }
    }

    /// Establishes the law, where `lying_down` is on the bench but does not sleep yet; and says how long that one may.
    /// Ends: each further round has taken in at least one arrival, or takes one sleeper off the bench.
    fn settle(&mut self, lying_down: Option<&Arc<Bell>>) -> Deadline {
        if self.held().bench.is_empty() {
            // All are up: nobody to wake, nobody to be told of.
            took(self.held(), "nobody_sleeps", 0);
            return Deadline::NEVER;
        }
        loop {
            let held = self.held();
            let uncovered = held.charge.runnable().saturating_sub(held.waking);
            let count = uncovered.min(held.bench.len());
            (0..count).for_each(|_| mark("woken for an item"));
            self.wake(count);
            let held = self.held();
            if held.bench.is_empty() {
                took(held, "nobody_sleeps", 0);
                return Deadline::NEVER;
            }
            let arrived = held.charge.take_in(true);
            // Time goes on: an item may have come due since somebody looked last.
            if !arrived && held.charge.runnable() <= held.waking {
                took(held, "lie_down", 0);
                return self.post_lookout(lying_down);
            }
            took(held, "settle_again", 0);
            mark(if arrived { "arrived while settling" } else { "due while settling" });
        }
    }

    /// Sees to it that somebody looks when the next item is due.
    fn post_lookout(&mut self, lying_down: Option<&Arc<Bell>>) -> Deadline {
        let held = self.held();
        if held.waking > 0 {
            // Whoever wakes will settle too.
            return Deadline::NEVER;
        }
        let Some(due) = held.charge.due() else { return Deadline::NEVER };
        if held.lookout.as_ref().is_some_and(|lookout| lookout.until <= due) {
            return Deadline::NEVER;
        }
        match lying_down {
            Some(bell) => {
                mark("on the lookout");
                held.lookout = Some(Lookout { bell: Arc::clone(bell), until: due });
                let place = held.place(bell).expect("on the bench, since it lies down");
                held.bench[..=place].rotate_right(1);
                held.charge.deadline(due)
            }
            None => {
                mark("woken to look out");
                self.wake(1);
                Deadline::NEVER
            }
        }
    }

    /// Settles, and lays the baton down.
    fn lay_down(&mut self, lying_down: Option<&Arc<Bell>>) -> Deadline {
        let deadline = self.settle(lying_down);
        // The bells ring after the lock is free, so that a woken worker does not run into it.
        self.held = None;
        for bell in &self.to_ring {
            bell.ring();
        }
        deadline
    }

    fn held(&mut self) -> &mut Held<C> {
        self.held.as_mut().expect("held until laid down")
    }
}

impl<C: Charge> Deref for Hold<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.held.as_ref().expect("held until laid down").charge
    }
}

impl<C: Charge> DerefMut for Hold<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.held().charge
    }
}

impl<C: Charge> Drop for Hold<'_, C> {
    fn drop(&mut self) {
        if self.held.is_some() {
            self.lay_down(None);
        }
    }
}
