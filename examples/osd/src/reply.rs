//! Replies, by their usual names.

use std::io::{self, Write};

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

    /// Encodes it into `out`. What is large goes straight to `sink` instead, with what is in `out` before it: a
    /// short request may have a very long reply, and all the objects in it are only shared.
    pub fn encode(&self, out: &mut BytesMut, sink: &mut impl Write) -> io::Result<()> {
        encode(&self.0, out, sink)
    }
}

/// From this size on a reply is not gathered with others.
const LARGE: usize = 64 << 10;

fn encode(frame: &BytesFrame, out: &mut BytesMut, sink: &mut impl Write) -> io::Result<()> {
    match frame {
        BytesFrame::Array(frames) => {
            out.extend_from_slice(format!("*{}\r\n", frames.len()).as_bytes());
            for frame in frames {
                encode(frame, out, sink)?;
            }
        }
        BytesFrame::BulkString(content) if content.len() >= LARGE => {
            out.extend_from_slice(format!("${}\r\n", content.len()).as_bytes());
            sink.write_all(out)?;
            out.clear();
            sink.write_all(content)?;
            out.extend_from_slice(b"\r\n");
        }
        small => _ = extend_encode(out, small, false).map_err(io::Error::other)?,
    }
    if out.len() >= LARGE {
        sink.write_all(out)?;
        out.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> String {
        let (mut out, mut sink) = (BytesMut::new(), Vec::new());
        reply.encode(&mut out, &mut sink).unwrap();
        assert!(out.len() < LARGE && out.capacity() < 4 * LARGE, "it does not pile up");
        sink.extend_from_slice(&out);
        assert_eq!(sink.len(), reply.wire_len());
        String::from_utf8(sink).unwrap()
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

    #[test]
    fn large_replies_in_pieces() {
        let (large, small) = ("x".repeat(LARGE), "y".repeat(LARGE - 1));
        let reply = Reply::array([&large, &small, &small].map(|text| Reply::bulk(text.clone())));
        let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        assert_eq!(wire(&reply), format!("*3\r\n{}{}{}", bulk(&large), bulk(&small), bulk(&small)));
    }
}
