//! A mutex with the condition variable of one waiter, of two makes.

use std::sync;

use parking_lot::{Condvar, Mutex};

/// See the module's documentation.
pub trait Monitor: Send + Sync + 'static {
    /// What the mutex protects.
    type State;

    /// Nobody waits.
    fn new(state: Self::State) -> Self;

    /// Does something under the lock.
    fn with<R>(&self, change: impl FnOnce(&mut Self::State) -> R) -> R;

    /// Does something under the lock for which it may have to wait: until it is `Some`.
    fn until<R>(&self, ready: impl FnMut(&mut Self::State) -> Option<R>) -> R;

    /// Lets the one that waits look again.
    fn notify(&self);
}

/// Of the standard library.
#[derive(Debug)]
pub struct Std<S>(sync::Mutex<S>, sync::Condvar);

/// Of parking_lot.
#[derive(Debug)]
pub struct ParkingLot<S>(Mutex<S>, Condvar);

impl<S: Send + 'static> Monitor for Std<S> {
    type State = S;

    fn new(state: S) -> Self {
        Self(sync::Mutex::new(state), sync::Condvar::new())
    }

    fn with<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        change(&mut self.0.lock().expect("nobody panics under it"))
    }

    fn until<R>(&self, mut ready: impl FnMut(&mut S) -> Option<R>) -> R {
        let mut state = self.0.lock().expect("nobody panics under it");
        loop {
            match ready(&mut state) {
                Some(result) => return result,
                None => state = self.1.wait(state).expect("nobody panics under it"),
            }
        }
    }

    fn notify(&self) {
        self.1.notify_one();
    }
}

impl<S: Send + 'static> Monitor for ParkingLot<S> {
    type State = S;

    fn new(state: S) -> Self {
        Self(Mutex::new(state), Condvar::new())
    }

    fn with<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        change(&mut self.0.lock())
    }

    fn until<R>(&self, mut ready: impl FnMut(&mut S) -> Option<R>) -> R {
        let mut state = self.0.lock();
        loop {
            match ready(&mut state) {
                Some(result) => return result,
                None => self.1.wait(&mut state),
            }
        }
    }

    fn notify(&self) {
        self.1.notify_one();
    }
}
