//! The least that wakes a thread: one futex.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use atomic_wait::{wait, wake_one};

use crate::peers::carrier::{Payload, Queue};

/// A place for one message, and the word that the consumer sleeps on.
///
/// Sleeping and waking are one system call each, by the crate `atomic-wait`. There is room for one message that is a number, and a
/// second one must not come before the first was taken.
#[derive(Debug, Default)]
pub struct RawFutex {
    message: AtomicU64,
    /// Counts messages.
    sent: AtomicU32,
}

/// Not a message: the end.
const CLOSED: u64 = u64::MAX;

impl RawFutex {
    fn put(&self, message: u64) {
        self.message.store(message, Ordering::Relaxed);
        self.sent.fetch_add(1, Ordering::Release);
        wake_one(&self.sent);
    }
}

impl<T: Payload + From<u64> + Into<u64>> Queue<T> for RawFutex {
    fn push(&self, message: T) {
        self.put(message.into());
    }

    fn consume(&self, each: impl Fn(T)) {
        for taken in 0.. {
            while self.sent.load(Ordering::Acquire) == taken {
                wait(&self.sent, taken);
            }
            match self.message.load(Ordering::Relaxed) {
                CLOSED => return,
                message => each(T::from(message)),
            }
        }
    }

    fn close(&self) {
        self.put(CLOSED);
    }
}
