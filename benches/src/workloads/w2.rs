//! W2: four priorities and sixteen connections, which two threads serve. What keylane's queue is for.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};

use keylane::{Order, Overtakes, Weighted};

use crate::meter::{Meter, Sample};
use crate::peers::carrier::{Carrier, Field, RANKS, Shared, Workload};
use crate::peers::ceph_queue::{CephQueue, Lottery, TokenBuckets};
use crate::peers::fair::Fair;
use crate::peers::four_channels::FourChannels;
use crate::peers::heaps::Heap;
use crate::peers::keylane_queue::Keylane;
use crate::peers::monitor::{ParkingLot, Std};
use crate::peers::scheduled::{Locked, SwappedInto};
use crate::question::{Figure, Question, Target};
use crate::workloads::Size;
use crate::workloads::flood::flood;
use crate::workloads::parcel::{Lines, Parcel};

const PRODUCERS: usize = 2;
const CONNECTIONS: usize = 16;
/// Of a connection and a priority.
const LINES: usize = CONNECTIONS * RANKS;

/// Ceph's names for them: low, default, high, highest.
const STRICT: [u8; RANKS] = [64, 127, 196, 255];
/// Below the strict band.
const WEIGHTED: [u8; RANKS] = [8, 16, 32, 63];

const SCHEDULER: &str = "swapped Vec + scheduler";
const CHANNELS: &str = "four crossbeam channels";
const CEPH: [&str; 2] = ["Ceph: PrioritizedQueue", "Ceph: WeightedPriorityQueue"];
const HEAPS: [&str; 2] = ["BinaryHeap under a std Mutex", "BinaryHeap under a parking_lot Mutex"];

