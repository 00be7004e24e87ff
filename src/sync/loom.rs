//! The vocabulary over loom: what the models explore.
//!
//! Same surface as `native.rs`. Two things are added, for the models only: [`model::Hints`] decides what
//! [`Word::hint`] answers, and [`mark`] records which branches an exploration has reached.

use loom::sync::atomic::{AtomicUsize, Ordering};

pub use loom::sync::MutexGuard;
pub(crate) use loom::thread_local;

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
        // ORDERING: AcqRel, as native.
        self.value.fetch_or(bits, Ordering::AcqRel)
    }

    /// See `native.rs`.
    pub fn fetch_and(&self, bits: usize) -> usize {
        // ORDERING: AcqRel, as native.
        self.value.fetch_and(bits, Ordering::AcqRel)
    }

    /// See `native.rs`.
    pub fn fetch_add(&self, amount: usize) -> usize {
        // ORDERING: AcqRel, as native.
        self.value.fetch_add(amount, Ordering::AcqRel)
    }

    /// See `native.rs`.
    pub fn fetch_sub(&self, amount: usize) -> usize {
        // ORDERING: AcqRel, as native.
        self.value.fetch_sub(amount, Ordering::AcqRel)
    }

    /// The oldest or the newest value, as the model has chosen: never a Relaxed load, of which loom loses
    /// executions.
    pub fn hint(&self) -> usize {
        match model::hints() {
            model::Hints::Oldest => self.oldest,
            // ORDERING: AcqRel, so that loom sees a dependent access and explores both sides of it.
            model::Hints::Newest => self.value.fetch_add(0, Ordering::AcqRel),
        }
    }
}

/// See `native.rs`.
#[derive(Debug)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// See `native.rs`.
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// See `native.rs`.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("no panic unwinds through a guard of ours")
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// See `native.rs`.
#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    /// See `native.rs`.
    pub fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut ready: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while !ready(&mut guard) {
            guard = self.0.wait(guard).expect("no panic unwinds through a guard of ours");
        }
        guard
    }

    /// See `native.rs`.
    pub fn notify(&self) {
        self.0.notify_one();
    }
}

/// See `native.rs`.
pub mod thread {
    pub use loom::thread::JoinHandle;

    /// See `native.rs`.
    pub fn spawn<F, T>(name: String, body: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        loom::thread::Builder::new().name(name).spawn(body)
    }
}

/// Records that the branch called `label` was taken somewhere in this exploration.
pub fn mark(label: &'static str) {
    model::record(label);
}

/// What a model sets before, and reads after, an exploration. One exploration runs on one OS thread, so
/// plain std thread-locals hold it without loom seeing (or ordering) anything.
pub mod model {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    /// The two extremes a hint may answer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Hints {
        /// The value the word was born with: the stalest possible.
        Oldest,
        /// The value it holds now.
        Newest,
    }

    std::thread_local! {
        static HINTS: Cell<Hints> = const { Cell::new(Hints::Oldest) };
        static MARKS: RefCell<BTreeMap<&'static str, usize>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Chooses what hints answer in the explorations that follow on this thread.
    pub fn set_hints(hints: Hints) {
        HINTS.with(|cell| cell.set(hints));
    }

    pub(super) fn hints() -> Hints {
        HINTS.with(Cell::get)
    }

    pub(super) fn record(label: &'static str) {
        MARKS.with(|marks| *marks.borrow_mut().entry(label).or_insert(0) += 1);
    }

    /// How often the branch called `label` has been taken since [`take_marks`], in all interleavings together.
    pub fn times(label: &'static str) -> usize {
        MARKS.with(|marks| marks.borrow().get(label).copied().unwrap_or(0))
    }

    /// Returns, and forgets, how often each branch was taken since the last call on this thread.
    pub fn take_marks() -> BTreeMap<&'static str, usize> {
        MARKS.with(|marks| std::mem::take(&mut *marks.borrow_mut()))
    }
}
