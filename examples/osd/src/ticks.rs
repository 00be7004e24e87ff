//! The daemon's clock: sends ticks to itself (Ceph: OSD::tick, heartbeat).

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use keylane::Local;

use crate::message::{OsdMessage, Tick};
use crate::osd::Osd;
use crate::stop_line::{StopLine, Woken};
use crate::trace;

/// A report to the manager every so many heartbeats.
const HEARTBEATS_PER_REPORT: u32 = 5;

/// Starts the thread that ticks until the line is raised.
pub fn start(local: Local<Osd>, every: Duration, stop: StopLine) -> io::Result<JoinHandle<()>> {
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    thread::Builder::new().name("osd-ticks".to_owned()).spawn(move || {
        for number in 1.. {
            if !matches!(stop.wait_timeout(every), Ok(Woken::TimedOut)) || !tick(&local, number) {
                return;
            }
        }
    })
}

/// False when the queue has been shut down.
pub fn tick(local: &Local<Osd>, number: u32) -> bool {
    let report = number % HEARTBEATS_PER_REPORT == 0;
    let send = |tick| {
        let message = OsdMessage::Tick(tick, number);
        trace::sends(&message);
        local.send(message).is_ok()
    };
    send(Tick::Heartbeat) && (!report || send(Tick::MgrReport))
}
