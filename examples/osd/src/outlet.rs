//! The one way out to a client. Whoever has it may write to the socket; nobody else can.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::reply::Reply;

#[derive(Debug)]
pub struct Outlet {
    stream: Arc<TcpStream>,
    /// Replies to be sent, the next one first.
    pub replies: Vec<Reply>,
    /// Encoded, and not sent yet: goes before them.
    bytes: BytesMut,
}

impl Outlet {
    pub fn new(stream: Arc<TcpStream>) -> Self {
        Self { stream, replies: Vec::new(), bytes: BytesMut::new() }
    }

    /// Whether all it was given has been sent.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.bytes.is_empty()
    }

    /// Sends as much as the socket takes at once; never waits. For replies that are small together: all are encoded.
    pub fn send_now(&mut self) -> io::Result<()> {
        for reply in self.replies.drain(..) {
            reply.encode(&mut self.bytes);
        }
        while !self.bytes.is_empty() {
            match send(&self.stream, &self.bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => self.bytes.advance(sent),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.bytes.clear();
        Ok(())
    }

    /// Sends it all, however long that takes.
    pub fn send(&mut self) -> io::Result<()> {
        let mut stream = &*self.stream;
        for reply in self.replies.drain(..) {
            reply.encode_to(&mut self.bytes, &mut stream)?;
        }
        stream.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}
