//! What the daemon sees of its own queue.

use std::time::Duration;

use keylane::{QueueHandle, QueueSnapshot};
use parking_lot::Mutex;

use crate::osd::Osd;

/// The queue, for the dispatcher that is part of it: shut before the queue is there and when it ends, as the two would
/// keep each other alive.
#[derive(Default)]
pub struct QueueView(Mutex<Option<QueueHandle<Osd>>>);

impl QueueView {
    pub fn open(&self, queue: QueueHandle<Osd>) {
        *self.0.lock() = Some(queue);
    }

    pub fn close(&self) {
        *self.0.lock() = None;
    }

    pub fn snapshot(&self) -> Option<QueueSnapshot> {
        let queue = self.0.lock().clone();
        queue.map(|queue| queue.snapshot())
    }
}

/// A queue's figures and their names, for INFO.
pub fn figures(snapshot: &QueueSnapshot) -> impl Iterator<Item = (&'static str, u64)> + use<> {
    let QueueSnapshot { queued, local, .. } = snapshot;
    let throttle =
        |figure: fn(&keylane::ThrottleSnapshot) -> u64| snapshot.throttle.as_ref().map_or(0, figure);
    [
        ("connections", snapshot.connections as u64),
        ("fast", snapshot.fast),
        ("unhandled", snapshot.unhandled),
        ("accepted", queued.accepted),
        ("depth", queued.depth()),
        ("oldest_ms", millis(queued.oldest)),
        ("dispatched", queued.dispatched),
        ("discarded", queued.discarded),
        ("handed_back", queued.handed_back),
        ("raised", queued.raised),
        ("told", queued.told),
        ("untold", queued.untold),
        ("wakes", queued.wakes),
        ("local_sent", local.sent),
        ("local_depth", local.depth),
        ("local_oldest_ms", millis(local.oldest)),
        ("local_fast", local.fast),
        ("local_passed_on", local.passed_on),
        ("local_lost", local.lost),
        ("local_handed_back", local.handed_back),
        ("local_wakes", local.wakes),
        ("permits", throttle(|throttle| throttle.count)),
        ("permit_bytes", throttle(|throttle| throttle.bytes)),
        ("permits_awaited", throttle(|throttle| throttle.waiting as u64)),
        ("running", snapshot.running.len() as u64),
    ]
    .into_iter()
}

/// Requests that clients have queued. The rest of what the queue accepted, the daemon had sent itself. (The queue's part
/// is the later one of the two, so nothing is negative.)
pub fn queued_by_clients(snapshot: &QueueSnapshot) -> u64 {
    snapshot.queued.accepted - snapshot.local.passed_on
}

/// Requests that were accepted. Exact when all is quiet.
pub fn from_clients(snapshot: &QueueSnapshot) -> u64 {
    snapshot.fast + queued_by_clients(snapshot)
}

/// Nothing is as old as something new.
fn millis(age: Option<Duration>) -> u64 {
    age.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}
