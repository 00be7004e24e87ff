//! Where objects are kept (Ceph: ObjectStore, and MemStore).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::{Bytes, BytesMut};

use crate::object_op::ObjectName;

/// One collection of objects: those of a placement group. Reads look, and only transactions change.
pub trait ObjectStore: Send + 'static {
    /// The whole object, shared rather than copied.
    fn read(&self, object: &ObjectName) -> Option<Bytes>;

    /// Its size.
    fn stat(&self, object: &ObjectName) -> Option<usize>;

    /// Carries out one change to one object.
    fn apply(&mut self, object: &ObjectName, transaction: Transaction);

    /// Walks over all objects.
    fn scan(&self) -> Digest;
}

/// A change to one object.
#[derive(Debug, PartialEq, Eq)]
pub enum Transaction {
    /// Replaces the object, or creates it.
    WriteFull(Bytes),
    /// Writes into it; what is missing before `offset` becomes zeros.
    Write {
        offset: usize,
        data: Bytes,
    },
    Remove,
}

/// What a scan finds. Sums, so that the digests of many collections add up in any order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    pub objects: u64,
    pub bytes: u64,
    pub checksum: u64,
}

impl std::ops::AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

/// Objects in memory.
#[derive(Debug, Default)]
pub struct MemStore {
    objects: HashMap<ObjectName, Bytes>,
}

impl ObjectStore for MemStore {
    fn read(&self, object: &ObjectName) -> Option<Bytes> {
        self.objects.get(object).cloned()
    }

    fn stat(&self, object: &ObjectName) -> Option<usize> {
        self.objects.get(object).map(Bytes::len)
    }

    fn apply(&mut self, object: &ObjectName, transaction: Transaction) {
        match transaction {
            Transaction::WriteFull(data) => _ = self.objects.insert(object.clone(), data),
            Transaction::Remove => _ = self.objects.remove(object),
            Transaction::Write { offset, data } => {
                let content = self.objects.entry(object.clone()).or_default();
                // In place, unless a reply still on its way shares the old content: that one must not change.
                let mut bytes =
                    std::mem::take(content).try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[offset..end].copy_from_slice(&data);
                *content = bytes.freeze();
            }
        }
    }

    fn scan(&self) -> Digest {
        let mut digest = Digest::default();
        for (name, content) in &self.objects {
            let mut hasher = DefaultHasher::new();
            (name, content).hash(&mut hasher);
            digest += Digest { objects: 1, bytes: content.len() as u64, checksum: hasher.finish() };
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(store: &mut MemStore, offset: usize, data: &'static str) {
        store.apply(&"o".into(), Transaction::Write { offset, data: data.into() });
    }

    #[test]
    fn writes_extend_and_fill_with_zeros() {
        let mut store = MemStore::default();
        write(&mut store, 2, "ab");
        assert_eq!(store.read(&"o".into()).unwrap(), "\0\0ab");
        write(&mut store, 0, "xyz");
        assert_eq!(store.read(&"o".into()).unwrap(), "xyzb");
        assert_eq!(store.stat(&"o".into()), Some(4));
    }

    #[test]
    fn what_was_read_does_not_change() {
        let mut store = MemStore::default();
        write(&mut store, 0, "before");
        let read = store.read(&"o".into()).unwrap();
        write(&mut store, 0, "AFTER!");
        assert_eq!(read, "before");
        assert_eq!(store.read(&"o".into()).unwrap(), "AFTER!");
    }

    #[test]
    fn digests_tell_contents_apart() {
        let store = |content: &'static str| {
            let mut store = MemStore::default();
            store.apply(&"o".into(), Transaction::WriteFull(content.into()));
            store.scan()
        };
        assert_eq!(store("a"), store("a"));
        assert_ne!(store("a").checksum, store("b").checksum);
        let mut emptied = MemStore::default();
        write(&mut emptied, 0, "x");
        emptied.apply(&"o".into(), Transaction::Remove);
        assert_eq!(emptied.scan(), Digest::default());
    }
}
