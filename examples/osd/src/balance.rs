//! Whether the figures of a queue that has ended add up.

use keylane::QueueSnapshot;

/// What does not.
pub fn faults(snapshot: &QueueSnapshot) -> impl Iterator<Item = String> + use<> {
    let QueueSnapshot { queued, local, .. } = snapshot;
    let settled = queued.depth() + queued.dispatched + queued.discarded + queued.handed_back;
    let delivered = local.depth + local.fast + local.passed_on + local.lost + local.handed_back;
    // What is out after the end never comes back.
    let permits = snapshot.throttle.as_ref().map_or(0, |throttle| throttle.count);
    let bytes = snapshot.throttle.as_ref().map_or(0, |throttle| throttle.bytes);
    let accounts = [
        ("queued messages that met a fate", settled, queued.accepted),
        ("messages to itself that met a fate", delivered, local.sent),
        ("events that met a fate", queued.told + queued.untold, queued.raised),
        ("messages that wait for an ended queue", queued.depth() + local.depth, 0),
        ("permits that are out", permits, 0),
        ("bytes that are out", bytes, 0),
    ];
    let wrong = accounts.into_iter().filter(|(_, found, due)| found != due);
    wrong.map(|(what, found, due)| format!("{what}: {found}, not {due}"))
}
