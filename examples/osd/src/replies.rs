//! The replies of one connection: given in any order, sent in the order of the requests.
//!
//! The reader reserves a slot for each request; whoever has the reply, on whatever thread, fills the slot and
//! never blocks; the writer takes the filled slots off the front. When too much is outstanding, the reader waits,
//! and so, by way of TCP, does the client.
//!
//! Requests that arrived together are a batch, and their replies leave together (as they do in Redis): to wake the
//! writer and to write costs more than most requests do.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::counters::Counters;
use crate::limits;
use crate::reply::Reply;

/// So many replies leave without waiting for the rest of their batch.
const MANY: usize = 128;

#[derive(Debug)]
pub struct Replies {
    state: Mutex<State>,
    /// The writer waits for replies that are due.
    filled: Condvar,
    /// The reader waits for slots to be taken.
    room: Condvar,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct State {
    slots: VecDeque<Slot>,
    /// The number of the front slot.
    first: u64,
    /// How many slots, from the front, are filled.
    ready: usize,
    /// Whether the writer should take what is ready: there is a whole batch in it, or much.
    due: bool,
    /// Bytes of all slots: the request's until it is answered, then the reply's.
    bytes: usize,
    writer_sleeps: bool,
    reader_sleeps: bool,
    /// The reader has left: when these slots are gone, that was all.
    complete: bool,
    /// The client is gone: nobody will get any reply.
    broken: bool,
}

#[derive(Debug)]
struct Slot {
    reply: Option<Reply>,
    bytes: usize,
    ends_batch: bool,
}

/// The client can no longer be written to.
#[derive(Debug)]
pub struct Broken;

/// The duty to answer one request. Dropped unfilled, as when a handler panics or the queue discards what a client had
/// queued that is gone, it answers with an error: no reply may be held up by one that never comes.
#[derive(Debug)]
#[must_use]
pub struct ReplySlot {
    replies: Arc<Replies>,
    number: u64,
    /// Of the request.
    bytes: usize,
    filled: bool,
}

impl Replies {
    pub fn new(counters: Arc<Counters>) -> Arc<Self> {
        let (filled, room) = (Condvar::new(), Condvar::new());
        Arc::new(Self { state: Mutex::default(), filled, room, counters })
    }

    /// The next slot, for a request of `bytes`. Waits until there is room. For the reader.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<ReplySlot, Broken> {
        let mut state = self.state.lock();
        while state.is_full(bytes) && !state.broken {
            state.end_batch();
            self.wake_writer(&mut state);
            state.reader_sleeps = true;
            self.room.wait(&mut state);
        }
        if state.broken {
            return Err(Broken);
        }
        let number = state.first + state.slots.len() as u64;
        state.slots.push_back(Slot { reply: None, bytes, ends_batch: false });
        state.bytes += bytes;
        Ok(ReplySlot { replies: Arc::clone(self), number, bytes, filled: false })
    }

    /// The reader has taken all requests that had arrived. Without this their replies may be held back.
    pub fn end_batch(&self) {
        let mut state = self.state.lock();
        state.end_batch();
        self.wake_writer(&mut state);
    }

    /// There will be no more requests. For the reader.
    pub fn complete(&self) {
        let mut state = self.state.lock();
        state.complete = true;
        state.end_batch();
        self.wake_writer(&mut state);
    }

    /// Moves the replies whose turn it is to `batch`; waits for some. False when that was all, or the client is
    /// gone. For the writer.
    pub fn take(&self, batch: &mut Vec<Reply>) -> bool {
        let mut state = self.state.lock();
        while !state.due || state.broken {
            if state.broken || (state.complete && state.slots.is_empty()) {
                return false;
            }
            state.writer_sleeps = true;
            self.filled.wait(&mut state);
        }
        state.due = false;
        let ready = std::mem::take(&mut state.ready);
        let bytes: usize = state.slots.iter().take(ready).map(|slot| slot.bytes).sum();
        batch.extend(state.slots.drain(..ready).filter_map(|slot| slot.reply));
        state.bytes -= bytes;
        state.first += ready as u64;
        // Half a window of room before the reader is woken: not one wake for each reply.
        if state.reader_sleeps && state.has_room_to_spare() {
            state.reader_sleeps = false;
            self.room.notify_one();
        }
        true
    }

    /// The client is gone. For whoever finds out, reader or writer: the other one then leaves too.
    pub fn abandon(&self) {
        let mut state = self.state.lock();
        state.broken = true;
        self.room.notify_one();
        self.wake_writer(&mut state);
    }

    fn fill(&self, number: u64, reply: Reply) {
        let bytes = reply.wire_len();
        let mut state = self.state.lock();
        let front = state.first;
        let index = usize::try_from(number - front).expect("a slot is in memory");
        let slot = &mut state.slots[index];
        let requested = std::mem::replace(&mut slot.bytes, bytes);
        slot.reply = Some(reply);
        state.bytes = state.bytes - requested + bytes;
        state.advance();
        self.wake_writer(&mut state);
    }

    fn wake_writer(&self, state: &mut State) {
        if state.writer_sleeps && (state.due || state.complete || state.broken) {
            state.writer_sleeps = false;
            self.filled.notify_one();
        }
    }
}

