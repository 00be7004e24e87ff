//! What travels through the dispatch queue.

use keylane::{Message, Priority};

use crate::command::{Admin, Summary};
use crate::object_op::{ObjectName, ObjectOp};
use crate::replies::ReplySlot;

pub enum OsdMessage {
    /// One operation on one object.
    Op(ObjectName, ObjectOp, ReplySlot),
    /// Operations on several objects, with one reply.
    Ops(Vec<(ObjectName, ObjectOp)>, Summary, ReplySlot),
    Admin(Admin, ReplySlot),
    Tick(Tick),
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
    fn priority(&self) -> Priority {
        match self {
            Self::Admin(Admin::Shutdown, _) => Priority::HIGHEST,
            Self::Admin(Admin::Ping(_) | Admin::Echo(_), _) => Priority::HIGH,
            Self::Admin(Admin::Scrub | Admin::DbSize, _) | Self::Tick(_) => Priority::LOW,
            _ => Priority::DEFAULT,
        }
    }
}

impl OsdMessage {
    /// The reply slot of a message that will not be dispatched.
    pub fn into_slot(self) -> Option<ReplySlot> {
        match self {
            Self::Op(_, _, slot) | Self::Ops(_, _, slot) | Self::Admin(_, slot) => Some(slot),
            Self::Tick(_) => None,
        }
    }
}
