//! The replies of one connection: given in any order, sent in the order of the requests.
//!
//! The reader reserves a slot for each request; whoever has the reply, on whatever thread, fills the slot and
//! never blocks. When too much is outstanding, the reader waits, and so, by way of TCP, does the client.
//!
//! Requests that arrived together are a batch, and their replies leave together (as they do in Redis): to send costs
//! more than most requests do. Whoever completes a batch sends it, once, as far as the socket takes it at once. The
//! writer's thread is woken for the rest only, for what is large, and for what became due meanwhile: a slow client
//! stops nobody else, and nor does one that never ceases to ask.
//!
//! There is one [`Outlet`], and only who has taken it out of the state may send; with it he takes the filled slots off
//! the front, so replies leave in order. If a batch becomes due first, and the outlet comes back then, who brings it
//! back sees the batch and wakes the writer. If the outlet is back first, who completes the batch takes it.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::counters::Counters;
use crate::limits;
use crate::outlet::Outlet;
use crate::reply::{LARGE, Reply};

/// So many replies leave without waiting for the rest of their batch.
const MANY: usize = 128;

#[derive(Debug)]
pub struct Replies {
    state: Mutex<State>,
    /// The writer waits for what others leave to it.
    left: Condvar,
    /// The reader waits for slots to be taken.
    room: Condvar,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct State {
    slots: VecDeque<Slot>,
    /// The number of the front slot.
    first: u64,
    /// How many slots, from the front, are filled,
    ready: usize,
    /// and the bytes of their replies.
    ready_bytes: usize,
    /// Whether what is ready should be sent: there is a whole batch in it, or much.
    due: bool,
    /// Bytes of all slots: the request's until it is answered, then the reply's.
    bytes: usize,
    /// None while somebody sends.
    outlet: Option<Outlet>,
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
    /// Until it is filled.
    replies: Option<Arc<Replies>>,
    number: u64,
    /// Of the request.
    bytes: usize,
}

impl Replies {
    /// For the client at the other end of `stream`.
    pub fn new(stream: Arc<TcpStream>, counters: Arc<Counters>) -> Arc<Self> {
        let (left, room) = (Condvar::new(), Condvar::new());
        Arc::new(Self { state: Mutex::new(State::new(Outlet::new(stream))), left, room, counters })
    }

    /// The next slot, for a request of `bytes`. Waits until there is room. For the reader.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<ReplySlot, Broken> {
        let mut state = self.state.lock();
        while state.is_full(bytes) && !state.broken {
            state.end_batch();
            self.send_due(&mut state);
            if state.is_full(bytes) && !state.broken {
                state.reader_sleeps = true;
                self.room.wait(&mut state);
            }
        }
        if state.broken {
            return Err(Broken);
        }
        let number = state.first + state.slots.len() as u64;
        state.bytes += bytes;
        state.slots.push_back(Slot { reply: None, bytes, ends_batch: false });
        drop(state);
        Ok(ReplySlot { replies: Some(Arc::clone(self)), number, bytes })
    }

    /// The reader has taken all requests that had arrived. Without this their replies may be held back.
    pub fn end_batch(&self) {
        let mut state = self.state.lock();
        state.end_batch();
        self.send_due(&mut state);
    }

    /// There will be no more requests. For the reader.
    pub fn complete(&self) {
        let mut state = self.state.lock();
        state.complete = true;
        state.end_batch();
        self.send_due(&mut state);
    }

    /// Sends what others leave, and waits for it, until all is sent. For the writer.
    pub fn send_rest(&self) -> Result<(), Broken> {
        let mut state = self.state.lock();
        loop {
            if state.broken {
                return Err(Broken);
            }
            if state.is_over() {
                return Ok(());
            }
            let due = state.due;
            match state.outlet.take_if(|outlet| due || !outlet.is_empty()) {
                Some(outlet) => self.send(&mut state, outlet, Outlet::send),
                None => {
                    state.writer_sleeps = true;
                    self.left.wait(&mut state);
                }
            }
        }
    }

    /// The client is gone. For whoever finds out: reader and writer then leave.
    pub fn abandon(&self) {
        self.break_off(&mut self.state.lock());
    }

