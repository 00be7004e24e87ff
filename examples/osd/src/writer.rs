//! The writing half of a connection (Ceph: Pipe::writer): one thread, so that a slow client stops nobody else.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};

use bytes::BytesMut;

use crate::replies::Replies;

/// Sends replies until all are sent or the client is gone; then closes this half.
pub fn write_replies(stream: &TcpStream, replies: &Replies) {
    // A client that is gone needs no report: its reader sees the same end.
    match send_all(stream, replies) {
        Ok(()) => _ = stream.shutdown(Shutdown::Write),
        Err(_) => {
            replies.abandon();
            _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn send_all(mut stream: &TcpStream, replies: &Replies) -> io::Result<()> {
    let (mut batch, mut out) = (Vec::new(), BytesMut::new());
    while replies.take(&mut batch) {
        for reply in batch.drain(..) {
            reply.encode(&mut out, &mut stream)?;
        }
        stream.write_all(&out)?;
        out.clear();
    }
    Ok(())
}
