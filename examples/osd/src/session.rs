//! One client's connection (Ceph: Pipe): a reader's thread, a writer's thread, and how they part.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use keylane::{Connection, QueueHandle};
use parking_lot::{Condvar, Mutex};

use crate::counters::Counters;
use crate::limits;
use crate::op_gate::{Gate, session_handle_reset};
use crate::osd::Osd;
use crate::reader::{Ending, Reader};
use crate::replies::Replies;
use crate::stop_line::StopLine;
use crate::trace;
use crate::writer::write_replies;

/// How long a client that has been told goodbye may take to hang up.
const LINGER: Duration = Duration::from_secs(1);

/// All connections that are open.
#[derive(Default)]
pub struct Sessions {
    open: Mutex<Open>,
    empty: Condvar,
}

#[derive(Default)]
struct Open {
    streams: HashMap<u64, Arc<TcpStream>>,
    /// How many there have been.
    opened: u64,
}

/// Its place among the open connections, given up when dropped.
struct Entry {
    sessions: Arc<Sessions>,
    number: u64,
    stream: Arc<TcpStream>,
}

impl Sessions {
    /// Starts serving a client on threads of its own.
    pub fn open(
        self: &Arc<Self>,
        stream: TcpStream,
        queue: QueueHandle<Osd>,
        gate: Gate,
        stop: StopLine,
        counters: Arc<Counters>,
    ) -> io::Result<()> {
        // A reply is complete when it is written: nothing is gained by holding it back.
        stream.set_nodelay(true)?;
        let stream = Arc::new(stream);
        let Some(entry) = self.enter(&stream) else {
            // Fits into the buffer of a socket that is new: does not block.
            return (&*stream).write_all(b"-ERR max number of clients reached\r\n");
        };
        let name = format!("osd-reader-{}", entry.number);
        let serve = move || entry.serve(&queue, &gate, &stop, &counters);
        thread::Builder::new().name(name).spawn(serve).map(drop)
    }

    fn enter(self: &Arc<Self>, stream: &Arc<TcpStream>) -> Option<Entry> {
        let mut open = self.open.lock();
        if open.streams.len() >= limits::CONNECTIONS {
            return None;
        }
        open.opened += 1;
        let number = open.opened;
        open.streams.insert(number, Arc::clone(stream));
        Some(Entry { sessions: Arc::clone(self), number, stream: Arc::clone(stream) })
    }

    /// Waits until all are closed; hangs up on those that are not after `grace`, whose clients do not read.
    pub fn close(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut open = self.open.lock();
        while !open.streams.is_empty() {
            if self.empty.wait_until(&mut open, deadline).timed_out() {
                for stream in open.streams.values() {
                    _ = stream.shutdown(Shutdown::Both);
                }
                break;
            }
        }
        while !open.streams.is_empty() {
            self.empty.wait(&mut open);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.sessions.open.lock();
        open.streams.remove(&self.number);
        if open.streams.is_empty() {
            self.sessions.empty.notify_all();
        }
    }
}

impl Entry {
    fn serve(&self, queue: &QueueHandle<Osd>, gate: &Gate, stop: &StopLine, counters: &Arc<Counters>) {
        let stream = &*self.stream;
        let replies = &Replies::new(Arc::clone(&self.stream), Arc::clone(counters));
        let session = &Arc::new(gate.session());
        let mut connection = queue.connect();
        trace::reads(connection.id(), session.id());
        // Refused only by a daemon that stops: then so is all that follows.
        trace::announces();
        _ = connection.accepted();
        let ending = thread::scope(|scope| {
            let name = format!("osd-writer-{}", self.number);
            let writer =
                thread::Builder::new().name(name).spawn_scoped(scope, || write_replies(stream, replies));
            // However the reader leaves, the writer must learn of it, or the scope never ends.
            let _complete = CompleteOnDrop(replies);
            // Without a writer nobody would hear the replies.
            if writer.is_err() {
                return Ending::ClientGone;
            }
            let connection = &mut connection;
            let ending = Reader { stream, connection, session, replies, stop, counters }.run();
            // What waits for a map holds up the replies behind it. When the daemon stops, it goes on waiting: a map may
            // still be on its way through the queue.
            if ending != Ending::Stopped {
                session_handle_reset(session);
            }
            ending
        });
        // Or its client has left a daemon that stops, before it was the map's or the gate's turn to answer.
        session_handle_reset(session);
        part(connection, ending);
        if !matches!(ending, Ending::ClientLeft | Ending::ClientGone) {
            linger(stream);
        }
    }
}

/// Ends a connection whose writer has left: everything is answered, or the client is gone. So what is still queued, and
/// is discarded, nobody wants any more. A client that has closed its half and reads on loses nothing.
fn part(connection: Connection<Osd>, ending: Ending) {
    match ending {
        // What was accepted is carried out, gone client or not: dropping discards nothing.
        Ending::Stopped => drop(connection),
        // Refused only by a queue that has ended, and then there is nothing to discard and nobody to tell.
        _ => {
            trace::resets();
            _ = connection.reset();
        }
    }
}

struct CompleteOnDrop<'a>(&'a Replies);

impl Drop for CompleteOnDrop<'_> {
    fn drop(&mut self) {
        self.0.complete();
    }
}

/// Reads and forgets until the client hangs up, for a short while. To close a socket with unread input resets it,
/// and the client might never see the last replies.
fn linger(mut stream: &TcpStream) {
    let deadline = Instant::now() + LINGER;
    let mut forgotten = [0; 16 << 10];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        if !matches!(stream.read(&mut forgotten), Ok(1..)) {
            return;
        }
    }
}
