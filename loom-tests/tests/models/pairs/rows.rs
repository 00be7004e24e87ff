//! A new public operation without a row in the table of its object is a failing test.

use std::collections::BTreeSet;
use std::path::Path;

use crate::pairs::{gate, inbox, pool, queue, throttle};

/// Whose operations are raced, and where they are.
const OBJECTS: [(&str, &str); 17] = [
    ("Inbox", "lane/inbox.rs"),
    ("Connection", "dispatch/connection.rs"),
    ("Local", "dispatch/local.rs"),
    ("LocalLoop", "dispatch/local.rs"),
    ("DispatchLoop", "dispatch/dispatch_loop.rs"),
    ("QueueHandle", "dispatch/queue.rs"),
    ("PoolHandle", "pool/handle.rs"),
    ("PoolHandle", "pool/histograms/kept.rs"),
    ("Lease", "pool/lease.rs"),
    ("KeyGuard", "pool/lease.rs"),
    ("Worker", "pool/worker.rs"),
    ("Throttle", "throttle/throttle.rs"),
    ("Permit", "throttle/permit.rs"),
    ("Acquire", "throttle/acquire.rs"),
    ("EpochGate", "gate/epoch_gate.rs"),
    ("GateSession", "gate/session.rs"),
    ("Turn", "gate/turn.rs"),
];

/// Those that need no pair, and why.
const NOT_RACED: &[(&str, &str)] = &[
    ("Connection::id", "reads what never changes"),
    (
        "Connection::try_deliver",
        "`deliver`, but for how it waits for room: `throttle.*`, `dispatch_throttle.rs`",
    ),
    ("Connection::deliver_timeout", "as `try_deliver`"),
    ("Connection::deliver_async", "as `try_deliver`; polling is `deliver`"),
    ("QueueHandle::report_slow", "looks at what callbacks note of themselves: the models of `watch`"),
    ("QueueHandle::throttle", "reads what never changes; its own operations are the pairs of `throttle`"),
    ("Connection::accepted", "`happen`, as `connected` is"),
    ("Connection::remote_reset", "`happen`, as `reset` is"),
    ("Connection::refused", "`happen`, as `reset` is"),
    ("Connection::mark_down", "`happen`, as `discard` is"),
    ("PoolHandle::shard_of", "reads what never changes"),
    (
        "PoolHandle::submit_batch",
        "as `submit`, in one step: the models of `pool_key`, and properties of the policy",
    ),
    ("PoolHandle::submit_front_batch", "as `submit_front`, in one step: the models of `pool_key`"),
    ("PoolHandle::submit_together", "one step under all its batons at once: the models of `pool_together`"),
    ("Lease::keys", "reads what never changes"),
    ("KeyGuard::keys", "reads what never changes"),
    ("PoolHandle::submit_after", "as `submit`, in one step: the models of `pool_later`"),
    (
        "PoolHandle::set_scheduler",
        "one step under each baton: the models of `pool_later`, and properties of the policy",
    ),
    (
        "PoolHandle::heal",
        "one step under the baton, as a guard's release; loom cannot unwind two threads, so `pool_panics.rs` asks natively",
    ),
    ("PoolHandle::poisoned", "as `heal`"),
    ("PoolHandle::pause_new", "`pause` without its wait"),
    ("PoolHandle::commit", "the models of `pool_commits`"),
    ("PoolHandle::snapshot", "one step under each baton, which changes nothing"),
    (
        "PoolHandle::histograms",
        "exchanges under each baton what nothing else looks at, and is not built in models: `pool_observation.rs` asks natively",
    ),
    ("Lease::class", "reads what never changes"),
    ("Lease::pool", "reads what never changes"),
    ("Lease::suspend_watch", "notes it where only looks come: the models of `watch` and `pool_watch`"),
    (
        "PoolHandle::report_slow",
        "looks at what workers note of their items: the models of `watch` and `pool_watch`",
    ),
    ("PoolHandle::running", "as `report_slow`"),
    ("KeyGuard::key", "reads what never changes"),
    ("Worker::shard", "reads what never changes"),
    ("Permit::bytes", "reads what never changes"),
    ("Throttle::new", "comes before everything else"),
    ("EpochGate::new", "nobody else has it yet"),
    ("EpochGate::keeper", "reads what never changes"),
    ("GateSession::id", "reads what never changes"),
    ("Turn::session", "reads what never changes"),
    ("Turn::epoch", "reads what never changes"),
    ("Turn::map", "reads what never changes"),
    ("DispatchLoop::run", "each operation against a loop that runs: `sleeper.rs`"),
    ("LocalLoop::run", "steps and sleeps: `dispatch_local.rs`, `whole.rs`"),
    ("Worker::run", "steps and sleeps: `pool_control.rs`, `pool_key.rs`, `whole.rs`"),
];

/// Compares the public methods in the sources with the tables.
pub fn every_operation_has_its_row() -> Result<(), String> {
    let covered: BTreeSet<&str> =
        [inbox::COVERED, queue::COVERED, pool::COVERED, throttle::COVERED, gate::COVERED]
            .concat()
            .into_iter()
            .collect();
    let excused: BTreeSet<&str> = NOT_RACED.iter().map(|(name, _)| *name).collect();
    let mut public = BTreeSet::new();
    for (object, file) in OBJECTS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src").join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        public.extend(methods(object, &text));
    }
    if public.len() < 15 {
        return Err(format!("the search finds only {public:?}"));
    }
    let has_row = |name: &String| covered.contains(name.as_str()) || excused.contains(name.as_str());
    let missing: Vec<_> = public.iter().filter(|name| !has_row(name)).collect();
    let gone: Vec<_> = covered
        .union(&excused)
        .filter(|name| !name.ends_with("::drop") && !public.contains(**name))
        .collect();
    match (missing.is_empty(), gone.is_empty()) {
        (true, true) => Ok(()),
        _ => Err(format!("without a row: {missing:?}; rows of what is gone: {gone:?}")),
    }
}

/// The public methods of `object` in `text`, which is formatted by rustfmt.
fn methods(object: &str, text: &str) -> Vec<String> {
    let mut ours = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("impl") {
            let named =
                [format!(" {object}<"), format!(" {object} {{")].iter().any(|name| line.contains(name));
            ours = named && !line.contains(" for ");
        } else if let Some(method) = line.strip_prefix("    pub fn ").filter(|_| ours) {
            let name: String = method.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push(format!("{object}::{name}"));
        }
    }
    found
}
