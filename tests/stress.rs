//! The scenarios of `shuttle-tests/` on native threads. ThreadSanitizer watches plain memory here that only queue,
//! pool and gate synchronise: `shuttle-tests/README.md` has the command.

#[allow(dead_code, reason = "the sizes for shuttle are not used")]
#[path = "../shuttle-tests/scenarios/mod.rs"]
mod scenarios;

mod common;

use std::sync::Arc;

use common::bounded;
use scenarios::{gate, pool, queue, traffic};
use threads::Plain;

/// How many executions of each: a second or two.
const ROUNDS: usize = 120;

const POOL: pool::Size = pool::Size { items: 400, controls: 12, ..pool::Size::WIDE };
const QUEUE: queue::Size = queue::Size { messages: 400, ..queue::Size::WIDE };
const TRAFFIC: traffic::Size = traffic::Size { steps: 400, ..traffic::Size::WIDE };
const GATE: gate::Size = gate::Size { messages: 1_600, epochs: 400, ..gate::Size::WIDE };

#[test]
fn pool() {
    bounded(|| (0..ROUNDS).for_each(|_| pool::run(POOL)));
}

#[test]
fn queue() {
    bounded(|| (0..ROUNDS).for_each(|_| queue::run(QUEUE)));
}

#[test]
fn traffic() {
    bounded(|| (0..ROUNDS).for_each(|_| traffic::run(TRAFFIC)));
}

#[test]
fn gate() {
    bounded(|| (0..ROUNDS).for_each(|_| gate::run(GATE)));
}

/// What the others would look like if nothing synchronised their plain memory.
#[test]
#[ignore = "a data race: ThreadSanitizer must report it"]
fn a_race() {
    let plain = Arc::new(Plain::<usize>::default());
    let racer = Arc::clone(&plain);
    let racer = threads::spawn(move || (0..1_000).for_each(|_| racer.with(|value| *value += 1)));
    (0..1_000).for_each(|_| plain.with(|value| *value += 1));
    racer.join().expect("it does not panic");
}

/// What the scenarios run on: std.
mod threads {
    use std::cell::{Cell, UnsafeCell};
    use std::sync::atomic::{AtomicUsize, Ordering};

    pub use std::sync::mpsc::{Receiver, Sender, channel};
    pub use std::thread::{ThreadId as Id, spawn};

    pub fn id() -> Id {
        std::thread::current().id()
    }

    /// Sometimes gives up the processor, so that few cores interleave like many.
    pub fn step() {
        if below(8) == 0 {
            std::thread::yield_now();
        }
    }

    thread_local! {
        static STATE: Cell<usize> = {
            static SEED: AtomicUsize = AtomicUsize::new(0x9e37_79b9);
            Cell::new(SEED.fetch_add(0x9e37_79b9, Ordering::Relaxed))
        };
    }

    /// One of the numbers below `bound`, by xorshift.
    pub fn below(bound: usize) -> usize {
        let mut state = STATE.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        STATE.set(state);
        (state >> 16) % bound
    }

    /// Nobody counts branches here.
    pub fn mark(_label: &'static str) {}

    /// Always now: a clock that all threads read would synchronise them. What needs one is checked under shuttle.
    pub fn stamp() -> usize {
        0
    }

    /// Plain memory that only the subject synchronises.
    #[derive(Debug, Default)]
    pub struct Plain<T>(UnsafeCell<T>);

    // SAFETY: that accesses are ordered is the promise under test (P3, P4, D5, D12): if it is kept they never
    // overlap. If it is not, this is the race that ThreadSanitizer is there to report.
    unsafe impl<T: Send> Sync for Plain<T> {}

    impl<T> Plain<T> {
        pub fn with<R>(&self, access: impl FnOnce(&mut T) -> R) -> R {
            // SAFETY: as above; and `access` never comes back here, so nothing else refers to it on this thread.
            access(unsafe { &mut *self.0.get() })
        }
    }
}
