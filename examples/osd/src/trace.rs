//! What the daemon writes down of itself, beside what keylane does, when a test records its steps: which message, which
//! epoch, which placement group. `specs/traces/` reads it. Without the feature `trace` it does nothing.
//!
//! A note begins with the part whose business it is: `queue`, `gate` or `pool`.

#[cfg(feature = "trace")]
use std::sync::atomic::{AtomicU64, Ordering};

use keylane::{ConnectionId, Message, SessionId};

use crate::message::{OsdMessage, Tick};
use crate::op_gate::MapOps;
use crate::osd_map::PgId;

#[cfg(feature = "trace")]
fn note(what: &'static str, value: u64) {
    keylane::trace::took(&(), what, value);
}

#[cfg(not(feature = "trace"))]
fn note(_: &'static str, _: u64) {}

/// Tells an item of the pool from all others. Nothing, if nobody could ask.
#[derive(Clone, Copy, Debug)]
pub struct Tag {
    #[cfg(feature = "trace")]
    number: u64,
}

#[cfg(feature = "trace")]
impl Tag {
    /// Another one each time.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // ORDERING: Relaxed. They only have to differ.
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    fn number(self) -> u64 {
        self.number
    }
}

#[cfg(not(feature = "trace"))]
impl Tag {
    /// The only one.
    pub fn new() -> Self {
        Self {}
    }

    fn number(self) -> u64 {
        0
    }
}

/// Which message of its connection, or of the daemon's own, this is.
fn number(message: &OsdMessage) -> u64 {
    match message {
        OsdMessage::Ops(_, ops) => ops.slot().number(),
        OsdMessage::Admin(_, slot) => slot.number(),
        OsdMessage::Tick(tick, number) => u64::from(*number) << 1 | u64::from(*tick == Tick::MgrReport),
    }
}

/// The number, the priority, and whether it goes fast.
fn kind(message: &OsdMessage, fast: bool) -> u64 {
    number(message) << 16 | u64::from(message.priority().0) << 8 | u64::from(fast)
}

/// This thread reads from the connection, whose operations wait in that session.
pub fn reads(connection: ConnectionId, session: SessionId) {
    note("queue connects", connection.get());
    note("gate opens", session.get());
}

/// It is about to announce the connection,
pub fn announces() {
    note("queue announces", 0);
}

/// to deliver a message of it,
pub fn delivers(message: &OsdMessage) {
    note("queue delivers", kind(message, message.is_fast()));
}

/// or to end it.
pub fn resets() {
    note("queue resets", 0);
}

/// The daemon is about to send this to itself.
pub fn sends(message: &OsdMessage) {
    note("queue sends", kind(message, message.is_fast()));
}

/// A queued message's callback begins.
pub fn dispatches(from: ConnectionId, message: &OsdMessage) {
    note("queue begin", from.get() << 32 | number(message));
}

/// The callback of this thread ends.
pub fn has_dispatched() {
    note("queue end", 0);
}

/// The daemon is told that a connection is there,
pub fn hears_accepted(connection: ConnectionId) {
    note("queue accepts", connection.get());
}

/// or that it is gone.
pub fn hears_reset() {
    note("queue tell", 0);
}

/// The queue has been shut down, and whoever did it is about to wait for it.
pub fn joins_queue() {
    note("queue joins", 0);
}

/// Operations are about to come to the gate.
pub fn brings(ops: &MapOps) {
    note("gate brings", ops.epoch << 32 | ops.slot().number());
}

/// The gate lets them pass.
pub fn passes(session: SessionId, ops: &MapOps) {
    note("gate call", session.get() << 32 | ops.slot().number());
}

/// An item is about to go to the pool.
pub fn submits(pg: PgId, tag: Tag) {
    note("pool submits", u64::from(pg.0) << 32 | tag.number());
}

/// Its handler begins,
pub fn handles(tag: Tag) {
    note("pool begin", tag.number());
}

/// and ends.
pub fn has_handled() {
    note("pool end", 0);
}

/// As of the queue, of the pool.
pub fn joins_pool() {
    note("pool joins", 0);
}
