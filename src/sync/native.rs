//! The vocabulary over std, parking_lot and crossbeam-utils: what ships.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

pub use parking_lot::MutexGuard;
pub(crate) use std::thread_local;

/// Threads are the system's: they may change places anywhere.
#[cfg(feature = "trace")]
pub(crate) const SIMULATED: bool = false;

/// An atomic word whose every operation a decision may rest on is an AcqRel read-modify-write.
#[derive(Debug)]
pub struct Word(CachePadded<AtomicUsize>);

impl Word {
    /// A word holding `value`.
    pub fn new(value: usize) -> Self {
        Self(CachePadded::new(AtomicUsize::new(value)))
    }

    /// Sets `bits` and returns what was there before.
    pub fn fetch_or(&self, bits: usize) -> usize {
        // ORDERING: AcqRel, the only one offered (V1). Pairs with every other read-modify-write of this word;
        // weaker, and the word's modification order no longer orders what its users did before and after.
        self.0.fetch_or(bits, Ordering::AcqRel)
    }

    /// Keeps only `bits` and returns what was there before.
    pub fn fetch_and(&self, bits: usize) -> usize {
        // ORDERING: AcqRel, as in `fetch_or`.
        self.0.fetch_and(bits, Ordering::AcqRel)
    }

    /// Adds `amount` and returns what was there before.
    pub fn fetch_add(&self, amount: usize) -> usize {
        // ORDERING: AcqRel, as in `fetch_or`.
        self.0.fetch_add(amount, Ordering::AcqRel)
    }

    /// Some value the word has held, perhaps an old one (V2): whatever it says must be harmless.
    pub fn hint(&self) -> usize {
        // ORDERING: Relaxed. Pairs with nothing and orders nothing, on purpose: callers may not depend on it,
        // and the models answer it with the oldest and the newest value.
        self.0.load(Ordering::Relaxed)
    }
}

/// A blocking lock. A panic while it is held releases it; nothing is poisoned.
#[derive(Debug, Default)]
pub struct Mutex<T>(parking_lot::Mutex<T>);

impl<T> Mutex<T> {
    /// A lock around `value`.
    pub fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    /// Waits for the lock and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock()
    }
}

/// Where at most one thread at a time waits for a predicate over the state of one [`Mutex`] (V3).
#[derive(Debug, Default)]
pub struct Condvar(parking_lot::Condvar);

impl Condvar {
    /// Releases the lock and sleeps until `ready` holds; returns with the lock held.
    pub fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut ready: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while !ready(&mut guard) {
            self.0.wait(&mut guard);
        }
        guard
    }

    /// The same, but may give up once `deadline` has passed (V4): returns with the lock held, whether `ready` holds or
    /// not. What to do then is for the state to say.
    pub fn wait_until_or_give_up<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Deadline,
        mut ready: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        let Deadline(Some(instant)) = deadline else {
            return self.wait_until(guard, ready);
        };
        while !ready(&mut guard) && !self.0.wait_until(&mut guard, instant).timed_out() {}
        guard
    }

    /// Wakes the waiter, if there is one. Call it with the lock held or after changing the state under it.
    pub fn notify(&self) {
        self.0.notify_one();
    }
}

/// When a wait may end without what it waited for.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// It may not.
    pub const NEVER: Self = Self(None);

    /// In so long from now. What no clock can tell is never.
    pub fn after(wait: Duration) -> Self {
        Self(Instant::now().checked_add(wait))
    }

    /// The one of the two that passes first.
    pub fn sooner(self, other: Self) -> Self {
        Self(self.0.into_iter().chain(other.0).min())
    }
}

/// Threads: spawn with a name, join.
pub mod thread {
    pub use std::thread::{JoinHandle, Thread, current};

    /// Starts a thread called `name`.
    ///
    /// # Errors
    /// Whatever the operating system says when it cannot start one.
    pub fn spawn<F, T>(name: String, body: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        std::thread::Builder::new().name(name).spawn(body)
    }

    std::thread_local! {
        /// Asked once.
        static OS_ID: Option<u32> = {
            let task = std::fs::read_link("/proc/thread-self").ok();
            task.and_then(|task| task.file_name()?.to_str()?.parse().ok())
        };
    }

    /// What the operating system calls this thread: on Linux, and where it can be asked in safe code.
    pub fn os_id() -> Option<u32> {
        OS_ID.try_with(|id| *id).ok().flatten()
    }
}

/// Tells the model that the branch called `label` was taken. Nothing, natively, unless a test listens.
#[inline(always)]
pub fn mark(_label: &'static str) {
    #[cfg(feature = "testing")]
    listening::hear(_label);
}

#[cfg(feature = "testing")]
pub use listening::on_mark;

/// How native tests know that another thread has come to a place that only marks show.
#[cfg(feature = "testing")]
mod listening {
    use std::cell::RefCell;

    type Listener = Box<dyn FnMut(&'static str)>;

    std::thread_local! {
        static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
    }

    /// From now on calls `listener` with the label of each mark that the calling thread passes, at that place: it must
    /// not wait, and must not use keylane. In models `Model::reaches` tells which marks were passed.
    pub fn on_mark(listener: impl FnMut(&'static str) + 'static) {
        LISTENER.set(Some(Box::new(listener)));
    }

    pub(super) fn hear(label: &'static str) {
        // A pool may be dropped with its thread, after the listener was.
        let _ = LISTENER.try_with(|listener| {
            if let Some(listener) = listener.borrow_mut().as_mut() {
                listener(label);
            }
        });
    }
}

/// Notes a step for who reads a replayed interleaving. Nothing, natively.
#[cfg(feature = "testing")]
#[inline(always)]
pub fn note(_what: impl FnOnce() -> String) {}

/// A step of a model. Nothing, natively.
#[cfg(feature = "testing")]
#[derive(Debug, Default)]
pub struct Moment;

#[cfg(feature = "testing")]
impl Moment {
    /// One of its own.
    pub fn new() -> Self {
        Self
    }

    /// Nothing.
    pub fn pass(&self) {}
}
