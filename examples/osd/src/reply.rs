//! Replies, by their usual names.

use std::io::{self, Write};

use bytes::{BufMut, Bytes, BytesMut};
use redis_protocol::resp2::types::BytesFrame;

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
        wire_len(&self.0)
    }

    /// Encodes it into `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        encode(&self.0, out);
    }

    /// The same, but what is large goes straight to `sink`, with what is in `out` before it: a short request may have
    /// a very long reply, and all the objects in it are only shared.
    pub fn encode_to(&self, out: &mut BytesMut, sink: &mut impl Write) -> io::Result<()> {
        encode_to(&self.0, out, sink)
    }
}

/// From this size on a reply is not gathered with others.
pub const LARGE: usize = 64 << 10;

fn wire_len(frame: &BytesFrame) -> usize {
    /// What encloses a line, of a known kind.
    const LINE: usize = "+\r\n".len();
    let number = |value: u64| LINE + value.checked_ilog10().map_or(1, |digits| digits as usize + 1);
    match frame {
        BytesFrame::SimpleString(text) => LINE + text.len(),
        BytesFrame::Error(text) => LINE + text.len(),
        BytesFrame::Integer(value) => usize::from(*value < 0) + number(value.unsigned_abs()),
        BytesFrame::Null => "$-1\r\n".len(),
        BytesFrame::BulkString(content) => number(content.len() as u64) + content.len() + "\r\n".len(),
        BytesFrame::Array(frames) => number(frames.len() as u64) + frames.iter().map(wire_len).sum::<usize>(),
    }
}

fn encode(frame: &BytesFrame, out: &mut BytesMut) {
    match frame {
        BytesFrame::SimpleString(text) => line(b'+', text, out),
        BytesFrame::Error(text) => line(b'-', text.as_bytes(), out),
        BytesFrame::Integer(value) => line(b':', itoa::Buffer::new().format(*value).as_bytes(), out),
        BytesFrame::Null => out.extend_from_slice(b"$-1\r\n"),
        BytesFrame::BulkString(content) => {
            length(b'$', content.len(), out);
            out.extend_from_slice(content);
            out.extend_from_slice(b"\r\n");
        }
        BytesFrame::Array(frames) => {
            length(b'*', frames.len(), out);
            frames.iter().for_each(|frame| encode(frame, out));
        }
    }
}

fn length(kind: u8, length: usize, out: &mut BytesMut) {
    line(kind, itoa::Buffer::new().format(length).as_bytes(), out);
}

fn line(kind: u8, text: &[u8], out: &mut BytesMut) {
    out.reserve(text.len() + 3);
    out.put_u8(kind);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn encode_to(frame: &BytesFrame, out: &mut BytesMut, sink: &mut impl Write) -> io::Result<()> {
    match frame {
        BytesFrame::Array(frames) => {
            length(b'*', frames.len(), out);
            for frame in frames {
                encode_to(frame, out, sink)?;
            }
        }
        BytesFrame::BulkString(content) if content.len() >= LARGE => {
            length(b'$', content.len(), out);
            sink.write_all(out)?;
            out.clear();
            sink.write_all(content)?;
            out.extend_from_slice(b"\r\n");
        }
        small => encode(small, out),
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
        reply.encode_to(&mut out, &mut sink).unwrap();
        assert!(out.len() < LARGE && out.capacity() < 4 * LARGE, "it does not pile up");
        sink.extend_from_slice(&out);
        assert_eq!(sink.len(), reply.wire_len());
        out.clear();
        reply.encode(&mut out);
        assert!(sink == out, "all at once it is the same");
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
