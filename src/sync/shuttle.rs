//! The vocabulary over shuttle: what the sampled schedules run.
//!
//! Same surface as `native.rs`. shuttle is sequentially consistent, and by the theorem in `README.md` so is this
//! crate, so nothing is lost. Two choices are drawn from shuttle's own random numbers, and so belong to the
//! schedule and come back when it is replayed: what a hint answers, and whether a waiter wakes for no reason.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::AtomicUsize;

pub(crate) use shuttle::thread_local;

/// Threads change places at operations of the vocabulary, and nowhere else.
#[cfg(feature = "trace")]
pub(crate) const SIMULATED: bool = true;

/// See `native.rs`.
#[derive(Debug)]
pub struct Word {
    value: AtomicUsize,
    oldest: usize,
}

impl Word {
    /// See `native.rs`.
    pub fn new(value: usize) -> Self {
        Self { value: AtomicUsize::new(value), oldest: value }
    }

    /// See `native.rs`.
    pub fn fetch_or(&self, bits: usize) -> usize {
        // ORDERING: AcqRel, as native; shuttle makes it SeqCst.
        self.value.fetch_or(bits, Ordering::AcqRel)
    }

    /// See `native.rs`.
    pub fn fetch_and(&self, bits: usize) -> usize {
        // ORDERING: AcqRel, as native; shuttle makes it SeqCst.
        self.value.fetch_and(bits, Ordering::AcqRel)
    }

    /// See `native.rs`.
    pub fn fetch_add(&self, amount: usize) -> usize {
        // ORDERING: AcqRel, as native; shuttle makes it SeqCst.
        self.value.fetch_add(amount, Ordering::AcqRel)
    }

    /// The oldest or the newest value, drawn each time.
    pub fn hint(&self) -> usize {
        if thread_rng().gen_bool(0.5) {
            return self.oldest;
        }
        // ORDERING: Relaxed, as native; shuttle answers with the newest value.
        self.value.load(Ordering::Relaxed)
    }
}

/// See `native.rs`.
#[derive(Debug)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

/// A lock in hand. It knows its mutex, so that [`Condvar`] can let go of it and take it again.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    guard: shuttle::sync::MutexGuard<'a, T>,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    /// See `native.rs`.
    pub fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    /// See `native.rs`. Poison is ignored, and need not mean anything: shuttle's threads share one OS thread and
    /// so one count of panics, and what one of them unlocks while another unwinds is poisoned.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        MutexGuard { guard, mutex: self }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// See `native.rs`.
#[derive(Debug, Default)]
pub struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    /// See `native.rs`.
    pub fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut ready: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while !ready(&mut guard) {
            guard = self.wait(guard);
        }
        guard
    }

    /// Waits to be notified, or wakes spuriously, as condition variables may and shuttle's never does: then it
    /// lets go of the lock, and wants it again at once or (schedulers with priorities take a yield for that) when
    /// others have had their turn.
    fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let MutexGuard { guard, mutex } = guard;
        if model::draws_spurious_wake() {
            drop(guard);
            if thread_rng().gen_bool(0.5) {
                shuttle::thread::yield_now();
            }
            return mutex.lock();
        }
        let guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
        MutexGuard { guard, mutex }
    }

    /// See `native.rs`. Gives up at a moment that is drawn.
    pub fn wait_until_or_give_up<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Deadline,
        mut ready: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        if !deadline.0 {
            return self.wait_until(guard, ready);
        }
        while !ready(&mut guard) {
            let mutex = guard.mutex;
            drop(guard);
            shuttle::thread::yield_now();
            guard = mutex.lock();
            if thread_rng().gen_ratio(1, LOOKS_BEFORE_GIVING_UP) {
                break;
            }
        }
        guard
    }

    /// See `native.rs`.
    pub fn notify(&self) {
        self.0.notify_one();
    }
}

/// How often a wait with a deadline looks, on average, before it gives up.
const LOOKS_BEFORE_GIVING_UP: u32 = 4;

/// See `native.rs`. Whether it may pass.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(bool);

impl Deadline {
    /// See `native.rs`.
    pub const NEVER: Self = Self(false);

    /// See `native.rs`. How long does not matter: it may pass at any moment.
    pub fn after(_wait: Duration) -> Self {
        Self(true)
    }

    /// See `native.rs`.
    pub fn sooner(self, other: Self) -> Self {
        Self(self.0 || other.0)
    }
}

/// See `native.rs`.
pub mod thread {
    pub use shuttle::thread::{JoinHandle, Thread, current};

    /// See `native.rs`.
    pub fn spawn<F, T>(name: String, body: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        shuttle::thread::Builder::new().name(name).spawn(body)
    }

    /// See `native.rs`. It has none.
    pub fn os_id() -> Option<u32> {
        None
    }
}

/// Records that the branch called `label` was taken in some schedule.
pub fn mark(label: &'static str) {
    model::record(label);
}

/// What a sampling sets before, and reads after. All its threads share one OS thread, so plain std
/// thread-locals hold it without shuttle seeing anything.
pub mod model {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use shuttle::rand::{Rng, thread_rng};

    /// Of this many waits one wakes spuriously, unless the sampling says otherwise.
    const WAITS_FOR_EACH_SPURIOUS_WAKE: u32 = 4;

    std::thread_local! {
        static SPURIOUS: Cell<bool> = const { Cell::new(true) };
        static SPURIOUS_WAKES: Cell<u64> = const { Cell::new(0) };
        static MARKS: RefCell<BTreeMap<&'static str, usize>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Whether the schedules that follow on this thread have spurious wake-ups. They do unless told.
    pub fn set_spurious_wakes(spurious: bool) {
        SPURIOUS.set(spurious);
    }

    pub(super) fn draws_spurious_wake() -> bool {
        let spurious = SPURIOUS.get() && thread_rng().gen_ratio(1, WAITS_FOR_EACH_SPURIOUS_WAKE);
        SPURIOUS_WAKES.set(SPURIOUS_WAKES.get() + u64::from(spurious));
        spurious
    }

    /// Returns, and forgets, how many spurious wake-ups there were since the last call on this thread.
    pub fn take_spurious_wakes() -> u64 {
        SPURIOUS_WAKES.take()
    }

    pub(super) fn record(label: &'static str) {
        MARKS.with_borrow_mut(|marks| *marks.entry(label).or_insert(0) += 1);
    }

    /// Returns, and forgets, how often each branch was taken since the last call on this thread.
    pub fn take_marks() -> BTreeMap<&'static str, usize> {
        MARKS.take()
    }
}
