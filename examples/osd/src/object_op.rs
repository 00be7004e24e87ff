//! What a client may do to one object (Ceph: OSDOp).

use std::ops::Deref;

use bytes::Bytes;
use smallvec::SmallVec;

/// The name of an object. A short one is within it: nothing is allocated, and to compare is to look nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectName(SmallVec<[u8; 24]>);

/// One object, and one operation on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRequest {
    pub object: ObjectName,
    pub op: ObjectOp,
}

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

impl From<&[u8]> for ObjectName {
    fn from(name: &[u8]) -> Self {
        Self(name.into())
    }
}

impl From<&str> for ObjectName {
    fn from(name: &str) -> Self {
        name.as_bytes().into()
    }
}

impl Deref for ObjectName {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
