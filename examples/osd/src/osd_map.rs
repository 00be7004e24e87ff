//! Which placement group an object belongs to (Ceph: OSDMap, here of one OSD).

use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use crate::object_op::ObjectName;

/// A placement group's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PgId(pub u32);

/// As Ceph writes it: pool, dot, number in hex. There is one pool.
impl fmt::Display for PgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{:x}", self.0)
    }
}

#[derive(Debug, Clone)]
pub struct OsdMap {
    /// The only thing that changes from one to the next.
    pub epoch: u64,
    pub pgs: u32,
    pub shards: usize,
    pub threads_per_shard: usize,
}

impl OsdMap {
    pub fn pg_of(&self, object: &ObjectName) -> PgId {
        let mut hasher = DefaultHasher::new();
        hasher.write(object);
        PgId((hasher.finish() % u64::from(self.pgs)) as u32)
    }

    pub fn pg_ids(&self) -> impl Iterator<Item = PgId> + use<> {
        (0..self.pgs).map(PgId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_every_object_and_uses_every_pg() {
        let map = OsdMap { epoch: 1, pgs: 7, shards: 1, threads_per_shard: 1 };
        let mut objects = [0; 7];
        for number in 0..7000 {
            objects[map.pg_of(&format!("object-{number}").as_str().into()).0 as usize] += 1;
        }
        assert!(objects.iter().all(|objects| (800..1200).contains(objects)), "{objects:?}");
        assert_eq!(PgId(26).to_string(), "1.1a");
    }
}
