//! The vocabulary over loom: what the models explore.
//!
//! Same surface as `native.rs`. What is added is for the models only, and is in `model`: it decides what
//! [`Word::hint`] answers and which sleepers wake for no reason, and it records what happens.

mod checking;
mod explore;
pub mod model;
mod steps;

use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::time::Duration;

use loom::sync::atomic::{AtomicUsize, Ordering};

use self::steps::step;

pub use self::checking::Moment;
pub use self::steps::note;

pub(crate) use loom::thread_local;

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
    #[track_caller]
    pub fn fetch_or(&self, bits: usize) -> usize {
        // ORDERING: AcqRel, as native.
        let before = self.value.fetch_or(bits, Ordering::AcqRel);
        step(|| format!("fetch_or({bits:#b}), was {before:#b}"));
        before
    }

    /// See `native.rs`.
    #[track_caller]
    pub fn fetch_and(&self, bits: usize) -> usize {
        // ORDERING: AcqRel, as native.
        let before = self.value.fetch_and(bits, Ordering::AcqRel);
        step(|| format!("fetch_and(!{:#b}), was {before:#b}", !bits));
        before
    }

    /// See `native.rs`.
    #[track_caller]
    pub fn fetch_add(&self, amount: usize) -> usize {
        // ORDERING: AcqRel, as native.
        let before = self.value.fetch_add(amount, Ordering::AcqRel);
        step(|| format!("fetch_add({amount:#b}), was {before:#b}"));
        before
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

/// See `native.rs`.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    held: Option<loom::sync::MutexGuard<'a, T>>,
    of: &'a loom::sync::Mutex<T>,
    /// Where it was locked, which is where a reader will look for the end of it too.
    place: &'static Location<'static>,
}

const UNPOISONED: &str = "no panic unwinds through a guard of ours";

impl<T> Mutex<T> {
    /// See `native.rs`.
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// See `native.rs`.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let held = self.0.lock().expect(UNPOISONED);
        step(|| "locks".to_owned());
        MutexGuard { held: Some(held), of: &self.0, place: Location::caller() }
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
        self.held.as_ref().expect("held until dropped")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("held until dropped")
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        steps::step_at(self.place, || "unlocks".to_owned());
    }
}

/// See `native.rs`.
#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    /// See `native.rs`. Wakes for no reason where the model's plan says so.
    #[track_caller]
    pub fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut ready: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while !ready(&mut guard) {
            step(|| "sleeps".to_owned());
            let held = guard.held.take().expect("held until dropped");
            guard.held = Some(if model::wakes_for_no_reason() {
                mark("woke for no reason");
                drop(held);
                guard.of.lock().expect(UNPOISONED)
            } else {
                self.0.wait(held).expect(UNPOISONED)
            });
            step(|| "wakes".to_owned());
        }
        guard
    }

    /// See `native.rs`. What has a deadline gives up, at every moment that makes a difference: to let go of the lock
    /// and to want it again is all that a sleeper does, and loom puts the second anywhere behind the first, before or
    /// after a notify. Where the model says that deadlines do not pass this is `wait_until`, and a notify that is
    /// missing a deadlock.
    #[track_caller]
    pub fn wait_until_or_give_up<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Deadline,
        mut ready: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        if !deadline.0 || !model::deadlines_pass() {
            return self.wait_until(guard, ready);
        }
        if !ready(&mut guard) {
            step(|| "sleeps, up to its deadline".to_owned());
            drop(guard.held.take());
            guard.held = Some(guard.of.lock().expect(UNPOISONED));
            mark(if ready(&mut guard) { "woken in time" } else { "gave up" });
        }
        guard
    }

    /// See `native.rs`.
    #[track_caller]
    pub fn notify(&self) {
        self.0.notify_one();
        step(|| "notifies".to_owned());
    }
}

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
    pub use loom::thread::{JoinHandle, Thread, current};

    /// See `native.rs`.
    #[track_caller]
    pub fn spawn<F, T>(name: String, body: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        super::step(|| format!("starts {name}"));
        loom::thread::Builder::new().name(name).spawn(body)
    }

    /// See `native.rs`. It has none.
    pub fn os_id() -> Option<u32> {
        None
    }
}

/// Records that the branch called `label` was taken somewhere in this exploration.
#[track_caller]
pub fn mark(label: &'static str) {
    model::record(label);
    step(|| format!("({label})"));
}
