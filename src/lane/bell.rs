//! The one place where a thread sleeps.

use crate::sync::{Condvar, Mutex, mark};

/// One sleeper's bell: rung once, it lets one [`wait`](Bell::wait) through, whichever came first.
///
/// At most one thread waits on a bell at a time. Who may ring is decided elsewhere, by a state that says the
/// sleeper is (about to be) asleep; the bell only makes it not matter whether it has lain down yet.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<bool>,
    sound: Condvar,
}

impl Bell {
    /// A silent bell.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the present or next wait through.
    pub fn ring(&self) {
        *self.rung.lock() = true;
        self.sound.notify();
    }

    /// Sleeps until the bell has been rung since the last wait.
    pub fn wait(&self) {
        let rung = self.rung.lock();
        mark(if *rung { "rung before sleep" } else { "slept" });
        let mut rung = self.sound.wait_until(rung, |rung| *rung);
        *rung = false;
    }
}
