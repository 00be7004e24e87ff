//! D1, D2, D6, D11, D12 with real threads: every message once, in its order, on the thread it belongs to.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use keylane::{ConnectionId, Delivered, DispatchQueue, Dispatcher, Handled, Message, Priority, Stop};

use common::{bounded, hear, together};

const READERS: usize = 4;
const MESSAGES: usize = 5_000;

#[derive(Clone, Copy, Debug)]
struct Letter {
    /// Which thread wrote it, and as its how manieth.
    writer: usize,
    number: usize,
    priority: Priority,
    qualifies: bool,
}

impl Letter {
    /// Some of each kind.
    fn new(writer: usize, number: usize) -> Self {
        let priority = [Priority::LOW, Priority::DEFAULT, Priority::HIGH][number % 3];
        Self { writer, number, priority, qualifies: number % 4 == 0 }
    }
}

impl Message for Letter {
    fn priority(&self) -> Priority {
        self.priority
    }
}

/// A letter, where it came from, and where it ran.
struct Seen {
    letter: Letter,
    from: ConnectionId,
    fast: bool,
    on: (ThreadId, Option<String>),
}

/// Writes down what it receives; fails if callbacks overlap that must not.
#[derive(Default)]
struct Clerk {
    seen: Mutex<Vec<Seen>>,
    dispatching: AtomicBool,
    /// By connection number; connections count from 1, and 0 is the queue itself.
    fast: [AtomicBool; READERS + 1],
}

impl Clerk {
    fn note(&self, from: ConnectionId, letter: Letter, fast: bool, alone: &AtomicBool) {
        assert!(!alone.swap(true, Ordering::Relaxed), "D12: one at a time");
        let on = (thread::current().id(), thread::current().name().map(str::to_owned));
        self.seen.lock().unwrap().push(Seen { letter, from, fast, on });
        alone.store(false, Ordering::Relaxed);
    }
}

struct Shared(Arc<Clerk>);

impl Dispatcher for Shared {
    type Message = Letter;

    fn can_fast_dispatch(&self, letter: &Letter) -> bool {
        letter.qualifies
    }

    fn fast_dispatch(&self, from: ConnectionId, letter: Letter) -> Handled<Letter> {
        let of_connection = &self.0.fast[usize::try_from(from.get()).unwrap()];
        self.0.note(from, letter, true, of_connection);
        Ok(())
    }

    fn dispatch(&self, from: ConnectionId, letter: Letter) -> Handled<Letter> {
        self.0.note(from, letter, false, &self.0.dispatching);
        Ok(())
    }
}

#[test]
fn every_message_runs_once_in_its_order_and_on_its_thread() {
    bounded(|| {
        let clerk = Arc::new(Clerk::default());
        let queue = DispatchQueue::builder(Shared(Arc::clone(&clerk))).name("post").start().unwrap();
        // Each writer has a connection and sends to the queue itself as well, turn about.
        let writers = together(READERS, |writer| {
            let (mut connection, local) = (queue.connect(), queue.local());
            for number in 0..MESSAGES {
                let letter = Letter::new(writer, number);
                if number % 5 == 0 {
                    local.send(letter).unwrap();
                } else {
                    let delivered = connection.deliver(letter).unwrap();
                    assert_eq!(delivered == Delivered::Fast, letter.qualifies);
                }
            }
            (connection.id(), thread::current().id())
        });
        let report = queue.join().unwrap();
        assert!(report.leftovers.is_empty());
        assert_eq!(report.panics, 0);

        let seen = clerk.seen.lock().unwrap();
        assert_eq!(seen.len(), READERS * MESSAGES, "D1");
        for (writer, &(connection, thread)) in writers.iter().enumerate() {
            for one in seen.iter().filter(|one| one.letter.writer == writer) {
                let local = one.letter.number % 5 == 0;
                assert_eq!(one.from, if local { ConnectionId::LOCAL } else { connection });
                assert_eq!(one.fast, one.letter.qualifies);
                let (on, name) = (one.on.0, one.on.1.as_deref());
                match (local, one.fast) {
                    (false, true) => assert_eq!(on, thread, "D5: on the thread that delivers"),
                    (true, true) => assert_eq!(name, Some("post-local"), "D6: never on the sender's stack"),
                    (_, false) => assert_eq!(name, Some("post-dispatch")),
                }
            }
            in_order(seen.iter().filter(|one| one.letter.writer == writer));
        }
    });
}

/// D2, D5, D6: within one way of arriving, one way of running, and one priority if queued.
fn in_order<'a>(seen: impl Iterator<Item = &'a Seen>) {
    let mut last = std::collections::HashMap::new();
    for Seen { letter, from, fast, .. } in seen {
        let lane = (*from, *fast, (!fast).then_some(letter.priority));
        let before = last.insert(lane, letter.number);
        assert!(before < Some(letter.number), "{lane:?}: {before:?} and then {}", letter.number);
    }
}

/// An ordered connection runs all its messages in the order of delivery, if they have one priority.
#[test]
fn an_ordered_connection_keeps_fast_ones_behind_queued_ones() {
    bounded(|| {
        let clerk = Arc::new(Clerk::default());
        let queue = DispatchQueue::builder(Shared(Arc::clone(&clerk))).start().unwrap();
        together(READERS, |writer| {
            let mut connection = queue.connect_ordered();
            for number in 0..MESSAGES {
                let priority = Priority::DEFAULT;
                // Long enough runs of qualifying ones for the lane to fall idle in between.
                let qualifies = number % 64 != 0;
                let _ = connection.deliver(Letter { writer, number, priority, qualifies }).unwrap();
            }
        });
        assert!(queue.join().unwrap().leftovers.is_empty());
        let seen = clerk.seen.lock().unwrap();
        for writer in 0..READERS {
            let numbers = seen.iter().filter(|one| one.letter.writer == writer).map(|one| one.letter.number);
            assert!(numbers.eq(0..MESSAGES), "writer {writer}");
        }
    });
}

/// One message at a time, each waited for: whenever one arrives, the thread sleeps or is about to.
#[test]
fn each_message_wakes_the_thread_that_is_to_run_it() {
    struct Echo(Sender<u32>);
    struct Ping(u32);
    impl Message for Ping {}
    impl Dispatcher for Echo {
        type Message = Ping;
        fn dispatch(&self, _: ConnectionId, ping: Ping) -> Handled<Ping> {
            self.0.send(ping.0).unwrap();
            Ok(())
        }
    }
    bounded(|| {
        let (tell, told) = channel();
        let queue = DispatchQueue::builder(Echo(tell)).start().unwrap();
        let (mut connection, local) = (queue.connect(), queue.local());
        for number in 0..2_000 {
            let _ = connection.deliver(Ping(number)).unwrap();
            assert_eq!(hear(&told), number);
            local.send(Ping(number)).unwrap();
            assert_eq!(hear(&told), number);
        }
        queue.shutdown(Stop::RunRemaining);
        assert!(queue.join().unwrap().leftovers.is_empty());
    });
}
