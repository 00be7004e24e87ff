//! The right to run a shard's policy, and the bench of the workers that sleep meanwhile.

use std::ops::{Deref, DerefMut};

use crate::lane::Bell;
use crate::sync::{Mutex, MutexGuard, mark};

/// What is run under a baton.
pub trait Charge {
    /// How many items could start this moment, each on a worker of its own.
    fn runnable(&self) -> usize;

    /// Takes in what has arrived. If nothing had, and `lie_down` is set, the next arrival will have the
    /// baton taken up and laid down again. True if something had arrived.
    fn take_in(&mut self, lie_down: bool) -> bool;
}

/// A lock around a [`Charge`], and a bell for each worker.
///
/// The baton's law, kept by [`Hold`]'s drop: **whoever lays it down leaves no runnable item without a worker
/// that is up, as long as one sleeps; and if some still sleep, the inbox knows.**
#[derive(Debug)]
pub struct Baton<C> {
    held: Mutex<Held<C>>,
    bells: Box<[Bell]>,
}

#[derive(Debug)]
struct Held<C> {
    charge: C,
    /// Workers on the bench, the latest last: it is woken first, its cache is warm.
    bench: Vec<usize>,
    /// Workers taken off the bench that have not taken up the baton yet.
    waking: usize,
}

/// The baton in hand. Dropping it settles and lays it down.
#[derive(Debug)]
pub struct Hold<'a, C: Charge> {
    held: Option<MutexGuard<'a, Held<C>>>,
    bells: &'a [Bell],
    to_ring: Vec<usize>,
}

impl<C: Charge> Baton<C> {
    /// A baton for `workers` workers, numbered from 0, all of them up.
    pub fn new(charge: C, workers: usize) -> Self {
        Self {
            held: Mutex::new(Held { charge, bench: Vec::with_capacity(workers), waking: 0 }),
            bells: (0..workers).map(|_| Bell::new()).collect(),
        }
    }

    /// Waits for the baton and takes it up.
    pub fn take_up(&self) -> Hold<'_, C> {
        Hold { held: Some(self.held.lock()), bells: &self.bells, to_ring: Vec::new() }
    }

    /// Takes up the baton and lays it down, which settles: what a producer does that found the inbox asleep.
    pub fn nudge(&self) {
        drop(self.take_up());
    }

    /// Lays the baton down, sleeps on the bench until woken, and takes it up again.
    pub fn sleep<'a>(&'a self, mut hold: Hold<'a, C>, worker: usize) -> Hold<'a, C> {
        hold.held().bench.push(worker);
        drop(hold);
        self.bells[worker].wait();
        let mut hold = self.take_up();
        hold.held().waking -= 1;
        hold
    }
}

impl<C: Charge> Hold<'_, C> {
    /// Takes every worker off the bench, whatever there is to do.
    pub fn wake_all(&mut self) {
        let sleepers = self.held().bench.len();
        self.wake(sleepers);
    }

    fn wake(&mut self, count: usize) {
        let held = self.held.as_mut().expect("held until dropped");
        held.waking += count;
        let awake = held.bench.len() - count;
        self.to_ring.extend(held.bench.drain(awake..));
    }

    /// Establishes the law. Ends: each further round has taken in at least one arrival.
    fn settle(&mut self) {
        loop {
            let held = self.held();
            let uncovered = held.charge.runnable().saturating_sub(held.waking);
            let count = uncovered.min(held.bench.len());
            (0..count).for_each(|_| mark("woken for an item"));
            self.wake(count);
            let held = self.held();
            if held.bench.is_empty() || !held.charge.take_in(true) {
                return;
            }
            mark("arrived while settling");
        }
    }

    fn held(&mut self) -> &mut Held<C> {
        self.held.as_mut().expect("held until dropped")
    }
}

impl<C: Charge> Deref for Hold<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.held.as_ref().expect("held until dropped").charge
    }
}

impl<C: Charge> DerefMut for Hold<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.held().charge
    }
}

impl<C: Charge> Drop for Hold<'_, C> {
    fn drop(&mut self) {
        self.settle();
        // The bells ring after the lock is free, so that a woken worker does not run into it.
        self.held = None;
        for &worker in &self.to_ring {
            self.bells[worker].ring();
        }
    }
}
