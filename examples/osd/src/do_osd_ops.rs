//! What an operation means: from the object as it is to a reply and a transaction (Ceph: do_osd_ops).

use bytes::Bytes;
use thiserror::Error;

use crate::command::parse_integer;
use crate::limits;
use crate::object_op::{ObjectName, ObjectOp};
use crate::reply::Reply;
use crate::store::{ObjectStore, Transaction};

/// Why an operation could not be carried out. It has changed nothing.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OpError {
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    #[error("ERR string exceeds maximum allowed size ({max} bytes)", max = limits::OBJECT)]
    TooBig,
}

/// Decides what `op` does to `object` and answers; changes nothing yet.
pub fn do_osd_op(
    store: &impl ObjectStore,
    object: &ObjectName,
    op: ObjectOp,
) -> Result<(Reply, Option<Transaction>), OpError> {
    let size = || store.stat(object).unwrap_or(0);
    let read_only = |reply| Ok((reply, None));
    match op {
        ObjectOp::Get => read_only(store.read(object).map_or_else(Reply::null, Reply::bulk)),
        ObjectOp::Exists => read_only(Reply::integer(store.stat(object).is_some().into())),
        ObjectOp::StrLen => read_only(Reply::integer(size() as i64)),
        ObjectOp::GetRange(first, last) => {
            let content = store.read(object).unwrap_or_default();
            read_only(Reply::bulk(range(&content, first, last)))
        }
        ObjectOp::Set(data) => Ok((Reply::ok(), Some(Transaction::WriteFull(data)))),
        ObjectOp::Delete => match store.stat(object) {
            Some(_) => Ok((Reply::integer(1), Some(Transaction::Remove))),
            None => read_only(Reply::integer(0)),
        },
        ObjectOp::Append(data) => write(size(), size(), data),
        // Writing nothing, even far out, neither creates nor extends.
        ObjectOp::SetRange(_, data) if data.is_empty() => read_only(Reply::integer(size() as i64)),
        ObjectOp::SetRange(offset, data) => write(size(), offset, data),
        ObjectOp::IncrBy(by) => {
            let value = match store.read(object) {
                Some(content) => parse_integer(&content).ok_or(OpError::NotInteger)?,
                None => 0,
            };
            let value = value.checked_add(by).ok_or(OpError::Overflow)?;
            let text = Bytes::copy_from_slice(itoa::Buffer::new().format(value).as_bytes());
            Ok((Reply::integer(value), Some(Transaction::WriteFull(text))))
        }
    }
}

fn write(size: usize, offset: usize, data: Bytes) -> Result<(Reply, Option<Transaction>), OpError> {
    let end = offset.checked_add(data.len()).filter(|end| *end <= limits::OBJECT).ok_or(OpError::TooBig)?;
    Ok((Reply::integer(size.max(end) as i64), Some(Transaction::Write { offset, data })))
}

