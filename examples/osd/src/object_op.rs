//! What a client may do to one object (Ceph: OSDOp).

use bytes::Bytes;

/// The name of an object.
pub type ObjectName = Bytes;

/// One operation on one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectOp {
    Get,
    Set(Bytes),
    Delete,
    Exists,
    Append(Bytes),
    StrLen,
    /// Both ends inclusive; negative ones count from the end.
    GetRange(i64, i64),
    SetRange(usize, Bytes),
    IncrBy(i64),
}
