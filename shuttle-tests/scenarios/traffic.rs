//! A queue with limits whose connections come and go, are discarded and reset: D1, D7-D9, D11, and figures that add up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keylane::{
    Connection, ConnectionId, Delivered, DispatchQueue, Dispatcher, Event, Handled, Limits, Message,
    Priority, QueueHandle, QueueSnapshot, Refusal,
};

use crate::threads;

/// How big an execution is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Each has a connection at a time.
    pub readers: usize,
    /// How many things each reader does.
    pub steps: usize,
}

impl Size {
    pub const SMALL: Self = Self { readers: 4, steps: 4 };
    pub const WIDE: Self = Self { readers: 8, steps: 40 };

    /// The main one and the two of the queue too.
    pub const fn threads(&self) -> usize {
        self.readers + 3
    }

    /// At most: some steps are other things.
    pub const fn messages(&self) -> usize {
        self.readers * self.steps
    }
}

/// So few that readers wait.
const LIMITS: Limits = Limits { count: Some(3), bytes: Some(9) };

/// What became of messages and events, where it happened.
#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    ran: AtomicU64,
    dropped: AtomicU64,
    raised: AtomicU64,
    told: AtomicU64,
    /// Connections that have been reset, of which nothing may run any more.
    resets: AtomicU64,
}

fn add(figure: &AtomicU64) {
    figure.fetch_add(1, Ordering::Relaxed);
}

fn now(figure: &AtomicU64) -> u64 {
    figure.load(Ordering::Relaxed)
}

struct Parcel {
    kind: usize,
    counts: Arc<Counts>,
    has_run: bool,
}

impl Message for Parcel {
    fn priority(&self) -> Priority {
        [Priority(9), Priority::DEFAULT, Priority::HIGH][self.kind % 3]
    }

    fn cost(&self) -> u64 {
        1 + self.kind as u64 % 4
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if !self.has_run {
            add(&self.counts.dropped);
        }
    }
}

struct Clerk(Arc<Counts>);

impl Clerk {
    fn run(&self, mut parcel: Parcel) -> Handled<Parcel> {
        parcel.has_run = true;
        threads::step();
        add(&self.0.ran);
        Ok(())
    }
}

impl Dispatcher for Clerk {
    type Message = Parcel;

    fn can_fast_dispatch(&self, parcel: &Parcel) -> bool {
        parcel.kind % 5 == 0
    }

    fn fast_dispatch(&self, _: ConnectionId, parcel: Parcel) -> Handled<Parcel> {
        self.run(parcel)
    }

    fn dispatch(&self, _: ConnectionId, parcel: Parcel) -> Handled<Parcel> {
        self.run(parcel)
    }

    fn event(&self, _: ConnectionId, event: Event) -> bool {
        add(&self.0.told);
        if event == Event::Reset {
            add(&self.0.resets);
        }
        true
    }
}

fn adds_up(snapshot: &QueueSnapshot) -> bool {
    let QueueSnapshot { queued, throttle, .. } = snapshot;
    let out = throttle.expect("it has limits");
    queued.accepted == queued.depth() + queued.dispatched + queued.discarded + queued.handed_back
        && out.count <= 3
        && (out.bytes <= 9 || out.count == 1)
}

fn deliver(connection: &mut Connection<Clerk>, counts: &Arc<Counts>) {
    let parcel = Parcel { kind: threads::below(60), counts: Arc::clone(counts), has_run: false };
    let outcome = match threads::below(4) {
        0 => connection.try_deliver(parcel),
        1 => connection.deliver_timeout(parcel, Duration::from_secs(1)),
        _ => connection.deliver(parcel),
    };
    match outcome {
        Ok(Delivered::Fast | Delivered::Queued) => add(&counts.accepted),
        Err(refused) => {
            assert!(matches!(refused.reason(), Refusal::Full | Refusal::TimedOut), "{refused:?}");
            refused.into_message().has_run = true;
        }
    }
}

fn connect(queue: &QueueHandle<Clerk>, counts: &Counts) -> Connection<Clerk> {
    let mut connection = if threads::below(2) == 0 { queue.connect() } else { queue.connect_ordered() };
    if threads::below(2) == 0 {
        connection.accepted().expect("the queue is open");
        add(&counts.raised);
    }
    connection
}

fn read(queue: &QueueHandle<Clerk>, steps: usize, counts: &Arc<Counts>) {
    let mut connection = connect(queue, counts);
    for _ in 0..steps {
        match threads::below(12) {
            0 => {
                let next = connect(queue, counts);
                std::mem::replace(&mut connection, next).reset().expect("the queue is open");
                add(&counts.raised);
            }
            1 => queue.discard(connection.id()).expect("the queue is open"),
            2 => connection.discard().expect("the queue is open"),
            3 => assert!(adds_up(&queue.snapshot()), "{:?}", queue.snapshot()),
            _ => deliver(&mut connection, counts),
        }
    }
}

/// One execution.
pub fn run(size: Size) {
    let counts = Arc::new(Counts::default());
    let builder = DispatchQueue::builder(Clerk(Arc::clone(&counts)));
    let queue = builder.limits(LIMITS).start().expect("threads can be started");
    let readers: Vec<_> = (0..size.readers)
        .map(|_| {
            let (queue, counts) = (queue.handle(), Arc::clone(&counts));
            threads::spawn(move || read(&queue, size.steps, &counts))
        })
        .collect();
    for reader in readers {
        reader.join().expect("no reader panics");
    }
    let handle = queue.handle();
    let report = queue.join().expect("joined from outside");
    assert!(
        report.leftovers.is_empty() && report.events.is_empty(),
        "D1, D9: all of it runs, or is discarded"
    );
    let end = handle.snapshot();
    let out = end.throttle.expect("it has limits");
    assert_eq!((out.count, out.bytes, out.waiting), (0, 0, 0), "D8: nothing is out");
    assert_eq!(now(&counts.accepted), now(&counts.ran) + now(&counts.dropped), "D1: one fate each");
    assert_eq!(now(&counts.raised), now(&counts.told), "D9: each event once");
    assert_eq!(end.fast + end.queued.dispatched, now(&counts.ran), "the figures are right");
    assert_eq!(
        end.queued.discarded,
        now(&counts.dropped),
        "D7: what was discarded, and nothing else, was dropped"
    );
    assert!(adds_up(&end), "{end:?}");
}
