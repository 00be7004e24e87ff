//! A queue's figures, for whichever collector the program has.

use core::time::Duration;

use metrics::{Label, counter, gauge};

use crate::dispatch::snapshot::QueueSnapshot;

impl QueueSnapshot {
    /// Tells the [`metrics`] recorder of the program these figures, under the name of the queue. Call it now and then, or
    /// when a collector asks: nothing is recorded otherwise, and messages cost nothing more for it. Of several
    /// snapshots of one queue, record the newer one later. Needs the feature `metrics`.
    ///
    /// Names and labels are these and no others; each has the label `queue` besides. (The named priorities are few, but
    /// messages may have 256: depths are by lane, and [`depths`](crate::QueuedSnapshot::depths) says which.)
    ///
    /// | name | kind | label | is |
    /// |---|---|---|---|
    /// | `keylane_queue_messages_total` | counter | `fate`: `fast`, `dispatched`, `discarded`, `handed_back`, `local_fast`, `local_lost`, `local_handed_back` | messages that met this fate |
    /// | `keylane_queue_unhandled_total` | counter | | messages among them that no dispatcher took |
    /// | `keylane_queue_accepted_total` | counter | `lane`: `queued`, `local` | messages that got in; what was passed on, in both |
    /// | `keylane_queue_events_total` | counter | `fate`: `told`, `handed_back` | events that met this fate |
    /// | `keylane_queue_wakes_total` | counter | `lane` | how often the thread was woken |
    /// | `keylane_queue_depth` | gauge | `lane` | messages that wait or run, and a few that [no longer do](crate::QueuedSnapshot) |
    /// | `keylane_queue_oldest_seconds` | gauge | `lane` | age of the oldest of these, 0 if there is none; not without a clock |
    /// | `keylane_queue_connections` | gauge | | connections |
    /// | `keylane_queue_permits` | gauge | | permits that are out; not without limits |
    /// | `keylane_queue_permit_bytes` | gauge | | the sum of their bytes; not without limits |
    /// | `keylane_queue_waiting` | gauge | | who waits for room; not without limits |
    pub fn record(&self, queue: &str) {
        let Self { queued, local, .. } = self;
        let labels = |key: &'static str, value: &'static str| {
            vec![Label::new("queue", queue.to_owned()), Label::from_static_parts(key, value)]
        };
        let own = || vec![Label::new("queue", queue.to_owned())];
        for (fate, count) in [
            ("fast", self.fast),
            ("dispatched", queued.dispatched),
            ("discarded", queued.discarded),
            ("handed_back", queued.handed_back),
            ("local_fast", local.fast),
            ("local_lost", local.lost),
            ("local_handed_back", local.handed_back),
        ] {
            counter!("keylane_queue_messages_total", labels("fate", fate)).absolute(count);
        }
        counter!("keylane_queue_unhandled_total", own()).absolute(self.unhandled);
        for (fate, count) in [("told", queued.told), ("handed_back", queued.untold)] {
            counter!("keylane_queue_events_total", labels("fate", fate)).absolute(count);
        }
        for (lane, accepted, wakes, depth, oldest) in [
            ("queued", queued.accepted, queued.wakes, queued.depth(), queued.oldest),
            ("local", local.sent, local.wakes, local.depth, local.oldest),
        ] {
            counter!("keylane_queue_accepted_total", labels("lane", lane)).absolute(accepted);
            counter!("keylane_queue_wakes_total", labels("lane", lane)).absolute(wakes);
            gauge!("keylane_queue_depth", labels("lane", lane)).set(depth as f64);
            if self.has_clock {
                let age = oldest.as_ref().map_or(0.0, Duration::as_secs_f64);
                gauge!("keylane_queue_oldest_seconds", labels("lane", lane)).set(age);
            }
        }
        gauge!("keylane_queue_connections", own()).set(self.connections as f64);
        if let Some(throttle) = &self.throttle {
            gauge!("keylane_queue_permits", own()).set(throttle.count as f64);
            gauge!("keylane_queue_permit_bytes", own()).set(throttle.bytes as f64);
            gauge!("keylane_queue_waiting", own()).set(throttle.waiting as f64);
        }
    }
}