    fn fill(&self, number: u64, reply: Reply) {
        let bytes = reply.wire_len();
        let mut state = self.state.lock();
        state.fill(number, reply, bytes);
        self.send_due(&mut state);
    }

    /// Sends what is due if nobody else does and it need not wait. What is left then, the writer is woken for.
    fn send_due(&self, state: &mut MutexGuard<'_, State>) {
        if state.due && state.ready_bytes < LARGE && !state.broken {
            if let Some(outlet) = state.outlet.take_if(|outlet| outlet.is_empty()) {
                self.send(state, outlet, Outlet::send_now);
            }
        }
        self.wake_writer(state);
    }

    fn send(
        &self,
        state: &mut MutexGuard<'_, State>,
        mut outlet: Outlet,
        send: impl FnOnce(&mut Outlet) -> io::Result<()>,
    ) {
        state.take_ready(&mut outlet.replies);
        // Half a window of room before the reader is woken: not one wake for each reply.
        if state.reader_sleeps && state.has_room_to_spare() {
            state.reader_sleeps = false;
            self.room.notify_one();
        }
        let sent = MutexGuard::unlocked(state, || send(&mut outlet));
        state.outlet = Some(outlet);
        if sent.is_err() {
            self.break_off(state);
        }
    }

    fn break_off(&self, state: &mut State) {
        state.broken = true;
        self.room.notify_one();
        self.wake_writer(state);
    }

    fn wake_writer(&self, state: &mut State) {
        if state.writer_sleeps && state.needs_writer() {
            state.writer_sleeps = false;
            self.left.notify_one();
        }
    }
}

