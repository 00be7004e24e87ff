//! Many messages through one queue, with resets, discards and limits all the while, and every one accounted for at the
//! end. Two millions in an ordinary run; `KEYLANE_SOAK=1000000000 cargo test --release --test soak -- --nocapture` for
//! as many as you like.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use keylane::{
    Connection, ConnectionId, Delivered, DispatchQueue, Dispatcher, Event, Handled, Limits, Message,
    Priority, QueueHandle, Refusal,
};

use common::together;

const PRODUCERS: usize = 3;

/// What became of the messages, counted where it happened.
#[derive(Default)]
struct Counts {
    fast: AtomicU64,
    dispatched: AtomicU64,
    unhandled: AtomicU64,
    /// Dropped without having run.
    dropped: AtomicU64,
    told: AtomicU64,
    reset: AtomicU64,
}

struct Parcel {
    number: u64,
    counts: &'static Counts,
    has_run: bool,
}

impl Message for Parcel {
    fn priority(&self) -> Priority {
        Priority([10, 30, 100, 127, 200][(self.number % 5) as usize])
    }

    fn cost(&self) -> u64 {
        1 + self.number % 64
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if !self.has_run {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Clerk(&'static Counts);

impl Clerk {
    fn run(&self, mut parcel: Parcel, count: &AtomicU64) -> Handled<Parcel> {
        parcel.has_run = true;
        if parcel.number % 1_000 == 7 {
            return Err(parcel);
        }
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Dispatcher for Clerk {
    type Message = Parcel;

    fn can_fast_dispatch(&self, parcel: &Parcel) -> bool {
        parcel.number % 3 == 0
    }

    fn fast_dispatch(&self, _: ConnectionId, parcel: Parcel) -> Handled<Parcel> {
        self.run(parcel, &self.0.fast)
    }

    fn dispatch(&self, _: ConnectionId, parcel: Parcel) -> Handled<Parcel> {
        self.run(parcel, &self.0.dispatched)
    }

    fn unhandled(&self, _: ConnectionId, _: &Parcel) {
        self.0.unhandled.fetch_add(1, Ordering::Relaxed);
    }

    fn event(&self, _: ConnectionId, event: Event) -> bool {
        let count = if event == Event::Reset { &self.0.reset } else { &self.0.told };
        count.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// What a producer did.
#[derive(Default)]
struct Produced {
    accepted: u64,
    resets: u64,
    announced: u64,
}

/// A fixed sequence that looks random (Marsaglia's xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn connect(queue: &QueueHandle<Clerk>, dice: &mut Dice, produced: &mut Produced) -> Connection<Clerk> {
    let mut connection = if dice.roll(4) == 0 { queue.connect_ordered() } else { queue.connect() };
    connection.accepted().unwrap();
    produced.announced += 1;
    connection
}

fn produce(queue: &QueueHandle<Clerk>, seed: u64, messages: u64, counts: &'static Counts) -> Produced {
    let (mut dice, mut produced) = (Dice(0x9E37_79B9_7F4A_7C15 ^ seed), Produced::default());
    let mut connection = connect(queue, &mut dice, &mut produced);
    while produced.accepted < messages {
        let parcel = Parcel { number: dice.roll(1 << 40), counts, has_run: false };
        let outcome =
            if dice.roll(8) == 0 { connection.try_deliver(parcel) } else { connection.deliver(parcel) };
        match outcome {
            Ok(Delivered::Fast | Delivered::Queued) => produced.accepted += 1,
            Err(refused) => {
                assert_eq!(refused.reason(), Refusal::Full);
                // It comes back, and is dropped here: none of the queue's business.
                refused.into_message().has_run = true;
            }
        }
        match dice.roll(2_000) {
            0 => {
                let next = connect(queue, &mut dice, &mut produced);
                std::mem::replace(&mut connection, next).reset().unwrap();
                produced.resets += 1;
            }
            1 => queue.discard(connection.id()).unwrap(),
            2 => {
                connection.remote_reset().unwrap();
                produced.announced += 1;
            }
            _ => {}
        }
    }
    produced
}

#[test]
fn every_message_is_accounted_for() {
    let messages: u64 = std::env::var("KEYLANE_SOAK").map_or(2_000_000, |text| text.parse().unwrap());
    let counts: &'static Counts = Box::leak(Box::default());
    let limits = Limits { count: Some(1_000), bytes: Some(20_000) };
    let queue = DispatchQueue::builder(Clerk(counts)).limits(limits).start().unwrap();
    let produced =
        together(PRODUCERS, |producer| produce(&queue, producer as u64, messages / PRODUCERS as u64, counts));
    let handle = queue.handle();
    let report = queue.join().unwrap();
    assert!(report.leftovers.is_empty() && report.events.is_empty());
    assert_eq!(report.panics, 0);

    let sum = |of: fn(&Produced) -> u64| produced.iter().map(of).sum::<u64>();
    let now = |count: &AtomicU64| count.load(Ordering::SeqCst);
    let (fast, dispatched) = (now(&counts.fast), now(&counts.dispatched));
    let (unhandled, dropped) = (now(&counts.unhandled), now(&counts.dropped));
    println!("{fast} fast, {dispatched} dispatched, {unhandled} unhandled, {dropped} discarded");
    assert_eq!(sum(|of| of.accepted), fast + dispatched + unhandled + dropped, "D1: one fate each");
    assert_eq!(report.unhandled, unhandled);
    assert_eq!((sum(|of| of.resets), sum(|of| of.announced)), (now(&counts.reset), now(&counts.told)), "D9");
    assert!(fast > 0 && dispatched > 0 && unhandled > 0 && dropped > 0, "all of it has happened");
    let out = handle.throttle().unwrap().snapshot();
    assert_eq!((out.count, out.bytes, out.waiting), (0, 0, 0), "D8");
}
