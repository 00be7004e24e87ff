//! What travels through the dispatch queue.

use std::sync::Weak;

use keylane::{Message, Priority};

use crate::command::Admin;
use crate::op_gate::{MapOps, Session};
use crate::replies::ReplySlot;

pub enum OsdMessage {
    /// Operations on objects. What travels must not keep its session: the session keeps what waits in it.
    Ops(Weak<Session>, MapOps),
    Admin(Admin, ReplySlot),
    /// And of which tick it is, counting from 1.
    Tick(Tick, u32),
}

/// What the daemon sends itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Shows that the daemon lives; must not queue behind anything.
    Heartbeat,
    /// Takes statistics, as for Ceph's manager.
    MgrReport,
}

impl Message for OsdMessage {
    /// Bytes of the request as it was read: what the limits of its client count, too.
    fn cost(&self) -> u64 {
        match self {
            Self::Ops(_, ops) => ops.slot().bytes(),
            Self::Admin(_, slot) => slot.bytes(),
            Self::Tick(..) => 0,
        }
    }

    fn priority(&self) -> Priority {
        match self {
            Self::Admin(Admin::Shutdown, _) => Priority::HIGHEST,
            Self::Admin(Admin::Ping(_) | Admin::Echo(_), _) => Priority::HIGH,
            Self::Admin(Admin::Scrub | Admin::DbSize, _) | Self::Tick(..) => Priority::LOW,
            _ => Priority::DEFAULT,
        }
    }
}

impl OsdMessage {
    /// Whether it must not queue behind anything: it is handed on, or done, in a moment.
    pub fn is_fast(&self) -> bool {
        match self {
            Self::Ops(..) | Self::Tick(Tick::Heartbeat, _) => true,
            Self::Admin(..) | Self::Tick(Tick::MgrReport, _) => false,
        }
    }

    /// The reply slot of a message that will not be dispatched.
    pub fn into_slot(self) -> Option<ReplySlot> {
        match self {
            Self::Ops(_, ops) => Some(ops.into_slot()),
            Self::Admin(_, slot) => Some(slot),
            Self::Tick(..) => None,
        }
    }
}