impl State {
    fn new(outlet: Outlet) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            ready: 0,
            ready_bytes: 0,
            due: false,
            bytes: 0,
            outlet: Some(outlet),
            writer_sleeps: false,
            reader_sleeps: false,
            complete: false,
            broken: false,
        }
    }

    fn fill(&mut self, number: u64, reply: Reply, bytes: usize) {
        let index = usize::try_from(number - self.first).expect("a slot is in memory");
        let slot = &mut self.slots[index];
        let requested = std::mem::replace(&mut slot.bytes, bytes);
        slot.reply = Some(reply);
        self.bytes = self.bytes - requested + bytes;
        if index == self.ready {
            self.advance();
        }
    }

    /// Counts the slots that have become ready.
    fn advance(&mut self) {
        while let Some(Slot { reply: Some(_), bytes, ends_batch }) = self.slots.get(self.ready) {
            self.ready += 1;
            self.ready_bytes += *bytes;
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

    /// Moves what is ready to `replies`.
    fn take_ready(&mut self, replies: &mut Vec<Reply>) {
        self.due = false;
        let ready = std::mem::take(&mut self.ready);
        self.bytes -= std::mem::take(&mut self.ready_bytes);
        self.first += ready as u64;
        replies.extend(self.slots.drain(..ready).filter_map(|slot| slot.reply));
    }

    /// Whoever sends now, wakes the writer himself if that is needed then.
    fn needs_writer(&self) -> bool {
        self.broken
            || self.is_over()
            || self.outlet.as_ref().is_some_and(|outlet| self.due || !outlet.is_empty())
    }

    /// Everything has been sent, and there will be no more.
    fn is_over(&self) -> bool {
        self.complete && self.slots.is_empty() && self.outlet.as_ref().is_some_and(Outlet::is_empty)
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
        if let Some(replies) = self.replies.take() {
            replies.counters.answered.add(1);
            replies.fill(self.number, reply);
        }
    }
}

impl Drop for ReplySlot {
    fn drop(&mut self) {
        if let Some(replies) = self.replies.take() {
            replies.counters.unanswered.add(1);
            replies.fill(self.number, Reply::error("ERR internal error: the request was lost"));
        }
    }
}

#[cfg(test)]
pub mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// And the client.
    pub fn with_client(counters: Arc<Counters>) -> (Arc<Replies>, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = Arc::new(listener.accept().unwrap().0);
        (Replies::new(stream, counters), client)
    }

    fn replies() -> (Arc<Replies>, TcpStream) {
        with_client(Arc::default())
    }

    fn expect(client: &mut TcpStream, due: &str) {
        let mut got = vec![0; due.len()];
        client.read_exact(&mut got).unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), due);
    }

    fn sent(replies: &Replies) -> u64 {
        replies.state.lock().first
    }

    #[test]
    fn leave_in_the_order_of_requests() {
        let (replies, mut client) = replies();
        let [a, b, c] = [0; 3].map(|_| replies.reserve(10).unwrap());
        b.fill(Reply::integer(2));
        a.fill(Reply::integer(1));
        c.fill(Reply::integer(3));
        replies.end_batch();
        expect(&mut client, ":1\r\n:2\r\n:3\r\n");
        replies.complete();
        assert!(replies.send_rest().is_ok());
        assert_eq!(replies.state.lock().bytes, 0);
    }

    #[test]
    fn a_batch_leaves_when_it_is_complete() {
        let (replies, mut client) = replies();
        let [a, b] = [0; 2].map(|_| replies.reserve(1).unwrap());
        replies.end_batch();
        let c = replies.reserve(1).unwrap();
        a.fill(Reply::integer(1));
        c.fill(Reply::integer(3));
        assert_eq!(sent(&replies), 0);
        b.fill(Reply::integer(2));
        expect(&mut client, ":1\r\n:2\r\n:3\r\n");
        for number in 0..MANY {
            assert_eq!(sent(&replies), 3, "{number}");
            replies.reserve(1).unwrap().fill(Reply::integer(0));
        }
        assert_eq!(sent(&replies), 3 + MANY as u64, "or when it is large");
    }

    #[test]
    fn a_lost_request_is_answered_with_an_error() {
        let (replies, mut client) = replies();
        let (lost, kept) = (replies.reserve(1).unwrap(), replies.reserve(1).unwrap());
        kept.fill(Reply::integer(2));
        drop(lost);
        replies.end_batch();
        expect(&mut client, "-ERR internal error: the request was lost\r\n:2\r\n");
        assert_eq!(replies.counters.unanswered.get(), 1);
    }

    #[test]
    fn the_reader_waits_for_room() {
        let (replies, _client) = replies();
        let slots: Vec<_> = (0..limits::IN_FLIGHT).map(|_| replies.reserve(1).unwrap()).collect();
        let reader = thread::spawn({
            let replies = Arc::clone(&replies);
            move || replies.reserve(1).map(|slot| slot.fill(Reply::ok())).is_ok()
        });
        for slot in slots {
            slot.fill(Reply::ok());
        }
        assert!(reader.join().unwrap());
    }

    #[test]
    fn a_dead_client_frees_the_reader() {
        let (replies, _client) = replies();
        let full = replies.reserve(limits::IN_FLIGHT_BYTES + 1).unwrap();
        let reader = thread::spawn({
            let replies = Arc::clone(&replies);
            move || replies.reserve(1).is_err()
        });
        replies.abandon();
        assert!(reader.join().unwrap());
        full.fill(Reply::ok());
    }

    #[test]
    fn a_dead_client_frees_the_writer() {
        let (replies, _client) = replies();
        let [ready, waits] = [0; 2].map(|_| replies.reserve(1).unwrap());
        ready.fill(Reply::ok());
        let writer = thread::spawn({
            let replies = Arc::clone(&replies);
            move || replies.send_rest().is_err()
        });
        replies.abandon();
        assert!(writer.join().unwrap(), "though a request waits");
        waits.fill(Reply::ok());
        assert!(replies.send_rest().is_err());
        assert_eq!(sent(&replies), 0, "and nothing is sent any more");
    }

    #[test]
    fn whoever_fills_finds_out_that_the_client_is_gone() {
        let (replies, client) = replies();
        let waits = replies.reserve(1).unwrap();
        let writer = thread::spawn({
            let replies = Arc::clone(&replies);
            move || replies.send_rest().is_err()
        });
        drop(client);
        waits.fill(Reply::ok());
        // The first one that is sent brings the news.
        while let Ok(slot) = replies.reserve(1) {
            replies.end_batch();
            slot.fill(Reply::ok());
        }
        assert!(writer.join().unwrap());
    }

    #[test]
    fn a_client_that_does_not_read_stops_the_writer_alone() {
        const COUNT: usize = 1000;
        let (replies, mut client) = replies();
        let reply = |number: usize| format!("{number:0>32768}");
        for number in 0..COUNT {
            let slot = replies.reserve(1).unwrap();
            replies.end_batch();
            // Nobody reads, nobody else writes: this test ends only if it does not wait.
            slot.fill(Reply::bulk(reply(number)));
        }
        assert!(sent(&replies) > 0 && sent(&replies) < COUNT as u64);
        assert!(replies.state.lock().outlet.as_ref().is_some_and(|outlet| !outlet.is_empty()));
        let writer = thread::spawn(move || {
            replies.complete();
            replies.send_rest().is_ok()
        });
        for number in 0..COUNT {
            expect(&mut client, &format!("$32768\r\n{}\r\n", reply(number)));
        }
        assert!(writer.join().unwrap());
    }

    #[test]
    fn the_writer_leaves_when_all_is_sent_and_nobody_sends() {
        let (replies, mut client) = replies();
        let reply = |number: usize| format!("{number:0>32768}");
        let is_stuck = || replies.state.lock().outlet.as_ref().is_some_and(|outlet| !outlet.is_empty());
        let mut count = 0;
        while !is_stuck() {
            let slot = replies.reserve(1).unwrap();
            replies.end_batch();
            slot.fill(Reply::bulk(reply(count)));
            count += 1;
        }
        let mut state = replies.state.lock();
        assert!(state.slots.is_empty(), "all is in the outlet");
        let outlet = state.outlet.take().unwrap();
        replies.send(&mut state, outlet, |outlet| {
            replies.complete();
            assert!(!replies.state.lock().is_over());
            outlet.send_now()
        });
        assert!(state.needs_writer() && !state.is_over());
        drop(state);
        // The client sees the end when the last of these is gone.
        let writer = thread::spawn(move || replies.send_rest().is_ok());
        for number in 0..count {
            expect(&mut client, &format!("$32768\r\n{}\r\n", reply(number)));
        }
        assert!(writer.join().unwrap());
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn one_sends_at_a_time_and_leaves_what_became_due_to_the_writer() {
        let (replies, mut client) = replies();
        let [a, b] = [0; 2].map(|_| {
            let slot = replies.reserve(1).unwrap();
            replies.end_batch();
            slot
        });
        let mut state = replies.state.lock();
        let outlet = state.outlet.take().unwrap();
        MutexGuard::unlocked(&mut state, || a.fill(Reply::integer(1)));
        assert!(state.due && !state.needs_writer(), "who has the outlet will see to it");
        replies.send(&mut state, outlet, |outlet| {
            b.fill(Reply::integer(2));
            outlet.send_now()
        });
        assert_eq!(state.first, 1);
        assert!(state.due && state.needs_writer());
        drop(state);
        replies.complete();
        assert!(replies.send_rest().is_ok());
        expect(&mut client, ":1\r\n:2\r\n");
    }

    #[test]
    fn many_fill_at_once_and_all_leave_in_order() {
        const THREADS: usize = 4;
        const BATCH: usize = 5;
        const COUNT: usize = 20_000;
        let (replies, mut client) = replies();
        thread::scope(|scope| {
            let fillers: Vec<_> = (0..THREADS)
                .map(|_| {
                    let (sender, slots) = std::sync::mpsc::channel::<ReplySlot>();
                    scope.spawn(move || {
                        slots.iter().for_each(|slot| {
                            let number = slot.number() as i64;
                            slot.fill(Reply::integer(number));
                        })
                    });
                    sender
                })
                .collect();
            let writer = scope.spawn(|| replies.send_rest().is_ok());
            let replies = &replies;
            scope.spawn(move || {
                for number in 0..COUNT {
                    fillers[number % THREADS].send(replies.reserve(1).unwrap()).unwrap();
                    if number % BATCH == 0 {
                        replies.end_batch();
                    }
                }
                replies.complete();
            });
            expect(&mut client, &(0..COUNT).map(|number| format!(":{number}\r\n")).collect::<String>());
            assert!(writer.join().unwrap());
        });
        assert_eq!(replies.state.lock().bytes, 0);
    }
}
