//! What a scenario writes down while it runs. Relaxed std atomics: they add neither scheduling points under
//! shuttle nor happens-before under ThreadSanitizer, so the subject alone must synchronise.
//!
//! A promise that is seen broken inside a callback is noted and not asserted: the subject isolates panics of
//! callbacks, and would go on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use crate::threads;

/// What the caller was told about a piece of work.
const UNKNOWN: u8 = 0;
const ACCEPTED: u8 = 1;
const REFUSED: u8 = 2;

/// One piece of work, by its number.
pub struct Slot {
    told: AtomicU8,
    begun: AtomicUsize,
    ended: AtomicUsize,
    ran: AtomicUsize,
    handed_back: AtomicUsize,
}

/// See the module's documentation.
pub struct Ledger {
    pub slots: Box<[Slot]>,
    /// Somebody is about to call shutdown, or has.
    stopping: AtomicBool,
    /// A call of shutdown has returned.
    stopped: AtomicBool,
    /// `join` has returned.
    joined: AtomicBool,
    broken: OnceLock<String>,
}

impl Slot {
    fn new() -> Self {
        Self {
            told: AtomicU8::new(UNKNOWN),
            begun: AtomicUsize::new(0),
            ended: AtomicUsize::new(usize::MAX),
            ran: AtomicUsize::new(0),
            handed_back: AtomicUsize::new(0),
        }
    }

    /// Whether the call that handed it in has returned, and took it.
    pub fn was_accepted(&self) -> bool {
        self.told.load(Ordering::Acquire) == ACCEPTED
    }

    /// When the call that handed it in began.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// When the call that handed it in ended; the end of time if it has not.
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    /// Whether the call that handed it in has returned.
    pub fn has_returned(&self) -> bool {
        self.told.load(Ordering::Relaxed) != UNKNOWN
    }

    pub fn has_run(&self) -> bool {
        self.ran.load(Ordering::Relaxed) > 0
    }

    /// Whether its callback has ended, or it has come back.
    pub fn has_fate(&self) -> bool {
        self.has_run() || self.handed_back.load(Ordering::Relaxed) > 0
    }

    /// At the end of its callback.
    pub fn run(&self) {
        self.ran.fetch_add(1, Ordering::Relaxed);
    }

    pub fn hand_back(&self) {
        self.handed_back.fetch_add(1, Ordering::Relaxed);
    }
}

impl Ledger {
    pub fn new(slots: usize) -> Self {
        Self {
            slots: (0..slots).map(|_| Slot::new()).collect(),
            stopping: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            joined: AtomicBool::new(false),
            broken: OnceLock::new(),
        }
    }

    /// Notes that `promise` is broken unless it is `kept`. The first one stays.
    pub fn promise(&self, kept: bool, promise: &str) {
        if !kept {
            let _ = self.broken.set(promise.to_owned());
        }
    }

    /// Hands in work number `id`; `call` says whether it was taken.
    pub fn hand_in(&self, id: usize, call: impl FnOnce() -> bool) -> bool {
        let slot = &self.slots[id];
        let stopped = self.stopped.load(Ordering::Acquire);
        slot.begun.store(threads::stamp(), Ordering::Relaxed);
        let taken = call();
        if taken {
            slot.ended.store(threads::stamp(), Ordering::Relaxed);
            self.promise(!stopped, "D10, P8, E5: refused once shutdown has returned");
        } else {
            self.promise(self.is_stopping(), "D1, P1, E5: accepted as long as nobody stops it");
        }
        slot.told.store(if taken { ACCEPTED } else { REFUSED }, Ordering::Release);
        taken
    }

    pub fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Wraps each call that stops.
    pub fn stop<T>(&self, call: impl FnOnce() -> T) -> T {
        self.stopping.store(true, Ordering::Relaxed);
        let done = call();
        self.stopped.store(true, Ordering::Release);
        done
    }

    /// After `join` has returned.
    pub fn join(&self) {
        self.joined.store(true, Ordering::Relaxed);
    }

    /// At the beginning and at the end of every callback.
    pub fn callback(&self) {
        self.promise(
            !self.joined.load(Ordering::Relaxed),
            "D10, P8: no callback runs once join has returned",
        );
    }

    /// Fails if a promise has been broken, or some work has not had exactly one fate.
    pub fn settle(&self) {
        for (id, slot) in self.slots.iter().enumerate() {
            let fates = slot.ran.load(Ordering::Relaxed) + slot.handed_back.load(Ordering::Relaxed);
            let expected = usize::from(slot.was_accepted());
            self.promise(fates == expected, &format!("D1, P1, E5: one fate if accepted; {id} had {fates}"));
        }
        if let Some(broken) = self.broken.get() {
            panic!("broken: {broken}");
        }
    }
}