/// *live*: messages are picked while they arrive. *backlog*: all have been taken in before the first is picked, and only the picks
/// are measured, the callbacks included. Both in the strict band, and in the weighted one.
pub fn questions(size: Size) -> Vec<Question> {
    let target = |times, of: &[&'static str]| Target { times, of: of.to_vec() };
    let live = Mixed { messages: size.scale(1 << 19), priorities: STRICT, backlog: false };
    let backlog = Mixed { backlog: true, ..live };
    let peers = [&[SCHEDULER, CHANNELS][..], &HEAPS, &CEPH].concat();
    vec![
        Question {
            name: "W2/strict/live".to_owned(),
            contenders: strict(live).contenders,
            figure: Figure::Rate,
            targets: vec![target(1.5, &[SCHEDULER]), target(2.5, &[CHANNELS]), target(4.0, &CEPH)],
        },
        Question {
            name: "W2/strict/backlog".to_owned(),
            contenders: strict(backlog).contenders,
            figure: Figure::Rate,
            targets: vec![target(1.2, &peers)],
        },
        weighted("W2/weighted/live", Mixed { priorities: WEIGHTED, ..live }),
        weighted("W2/weighted/backlog", Mixed { priorities: WEIGHTED, ..backlog }),
    ]
}

/// Highest priority first, and within one connections in turn.
fn strict(workload: Mixed) -> Field<Mixed> {
    let mut field = Field::of(workload);
    field.enter("keylane", None, keylane(Order::default()));
    let lacks = Some("no bound on how often a message is overtaken");
    let unbounded = Order { overtakes: Overtakes::Unbounded, ..Order::default() };
    field.enter("keylane, any overtaking", lacks, keylane(unbounded));

    let lacks = Some("priorities and connections known beforehand; no bound on overtaking");
    field.enter(SCHEDULER, lacks, Shared(|| SwappedInto::new(Fair::<Parcel>::new(CONNECTIONS))));
    let lacks = Some("no turns of connections, no bound on overtaking");
    field.enter(HEAPS[0], lacks, Shared(|| Locked::<Std<_>>::new(Heap::<Parcel>::default())));
    field.enter(HEAPS[1], lacks, Shared(|| Locked::<ParkingLot<_>>::new(Heap::<Parcel>::default())));
    let lacks = Some("priorities known beforehand; no turns of connections, no bound on overtaking");
    field.enter::<Parcel>(CHANNELS, lacks, FourChannels);
    ceph(&mut field);
    field
}

/// Priorities share by their numbers.
fn weighted(name: &str, workload: Mixed) -> Question {
    let mut field = Field::of(workload);
    field.enter("keylane", None, keylane(Order::default()));
    let lottery = Order { weighted: Weighted::Lottery { seed: 1 }, ..Order::default() };
    field.enter("keylane, by lottery", None, keylane(lottery));
    ceph(&mut field);
    Question {
        name: name.to_owned(),
        contenders: field.contenders,
        figure: Figure::Rate,
        targets: Vec::new(),
    }
}

fn keylane(order: Order) -> Keylane {
    Keylane { connections: CONNECTIONS / PRODUCERS, order, bound: None }
}

fn ceph(field: &mut Field<Mixed>) {
    let lacks = Some("no bound on overtaking");
    field.enter(
        CEPH[0],
        lacks,
        Shared(|| Locked::<ParkingLot<_>>::new(CephQueue::<Parcel, TokenBuckets>::default())),
    );
    field.enter(
        CEPH[1],
        lacks,
        Shared(|| Locked::<ParkingLot<_>>::new(CephQueue::<Parcel, Lottery>::default())),
    );
}

/// Producers send on their connections, in priorities, at random; the same each time.
#[derive(Clone, Copy)]
struct Mixed {
    /// Of all producers together.
    messages: u64,
    priorities: [u8; RANKS],
    /// Whether the consumer waits until all has arrived.
    backlog: bool,
}

impl Workload<Parcel> for Mixed {
    fn run(&self, carrier: &impl Carrier<Parcel>) -> Sample {
        let picks = Arc::new(Picks::new(self.never_rises()));
        let (mut senders, join) = carrier.start(PRODUCERS, {
            let picks = Arc::clone(&picks);
            move |parcel| picks.take(&parcel)
        });
        if self.backlog {
            senders[0](Parcel { line: GATE, ..self.parcel(0, RANKS - 1, 0) });
            picks.gate.wait();
        }
        let of_each = self.messages / PRODUCERS as u64;
        let total = of_each * PRODUCERS as u64;
        let live = flood(senders, |producer| self.stream(producer, of_each));
        if self.backlog {
            picks.gate.wait();
        }
        join();
        let first = picks.first.lock().expect("nobody panics under it").take();
        let sample = if self.backlog { first.expect("there is one").stop(total) } else { live.stop(total) };
        picks.lines.assert_arrived(total);
        sample
    }
}

impl Mixed {
    /// Whether no pick may be of a higher priority than the one before: everything waits, in the strict band, and nothing can be
    /// overtaken so often that it goes by force.
    fn never_rises(self) -> bool {
        let overtakes = match Order::default().overtakes {
            Overtakes::AtMost(times) => times,
            Overtakes::Unbounded => u64::MAX,
        };
        let is_strict = |priority: &u8| *priority >= Order::default().strict_from;
        self.backlog && self.messages <= overtakes && self.priorities.iter().all(is_strict)
    }

    fn stream(self, producer: usize, messages: u64) -> impl Iterator<Item = Parcel> {
        let own = CONNECTIONS / PRODUCERS;
        let mut random = fastrand::Rng::with_seed(producer as u64);
        let mut sent = [0; LINES];
        (0..messages).map(move |_| {
            let (source, rank) = (producer * own + random.usize(..own), random.usize(..RANKS));
            let number = &mut sent[source * RANKS + rank];
            *number += 1;
            self.parcel(source, rank, *number - 1)
        })
    }

    fn parcel(self, source: usize, rank: usize, number: u64) -> Parcel {
        Parcel {
            source: u32::try_from(source).expect("there are few"),
            rank: u8::try_from(rank).expect("there are few"),
            priority: self.priorities[rank],
            ..Parcel::of_line(source * RANKS + rank, number)
        }
    }
}

/// The line of the message at which the consumer waits.
const GATE: u32 = u32::MAX;

/// What the consumer does.
struct Picks {
    lines: Lines,
    /// Passed twice: when the consumer waits, and when it may go on.
    gate: Barrier,
    begun: AtomicBool,
    /// Started by the first pick.
    first: Mutex<Option<Meter>>,
    /// Of the pick before, if priorities may not rise.
    priority: Option<AtomicU8>,
}

impl Picks {
    fn new(never_rises: bool) -> Self {
        Self {
            lines: Lines::new(LINES),
            gate: Barrier::new(2),
            begun: AtomicBool::new(false),
            first: Mutex::new(None),
            priority: never_rises.then(|| AtomicU8::new(u8::MAX)),
        }
    }

    fn take(&self, parcel: &Parcel) {
        if parcel.line == GATE {
            self.gate.wait();
            self.gate.wait();
            return;
        }
        // The first pick has everything taken in: it is not measured, and what follows is.
        if !self.begun.load(Relaxed) {
            self.begun.store(true, Relaxed);
            *self.first.lock().expect("nobody panics under it") = Some(Meter::start());
        }
        if let Some(before) = &self.priority {
            let before = before.swap(parcel.priority, Relaxed);
            assert!(parcel.priority <= before, "{} waits while {before} is picked", parcel.priority);
        }
        self.lines.take(parcel);
    }
}