impl State {
    /// Counts the slots that have become ready.
    fn advance(&mut self) {
        while let Some(Slot { reply: Some(_), ends_batch, .. }) = self.slots.get(self.ready) {
            self.ready += 1;
            self.due |= *ends_batch || self.ready >= MANY;
        }
    }

    fn end_batch(&mut self) {
        let Some(last) = self.slots.back_mut() else {
            return;
        };
        last.ends_batch = true;
        self.due |= self.ready == self.slots.len();
    }

    fn is_full(&self, bytes: usize) -> bool {
        // One request always passes, whatever its size.
        !self.slots.is_empty()
            && (self.slots.len() >= limits::IN_FLIGHT || self.bytes + bytes > limits::IN_FLIGHT_BYTES)
    }

    fn has_room_to_spare(&self) -> bool {
        self.slots.is_empty()
            || (self.slots.len() <= limits::IN_FLIGHT / 2 && self.bytes <= limits::IN_FLIGHT_BYTES / 2)
    }
}

impl ReplySlot {
    /// Which request of its connection it answers.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How large the request is.
    pub fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Answers the request.
    pub fn fill(mut self, reply: Reply) {
        self.filled = true;
        self.replies.counters.answered.add(1);
        self.replies.fill(self.number, reply);
    }
}

impl Drop for ReplySlot {
    fn drop(&mut self) {
        if !self.filled {
            self.replies.counters.unanswered.add(1);
            self.replies.fill(self.number, Reply::error("ERR internal error: the request was lost"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies() -> Arc<Replies> {
        Replies::new(Arc::default())
    }

    fn taken(replies: &Replies) -> Vec<Option<i64>> {
        let mut batch = Vec::new();
        assert!(replies.take(&mut batch));
        batch.iter().map(Reply::as_integer).collect()
    }

    #[test]
    fn leave_in_the_order_of_requests() {
        let replies = replies();
        let [a, b, c] = [0; 3].map(|_| replies.reserve(10).unwrap());
        b.fill(Reply::integer(2));
        a.fill(Reply::integer(1));
        c.fill(Reply::integer(3));
        replies.end_batch();
        assert_eq!(taken(&replies), [Some(1), Some(2), Some(3)]);
        replies.complete();
        assert!(!replies.take(&mut Vec::new()));
        assert_eq!(replies.state.lock().bytes, 0);
    }

    #[test]
    fn a_batch_leaves_when_it_is_complete() {
        let replies = replies();
        let [a, b] = [0; 2].map(|_| replies.reserve(1).unwrap());
        replies.end_batch();
        let c = replies.reserve(1).unwrap();
        a.fill(Reply::integer(1));
        assert!(!replies.state.lock().due);
        c.fill(Reply::integer(3));
        b.fill(Reply::integer(2));
        assert_eq!(taken(&replies), [Some(1), Some(2), Some(3)], "and takes along what is ready");
        for number in 0..MANY {
            assert!(!replies.state.lock().due, "{number}");
            replies.reserve(1).unwrap().fill(Reply::integer(0));
        }
        assert_eq!(taken(&replies).len(), MANY, "or when it is large");
    }

    #[test]
    fn a_lost_request_is_answered_with_an_error() {
        let replies = replies();
        let (lost, kept) = (replies.reserve(1).unwrap(), replies.reserve(1).unwrap());
        kept.fill(Reply::integer(2));
        drop(lost);
        replies.end_batch();
        assert_eq!(taken(&replies), [None, Some(2)]);
        assert_eq!(replies.counters.unanswered.get(), 1);
    }

    #[test]
    fn the_reader_waits_for_room() {
        let replies = replies();
        let slots: Vec<_> = (0..limits::IN_FLIGHT).map(|_| replies.reserve(1).unwrap()).collect();
        let reader = std::thread::spawn({
            let replies = Arc::clone(&replies);
            move || replies.reserve(1).map(|slot| slot.fill(Reply::ok())).is_ok()
        });
        for slot in slots {
            slot.fill(Reply::ok());
        }
        let mut batch = Vec::new();
        while batch.len() < limits::IN_FLIGHT {
            assert!(replies.take(&mut batch));
        }
        assert!(reader.join().unwrap());
    }

    #[test]
    fn a_dead_client_frees_the_reader() {
        let replies = replies();
        let full = replies.reserve(limits::IN_FLIGHT_BYTES + 1).unwrap();
        let reader = std::thread::spawn({
            let replies = Arc::clone(&replies);
            move || replies.reserve(1).is_err()
        });
        replies.abandon();
        assert!(reader.join().unwrap());
        full.fill(Reply::ok());
    }

    #[test]
    fn a_dead_client_frees_the_writer() {
        let replies = replies();
        let [ready, waits] = [0; 2].map(|_| replies.reserve(1).unwrap());
        ready.fill(Reply::ok());
        let writer = std::thread::spawn({
            let replies = Arc::clone(&replies);
            move || replies.take(&mut Vec::new())
        });
        replies.abandon();
        assert!(!writer.join().unwrap(), "though a request waits");
        waits.fill(Reply::ok());
        assert!(!replies.take(&mut Vec::new()), "and nothing is sent any more");
    }
}
