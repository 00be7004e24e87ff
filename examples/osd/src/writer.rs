//! The writing half of a connection (Ceph: Pipe::writer): a thread for what would make others wait, so that a slow
//! client stops nobody else.

use std::net::{Shutdown, TcpStream};

use crate::replies::{Broken, Replies};

/// Sends what others leave until all is sent or the client is gone; then closes this half.
pub fn write_replies(stream: &TcpStream, replies: &Replies) {
    _ = stream.shutdown(match replies.send_rest() {
        Ok(()) => Shutdown::Write,
        // A client that is gone needs no report: its reader sees the same end.
        Err(Broken) => Shutdown::Both,
    });
}
