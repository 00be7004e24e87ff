//! The one place where a thread sleeps.

use crate::sync::{Condvar, Deadline, Mutex, mark, took};

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
        {
            let mut rung = self.rung.lock();
            *rung = true;
            took(self, "ring", 0);
        }
        self.sound.notify();
    }

    /// Whether it has been rung since the last wait.
    pub fn is_rung(&self) -> bool {
        *self.rung.lock()
    }

    /// Sleeps until the bell has been rung since the last wait.
    pub fn wait(&self) {
        let rung = self.rung.lock();
        mark(if *rung { "rung before sleep" } else { "slept" });
        let mut rung = self.sound.wait_until(rung, |rung| *rung);
        took(self, "hear", u64::from(*rung));
        *rung = false;
    }

    /// The same, but may give up once `deadline` has passed. It does not say which: whoever comes back asks the state
    /// that decides who rings. A ring that comes later lets the next wait through.
    pub fn wait_or_give_up(&self, deadline: Deadline) {
        let rung = self.rung.lock();
        mark(if *rung { "rung before sleep" } else { "slept" });
        let mut rung = self.sound.wait_until_or_give_up(rung, deadline, |rung| *rung);
        took(self, "hear", u64::from(*rung));
        *rung = false;
    }
}