fn range(content: &Bytes, first: i64, last: i64) -> Bytes {
    let size = content.len() as i64;
    let from_start = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    // Redis' rules, odd ones included: an end before the object counts as its first byte, unless the range is
    // empty as it is written.
    if first < 0 && last < 0 && first > last {
        return Bytes::new();
    }
    let (first, last) = (from_start(first).max(0), from_start(last).max(0).min(size - 1));
    if first > last { Bytes::new() } else { content.slice(first as usize..=last as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemStore;

    /// A store of one object.
    struct Bench(MemStore);

    impl Bench {
        fn with(content: &'static str) -> Self {
            let mut bench = Self(MemStore::default());
            bench.run(ObjectOp::Set(content.into())).unwrap();
            bench
        }

        fn run(&mut self, op: ObjectOp) -> Result<Reply, OpError> {
            let object = "o".into();
            let (reply, transaction) = do_osd_op(&self.0, &object, op)?;
            if let Some(transaction) = transaction {
                self.0.apply(&object, transaction);
            }
            Ok(reply)
        }
    }

    #[test]
    fn missing_objects() {
        let mut bench = Bench(MemStore::default());
        assert_eq!(bench.run(ObjectOp::Get), Ok(Reply::null()));
        for op in [ObjectOp::Exists, ObjectOp::StrLen, ObjectOp::Delete, ObjectOp::SetRange(9, "".into())] {
            assert_eq!(bench.run(op), Ok(Reply::integer(0)));
        }
        assert_eq!(bench.run(ObjectOp::GetRange(0, -1)), Ok(Reply::bulk("")));
        assert_eq!(bench.0.scan().objects, 0, "none of that creates one");
        assert_eq!(bench.run(ObjectOp::IncrBy(-3)), Ok(Reply::integer(-3)));
        assert_eq!(bench.run(ObjectOp::Delete), Ok(Reply::integer(1)));
        assert_eq!(bench.run(ObjectOp::SetRange(2, "x".into())), Ok(Reply::integer(3)));
        assert_eq!(bench.run(ObjectOp::Get), Ok(Reply::bulk("\0\0x")));
    }

    #[test]
    fn ranges() {
        let mut bench = Bench::with("This is a string");
        let cases = [
            (0, 3, "This"),
            (-3, -1, "ing"),
            (0, -1, "This is a string"),
            (10, 100, "string"),
            (5, 3, ""),
            (100, 200, ""),
            (i64::MIN, i64::MAX, "This is a string"),
            (i64::MIN, i64::MIN, "T"),
            (-1, -100, ""),
        ];
        for (first, last, expected) in cases {
            assert_eq!(
                bench.run(ObjectOp::GetRange(first, last)),
                Ok(Reply::bulk(expected)),
                "{first} {last}"
            );
        }
    }

    #[test]
    fn appends_and_writes_report_the_size() {
        let mut bench = Bench::with("ab");
        assert_eq!(bench.run(ObjectOp::Append("cd".into())), Ok(Reply::integer(4)));
        assert_eq!(bench.run(ObjectOp::SetRange(1, "X".into())), Ok(Reply::integer(4)));
        assert_eq!(bench.run(ObjectOp::SetRange(5, "Y".into())), Ok(Reply::integer(6)));
        assert_eq!(bench.run(ObjectOp::Get), Ok(Reply::bulk("aXcd\0Y")));
        assert_eq!(bench.run(ObjectOp::StrLen), Ok(Reply::integer(6)));
    }

    #[test]
    fn numbers() {
        for content in ["x", "", " 1", "1 ", "+1", "007", "-0", "99999999999999999999"] {
            let mut bench = Bench::with(content);
            assert_eq!(bench.run(ObjectOp::IncrBy(1)), Err(OpError::NotInteger), "{content:?}");
            assert_eq!(bench.run(ObjectOp::Get), Ok(Reply::bulk(content)), "unchanged");
        }
        let mut bench = Bench::with("9223372036854775806");
        assert_eq!(bench.run(ObjectOp::IncrBy(1)), Ok(Reply::integer(i64::MAX)));
        assert_eq!(bench.run(ObjectOp::IncrBy(1)), Err(OpError::Overflow));
        assert_eq!(bench.run(ObjectOp::IncrBy(i64::MIN)), Ok(Reply::integer(-1)));
        assert_eq!(bench.run(ObjectOp::IncrBy(i64::MIN)), Err(OpError::Overflow));
    }

    #[test]
    fn objects_have_a_limit() {
        let mut bench = Bench::with("x");
        let most = limits::OBJECT;
        assert_eq!(bench.run(ObjectOp::SetRange(most - 1, "x".into())), Ok(Reply::integer(most as i64)));
        for op in [
            ObjectOp::Append("x".into()),
            ObjectOp::SetRange(most, "x".into()),
            ObjectOp::SetRange(usize::MAX, "x".into()),
        ] {
            assert_eq!(bench.run(op), Err(OpError::TooBig));
        }
        assert_eq!(bench.run(ObjectOp::StrLen), Ok(Reply::integer(most as i64)));
    }
}
