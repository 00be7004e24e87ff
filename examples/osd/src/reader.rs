//! The reading half of a connection (Ceph: Pipe::reader): bytes to messages, messages to the dispatch queue.

use std::net::TcpStream;
use std::sync::Arc;

use keylane::{Connection, Refusal};

use crate::command::{self, Command, CommandError};
use crate::counters::Counters;
use crate::framing::{Framer, ProtocolError, Request};
use crate::input::Input;
use crate::message::OsdMessage;
use crate::op_gate::{MapOps, Ops, Session};
use crate::osd::Osd;
use crate::replies::{Broken, Replies, ReplySlot};
use crate::reply::Reply;
use crate::stop_line::{StopLine, Woken};
use crate::trace;

pub struct Reader<'a> {
    pub stream: &'a TcpStream,
    pub connection: &'a mut Connection<Osd>,
    /// Where its operations wait for maps.
    pub session: &'a Arc<Session>,
    pub replies: &'a Arc<Replies>,
    pub stop: &'a StopLine,
    pub counters: &'a Counters,
}

/// Why a reader stopped reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client sends no more, perhaps in the middle of a request. It may still read.
    ClientLeft,
    /// The client can no longer be reached.
    ClientGone,
    /// The client asked for it.
    Quit,
    /// What came was no request.
    ProtocolError,
    /// The daemon stops.
    Stopped,
}

impl Reader<'_> {
    /// Reads until there is no more to be read from this client.
    pub fn run(&mut self) -> Ending {
        let (mut input, mut framer) = (Input::default(), Framer::default());
        loop {
            match self.stop.wait_readable(self.stream) {
                Ok(Woken::Stopped) => return Ending::Stopped,
                Ok(_) => {}
                Err(_) => return self.client_is_gone(),
            }
            match input.read_from(self.stream) {
                Ok(0) => return Ending::ClientLeft,
                Ok(_) => {}
                Err(_) => return self.client_is_gone(),
            }
            if let Some(ending) = self.take_requests(&mut input, &mut framer) {
                return ending;
            }
            self.replies.end_batch();
        }
    }

    /// Takes every complete request out of `input`.
    fn take_requests(&mut self, input: &mut Input, framer: &mut Framer) -> Option<Ending> {
        loop {
            let Request { arguments, length } = match framer.next(input.unread()) {
                Ok(Some(request)) => request,
                Ok(None) => return None,
                Err(error) => return Some(self.give_up(&error)),
            };
            // An empty request is none, and gets no reply.
            if !arguments.is_empty() {
                match self.take_request(&arguments, length) {
                    Ok(None) => {}
                    Ok(ending) => return ending,
                    Err(Broken) => return Some(Ending::ClientGone),
                }
            }
            drop(arguments);
            input.consume(length);
        }
    }

    fn take_request(&mut self, arguments: &[&[u8]], bytes: usize) -> Result<Option<Ending>, Broken> {
        let slot = self.replies.reserve(bytes)?;
        match command::parse(arguments) {
            Ok(Command::AtEpoch(epoch, operation)) => self.dispatch(epoch, *operation, slot),
            Ok(command @ (Command::Object(..) | Command::Objects(..))) => self.dispatch(0, command, slot),
            Ok(Command::Admin(command)) => self.deliver(OsdMessage::Admin(command, slot)),
            Ok(Command::Quit) => {
                self.reject(slot, Reply::ok());
                return Ok(Some(Ending::Quit));
            }
            Err(error) => self.reject(slot, Reply::error(error.to_string())),
        }
        Ok(None)
    }

    fn dispatch(&mut self, epoch: u64, command: Command, slot: ReplySlot) {
        let ops = match command {
            Command::Object(request) => Ops::One(request, slot),
            Command::Objects(requests, summary) => Ops::Several(requests, summary, slot),
            Command::AtEpoch(..) | Command::Admin(_) | Command::Quit => {
                return self.reject(slot, Reply::error(CommandError::NoOperation.to_string()));
            }
        };
        self.deliver(OsdMessage::Ops(Arc::downgrade(self.session), MapOps { epoch, ops }));
    }

    fn deliver(&mut self, message: OsdMessage) {
        trace::delivers(&message);
        let mut delivered = self.connection.try_deliver(message);
        if let Err(refused) = delivered {
            delivered = match refused.reason() {
                Refusal::Full => {
                    // Replies that are due must not wait with this thread. Room comes: no callback waits for a client.
                    self.replies.end_batch();
                    self.connection.deliver(refused.into_message())
                }
                _ => Err(refused),
            };
        }
        // What was accepted, the queue counts.
        if let Err(refused) = delivered {
            self.counters.refused.add(1);
            if let Some(slot) = refused.into_message().into_slot() {
                slot.fill(Reply::error("SHUTDOWN the daemon is stopping; this request was not accepted"));
            }
        }
    }

    fn client_is_gone(&self) -> Ending {
        self.replies.abandon();
        Ending::ClientGone
    }

    /// Answers what need not be delivered.
    fn reject(&self, slot: ReplySlot, reply: Reply) {
        self.counters.rejected.add(1);
        slot.fill(reply);
    }

    fn give_up(&self, error: &ProtocolError) -> Ending {
        self.counters.protocol_errors.add(1);
        if let Ok(slot) = self.replies.reserve(0) {
            self.reject(slot, Reply::error(format!("ERR Protocol error: {error}")));
        }
        Ending::ProtocolError
    }
}
