//! Policies in sequential code, and two ways to bring messages to them: under the lock of all producers, and out of a swapped vector.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::peers::carrier::{Payload, Queue};
use crate::peers::monitor::Monitor;

/// Who is next.
pub trait Policy<T>: Send + 'static {
    /// Adds a message.
    fn push(&mut self, message: T);

    /// Takes the message whose turn it is.
    fn pop(&mut self) -> Option<T>;
}

/// A policy under the one lock of producers and consumer, as in Ceph's `DispatchQueue`; but the consumer is notified only when it
/// sleeps.
#[derive(Debug)]
pub struct Locked<M>(M);

/// What that lock protects.
#[derive(Debug)]
pub struct State<P> {
    policy: P,
    closed: bool,
    asleep: bool,
}

impl<P, M: Monitor<State = State<P>>> Locked<M> {
    /// Nothing waits.
    pub fn new(policy: P) -> Self {
        Self(M::new(State { policy, closed: false, asleep: false }))
    }

    fn change(&self, change: impl FnOnce(&mut State<P>)) {
        let asleep = self.0.with(|state| {
            change(state);
            mem::take(&mut state.asleep)
        });
        if asleep {
            self.0.notify();
        }
    }
}

impl<T: Payload, P: Policy<T>, M: Monitor<State = State<P>>> Queue<T> for Locked<M> {
    fn push(&self, message: T) {
        self.change(|state| state.policy.push(message));
    }

    fn consume(&self, each: impl Fn(T)) {
        let next = |state: &mut State<P>| match state.policy.pop() {
            None if !state.closed => {
                state.asleep = true;
                None
            }
            picked => Some(picked),
        };
        while let Some(message) = self.0.until(next) {
            each(message);
        }
    }

    fn close(&self) {
        self.change(|state| state.closed = true);
    }
}

/// A vector under a lock that the consumer swaps for an empty one before each pick, if something has arrived; and a policy that only
/// the consumer knows.
#[derive(Debug)]
pub struct SwappedInto<T, P> {
    arrivals: Mutex<Arrivals<T>>,
    /// Something is in the vector: so that a pick needs no lock when nothing is.
    news: AtomicBool,
    arrived: Condvar,
    /// Locked once, by the consumer.
    policy: Mutex<P>,
}

#[derive(Debug)]
struct Arrivals<T> {
    messages: Vec<T>,
    closed: bool,
    asleep: bool,
}

impl<T, P> SwappedInto<T, P> {
    /// Nothing waits.
    pub fn new(policy: P) -> Self {
        Self {
            arrivals: Mutex::new(Arrivals { messages: Vec::new(), closed: false, asleep: false }),
            news: AtomicBool::new(false),
            arrived: Condvar::new(),
            policy: Mutex::new(policy),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Arrivals<T>)) {
        let mut arrivals = self.arrivals.lock();
        change(&mut arrivals);
        let asleep = mem::take(&mut arrivals.asleep);
        drop(arrivals);
        if asleep {
            self.arrived.notify_one();
        }
    }
}

impl<T: Payload, P: Policy<T>> Queue<T> for SwappedInto<T, P> {
    fn push(&self, message: T) {
        self.change(|arrivals| {
            if arrivals.messages.is_empty() {
                self.news.store(true, Ordering::Release);
            }
            arrivals.messages.push(message);
        });
    }

    fn consume(&self, each: impl Fn(T)) {
        let mut policy = self.policy.lock();
        let mut batch = Vec::new();
        loop {
            // What was pushed before this look, by whoever is known to have done so, is seen.
            if self.news.load(Ordering::Acquire) {
                let mut arrivals = self.arrivals.lock();
                self.news.store(false, Ordering::Relaxed);
                mem::swap(&mut arrivals.messages, &mut batch);
                drop(arrivals);
                batch.drain(..).for_each(|message| policy.push(message));
            }
            if let Some(message) = policy.pop() {
                each(message);
                continue;
            }
            let mut arrivals = self.arrivals.lock();
            while arrivals.messages.is_empty() {
                if arrivals.closed {
                    return;
                }
                arrivals.asleep = true;
                self.arrived.wait(&mut arrivals);
            }
        }
    }

    fn close(&self) {
        self.change(|arrivals| arrivals.closed = true);
    }
}
