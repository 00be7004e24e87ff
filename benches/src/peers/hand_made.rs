//! What one would build in an afternoon.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::{self, Thread};

use crossbeam_queue::SegQueue;
use parking_lot::{Condvar, Mutex};

use crate::peers::carrier::{Field, Payload, Queue, Shared, Workload};

/// Without a bound.
pub fn unbounded<T: Payload>(field: &mut Field<impl Workload<T>>) {
    field.enter("SegQueue + park", None, Shared(Parked::<T>::new));
    field.enter("swapped Vec", None, Shared(|| Swapped::<T>::new(usize::MAX)));
}

/// For so many messages.
pub fn bounded<T: Payload>(field: &mut Field<impl Workload<T>>, bound: usize) {
    let lacks = Some("the batch that was taken out does not count towards the bound");
    field.enter("swapped Vec", lacks, Shared(move || Swapped::<T>::new(bound)));
}

/// crossbeam's lock-free queue; the consumer parks when it is empty.
struct Parked<T> {
    queue: SegQueue<T>,
    consumer: OnceLock<Thread>,
    /// Whether the consumer is to be unparked.
    asleep: AtomicBool,
    closed: AtomicBool,
}

impl<T> Parked<T> {
    fn new() -> Self {
        Self {
            queue: SegQueue::new(),
            consumer: OnceLock::new(),
            asleep: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    fn wake(&self) {
        // Either this sees that the consumer is asleep, or the consumer, which says so before it looks for the last time, sees
        // what was done before.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel) {
            self.consumer.get().expect("it says who it is before it sleeps").unpark();
        }
    }
}

impl<T: Payload> Queue<T> for Parked<T> {
    fn push(&self, message: T) {
        self.queue.push(message);
        self.wake();
    }

    fn consume(&self, each: impl Fn(T)) {
        self.consumer.get_or_init(thread::current);
        loop {
            while let Some(message) = self.queue.pop() {
                each(message);
            }
            self.asleep.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            let closed = self.closed.load(Ordering::Acquire);
            if !self.queue.is_empty() {
                self.asleep.store(false, Ordering::Relaxed);
            } else if closed {
                return;
            } else {
                while self.asleep.load(Ordering::Acquire) {
                    thread::park();
                }
            }
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }
}

/// A vector under a lock, which the consumer swaps for an empty one when it has used up the last.
struct Swapped<T> {
    bound: usize,
    state: Mutex<State<T>>,
    arrived: Condvar,
    room: Condvar,
}

struct State<T> {
    messages: Vec<T>,
    closed: bool,
    asleep: bool,
    /// Producers that wait for room.
    waiting: usize,
}

impl<T> Swapped<T> {
    fn new(bound: usize) -> Self {
        let state = State { messages: Vec::new(), closed: false, asleep: false, waiting: 0 };
        Self { bound, state: Mutex::new(state), arrived: Condvar::new(), room: Condvar::new() }
    }
}

impl<T: Payload> Queue<T> for Swapped<T> {
    fn push(&self, message: T) {
        let mut state = self.state.lock();
        while state.messages.len() >= self.bound {
            state.waiting += 1;
            self.room.wait(&mut state);
            state.waiting -= 1;
        }
        state.messages.push(message);
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.arrived.notify_one();
        }
    }

    fn consume(&self, each: impl Fn(T)) {
        let mut batch = Vec::new();
        loop {
            let mut state = self.state.lock();
            while state.messages.is_empty() {
                if state.closed {
                    return;
                }
                state.asleep = true;
                self.arrived.wait(&mut state);
            }
            std::mem::swap(&mut state.messages, &mut batch);
            let waiting = state.waiting > 0;
            drop(state);
            if waiting {
                self.room.notify_all();
            }
            batch.drain(..).for_each(&each);
        }
    }

    fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_one();
    }
}
