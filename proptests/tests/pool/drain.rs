//! A drain on a thread of its own, and the moment from which it is known to have begun.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use keylane::ControlError;
use keylane::testing::on_mark;
use keylane_proptests::{DrainId, Drained};

/// How long to wait for what must happen before it is called a hang.
const HANG: Duration = Duration::from_secs(20);
/// How long to look whether something happens that must not.
const GLANCE: Duration = Duration::from_micros(100);

pub struct Drain {
    id: DrainId,
    returned: Receiver<Result<(), ControlError>>,
}

impl Drain {
    /// Calls `drain` on a new thread, and comes back when every shard knows of it: what was submitted until now is
    /// its business, and nothing that will be.
    pub fn begin(id: DrainId, drain: impl FnOnce() -> Result<(), ControlError> + Send + 'static) -> Self {
        let (tell, marks) = channel();
        let returned = on_a_thread(move || {
            // Nobody listens any more once the drain is known to have begun.
            on_mark(move |label| {
                let _ = tell.send(label);
            });
            drain()
        });
        while !hear(&marks).ends_with("drain began") {}
        Self { id, returned }
    }

    pub fn id(&self) -> DrainId {
        self.id
    }

    /// Whether it goes on waiting, as it should.
    pub fn still_waits(&mut self, expected: Drained) -> bool {
        let must_return = matches!(expected, Drained::Done | Drained::Stopped);
        match (self.returns(must_return), expected) {
            (None, Drained::Waits | Drained::MayStop) => true,
            (Some(Ok(())), Drained::Done) => false,
            (Some(Err(ControlError::Stopped)), Drained::Stopped | Drained::MayStop) => false,
            (outcome, _) => panic!("P7: drain gave {outcome:?}, but should: {expected:?}"),
        }
    }

    /// What it has returned, if it has.
    pub fn returns(&self, must: bool) -> Option<Result<(), ControlError>> {
        match self.returned.recv_timeout(if must { HANG } else { GLANCE }) {
            Ok(outcome) => Some(outcome),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("P7: a drain has panicked"),
        }
    }
}

/// Starts `call` on a new thread; its outcome will be in the channel.
pub fn on_a_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (tell, outcome) = channel();
    thread::spawn(move || drop(tell.send(call())));
    outcome
}

/// Waits for what must come.
pub fn hear<T>(channel: &Receiver<T>) -> T {
    channel.recv_timeout(HANG).expect("hangs")
}
