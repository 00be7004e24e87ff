//! What the tests share: a bound on every wait, so that a hang is a failure, and a round of threads.

#![allow(dead_code, reason = "each test uses its own part of it")]

pub mod figures;
pub mod runner;
pub mod zipf;

use std::sync::Barrier;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Far longer than anything here takes. Only a hang is ever measured against it.
const HANG: Duration = Duration::from_secs(120);

/// Runs `test` and returns when it does; fails if it hangs.
pub fn bounded(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = channel();
    let thread = thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match ended.recv_timeout(HANG) {
        Err(RecvTimeoutError::Timeout) => panic!("hangs"),
        // A test that panicked has dropped its end: the panic comes out of the join.
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }
}

/// Waits for the next thing said; fails if nobody says any.
pub fn hear<T>(channel: &Receiver<T>) -> T {
    channel.recv_timeout(HANG).expect("hangs, or nobody is left to speak")
}

/// Runs `body` on `count` threads that start together, each given its number; their results, by number.
pub fn together<T: Send>(count: usize, body: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let (start, body) = (&start, &body);
        let threads: Vec<_> = (0..count)
            .map(|number| {
                scope.spawn(move || {
                    start.wait();
                    body(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
