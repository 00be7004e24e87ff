//! Replies, by their usual names.

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::encode::extend_encode;
use redis_protocol::resp2::types::{BytesFrame, Resp2Frame};

/// One reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply(BytesFrame);

impl Reply {
    pub fn ok() -> Self {
        Self::simple("OK")
    }

    pub fn simple(text: &'static str) -> Self {
        Self(BytesFrame::SimpleString(Bytes::from_static(text.as_bytes())))
    }

    /// `text` begins with the error's code, such as `ERR`. It may quote the client; a line it must stay.
    pub fn error(text: impl Into<String>) -> Self {
        let text: String = text.into();
        let line = if text.contains(['\r', '\n']) { text.replace(['\r', '\n'], " ") } else { text };
        Self(BytesFrame::Error(line.into()))
    }

    pub fn integer(value: i64) -> Self {
        Self(BytesFrame::Integer(value))
    }

    pub fn bulk(value: impl Into<Bytes>) -> Self {
        Self(BytesFrame::BulkString(value.into()))
    }

    pub fn null() -> Self {
        Self(BytesFrame::Null)
    }

    pub fn array(replies: impl IntoIterator<Item = Self>) -> Self {
        Self(BytesFrame::Array(replies.into_iter().map(|reply| reply.0).collect()))
    }

    pub fn as_integer(&self) -> Option<i64> {
        match self.0 {
            BytesFrame::Integer(value) => Some(value),
            _ => None,
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self.0, BytesFrame::Error(_))
    }

    /// Bytes on the wire.
    pub fn wire_len(&self) -> usize {
        self.0.encode_len(false)
    }

    pub fn encode(&self, out: &mut BytesMut) {
        extend_encode(out, &self.0, false).expect("a buffer that grows has room");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> String {
        let mut out = BytesMut::new();
        reply.encode(&mut out);
        assert_eq!(out.len(), reply.wire_len());
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn on_the_wire() {
        assert_eq!(wire(&Reply::ok()), "+OK\r\n");
        assert_eq!(wire(&Reply::error("ERR no\r\n+OK")), "-ERR no  +OK\r\n");
        assert_eq!(wire(&Reply::bulk("a\r\nb")), "$4\r\na\r\nb\r\n");
        assert_eq!(wire(&Reply::bulk("")), "$0\r\n\r\n");
        let nested = Reply::array([Reply::null(), Reply::integer(-7), Reply::array([])]);
        assert_eq!(wire(&nested), "*3\r\n$-1\r\n:-7\r\n*0\r\n");
        for value in [0, 9, 10, 99, 100, -1, -10, i64::MAX, i64::MIN] {
            assert_eq!(wire(&Reply::integer(value)), format!(":{value}\r\n"));
        }
    }
}
