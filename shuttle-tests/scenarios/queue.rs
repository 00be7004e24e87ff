//! A queue under writers, messages to itself and stops: D1, D2, D5, D6, D10-D12.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keylane::{
    Connection, ConnectionId, Delivered, DispatchQueue, Dispatcher, Handled, Local, Message, Priority,
    QueueHandle, QueueReport,
};

use super::ledger::Ledger;
use super::plan::{Plan, Trigger, trigger};
use crate::threads::{self, Plain, Sender};

/// How big an execution is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Each has a connection; those with odd numbers an ordered one.
    pub writers: usize,
    /// How many messages each writer writes.
    pub messages: usize,
}

impl Size {
    pub const SMALL: Self = Self { writers: 4, messages: 3 };
    pub const WIDE: Self = Self { writers: 8, messages: 40 };

    /// The main one, the stopper, and the two of the queue too.
    pub const fn threads(&self) -> usize {
        self.writers + 4
    }

    /// Without those that callbacks send.
    pub const fn messages(&self) -> usize {
        self.writers * self.messages
    }
}

const PRIORITIES: [Priority; 3] = [Priority::LOW, Priority::DEFAULT, Priority::HIGH];

/// Message number `id`: those of writer 0, then of 1 and so on; then what their callbacks send to the queue.
struct Letter {
    id: usize,
    writer: usize,
    by: threads::Id,
    /// From whom it must seem to come.
    from: ConnectionId,
    ordered: bool,
    priority: usize,
    fast: bool,
    answer: Option<Sender<()>>,
    local: Local<Clerk>,
}

impl Message for Letter {
    fn priority(&self) -> Priority {
        PRIORITIES[self.priority]
    }
}

impl Letter {
    fn is_local(&self) -> bool {
        self.from == ConnectionId::LOCAL
    }

    fn panics(&self) -> bool {
        self.id % 6 == 5
    }

    /// Among those that are dispatched, whom it keeps its order with.
    fn queued_stream(&self) -> usize {
        (self.writer * 2 + usize::from(self.is_local())) * PRIORITIES.len() + self.priority
    }
}

/// Callbacks that must not overlap, and what they write to without synchronising: of each stream of messages
/// that keep their order, the next number that may run.
#[derive(Default)]
struct Desk {
    occupied: AtomicBool,
    next: Plain<Vec<usize>>,
}

struct World {
    size: Size,
    plan: Plan,
    ledger: Ledger,
    dispatch: Desk,
    local: Desk,
    /// By writer: the fast callbacks of its connection.
    fast: Box<[Desk]>,
    /// By writer, if its connection is ordered: all callbacks of it.
    ordered: Box<[Plain<Vec<usize>>]>,
    /// Panics on the two threads of the queue.
    panics: AtomicUsize,
}

struct Clerk(Arc<World>);

impl Dispatcher for Clerk {
    type Message = Letter;

    fn can_fast_dispatch(&self, letter: &Letter) -> bool {
        letter.fast
    }

    fn fast_dispatch(&self, from: ConnectionId, letter: Letter) -> Handled<Letter> {
        let Self(world) = self;
        if letter.is_local() {
            world.callback(from, &letter, &world.local, letter.writer);
        } else {
            world.ledger.promise(world.is_inside_its_call(&letter), "D5: a fast one runs inside deliver");
            world.callback(from, &letter, &world.fast[letter.writer], 0);
        }
        Ok(())
    }

    fn dispatch(&self, from: ConnectionId, letter: Letter) -> Handled<Letter> {
        let Self(world) = self;
        world.ledger.promise(!world.is_inside_its_call(&letter), "a queued one does not run inside deliver");
        world.callback(from, &letter, &world.dispatch, letter.queued_stream());
        Ok(())
    }
}

impl World {
    /// Whether this runs on the stack of the call that handed the letter in.
    fn is_inside_its_call(&self, letter: &Letter) -> bool {
        letter.by == threads::id() && !self.ledger.slots[letter.id].has_returned()
    }

    fn callback(&self, from: ConnectionId, letter: &Letter, desk: &Desk, stream: usize) {
        let ledger = &self.ledger;
        ledger.callback();
        ledger.promise(!desk.occupied.swap(true, Ordering::Relaxed), "D12: one at a time");
        ledger.promise(from == letter.from, "a callback is told the right connection");
        if letter.is_local() {
            ledger.promise(!self.is_inside_its_call(letter), "D6: never on the sender's stack");
        }
        desk.next.with(|next| self.in_order(next, stream, letter.id));
        if letter.ordered {
            self.ordered[letter.writer].with(|next| self.in_order(next, 0, letter.id));
        }
        threads::step();
        let child = letter.id + self.size.messages();
        if child < ledger.slots.len() && threads::below(4) == 0 {
            self.send(self.local(letter.writer, child, letter.local.clone(), None));
        }
        desk.next.with(|next| next.len());
        desk.occupied.store(false, Ordering::Relaxed);
        ledger.slots[letter.id].run();
        if let Some(answer) = &letter.answer {
            answer.send(()).expect("the writer waits for it");
        }
        ledger.callback();
        if letter.panics() {
            if letter.is_local() || !self.is_inside_its_call(letter) {
                self.panics.fetch_add(1, Ordering::Relaxed);
            }
            // Without the panic hook: shuttle's takes it for a failure.
            resume_unwind(Box::new("a callback panics"));
        }
    }

    /// D2, D5, D6. What callbacks sent has no order.
    fn in_order(&self, next: &mut Vec<usize>, stream: usize, id: usize) {
        if id >= self.size.messages() {
            return;
        }
        next.resize(next.len().max(stream + 1), 0);
        self.ledger.promise(id >= next[stream], "D2, D5, D6: what keeps its order runs in it");
        next[stream] = id + 1;
    }

    /// A message to oneself.
    fn local(&self, writer: usize, id: usize, local: Local<Clerk>, answer: Option<Sender<()>>) -> Letter {
        Letter {
            id,
            writer,
            by: threads::id(),
            from: ConnectionId::LOCAL,
            ordered: false,
            priority: threads::below(PRIORITIES.len()),
            fast: threads::below(2) == 0,
            answer,
            local,
        }
    }

    fn send(&self, letter: Letter) {
        let (id, local) = (letter.id, letter.local.clone());
        self.ledger.hand_in(id, || match local.send(letter) {
            Ok(()) => true,
            Err(refused) => self.comes_back(id, &refused.into_message()),
        });
    }

    fn deliver(&self, connection: &mut Connection<Clerk>, letter: Letter) {
        let (id, fast, ordered, panics) = (letter.id, letter.fast, letter.ordered, letter.panics());
        if connection.looks_closed() {
            self.ledger.promise(self.ledger.is_stopping(), "a hint is never ahead of the truth");
        }
        self.ledger.hand_in(id, || {
            let Ok(delivered) = catch_unwind(AssertUnwindSafe(|| connection.deliver(letter))) else {
                self.ledger.promise(fast && panics, "only a fast callback's panic unwinds out of deliver");
                return true;
            };
            match delivered {
                Ok(Delivered::Fast) => {
                    let ran = self.ledger.slots[id].has_run();
                    self.ledger.promise(fast && ran, "D5: what is fast has run");
                    true
                }
                Ok(Delivered::Queued) => {
                    self.ledger.promise(!fast || ordered, "D5: what qualifies is fast");
                    true
                }
                Err(refused) => self.comes_back(id, &refused.into_message()),
            }
        });
    }

    /// Always false: it was not taken.
    fn comes_back(&self, id: usize, letter: &Letter) -> bool {
        self.ledger.promise(letter.id == id, "D10: what is refused comes back");
        false
    }

    /// One thread's messages, through its connection or to the queue itself.
    fn write_all(&self, queue: &QueueHandle<Clerk>, writer: usize, trigger: &Trigger) {
        let ordered = writer % 2 == 1;
        let mut connection = if ordered { queue.connect_ordered() } else { queue.connect() };
        for number in 0..self.size.messages {
            self.plan.tick(trigger);
            let id = writer * self.size.messages + number;
            let (answer, answered) = threads::channel();
            // If it may be stopped, some would never be answered.
            let wait = self.plan.is_calm() && threads::below(3) == 0;
            let letter = self.local(writer, id, queue.local(), wait.then_some(answer));
            if threads::below(4) == 0 {
                self.send(letter);
            } else {
                let priority = if ordered { 1 } else { letter.priority };
                let from = connection.id();
                self.deliver(&mut connection, Letter { from, ordered, priority, ..letter });
            }
            if wait {
                // A forgotten one would wait for ever (D11).
                self.ledger.promise(answered.recv().is_ok(), "D1: what is accepted runs");
            }
        }
    }

    /// All that callbacks wrote is visible to whoever has joined (D10).
    fn look_at_everything(&self) {
        let desks = self.fast.iter().chain([&self.dispatch, &self.local]).map(|desk| &desk.next);
        for next in desks.chain(&self.ordered) {
            next.with(|next| next.len());
        }
    }

    fn check(&self, report: QueueReport<Letter>) {
        for (from, letter) in &report.leftovers {
            self.ledger.promise(*from == letter.from, "what comes back says from whom");
            self.ledger.slots[letter.id].hand_back();
            if !letter.is_local() {
                self.dispatch.next.with(|next| self.in_order(next, letter.queued_stream(), letter.id));
            }
        }
        self.ledger.promise(
            report.leftovers.is_empty() || self.plan.hands_back(),
            "D1: nothing is left that was to be run",
        );
        let panics = self.panics.load(Ordering::Relaxed);
        self.ledger.promise(report.panics == panics, "every callback that panicked is counted");
        drop(report);
        self.ledger.settle();
    }
}

/// One execution.
pub fn run(size: Size) {
    let world = Arc::new(World {
        size,
        plan: Plan::draw(size.messages()),
        ledger: Ledger::new(2 * size.messages()),
        dispatch: Desk::default(),
        local: Desk::default(),
        fast: (0..size.writers).map(|_| Desk::default()).collect(),
        ordered: (0..size.writers).map(|_| Plain::default()).collect(),
        panics: AtomicUsize::new(0),
    });
    let queue = DispatchQueue::builder(Clerk(Arc::clone(&world))).start().expect("threads can be started");
    let (trigger, listener) = trigger();

    let mut threads = Vec::new();
    for writer in 0..size.writers {
        let (world, queue, trigger) = (Arc::clone(&world), queue.handle(), trigger.clone());
        threads.push(threads::spawn(move || world.write_all(&queue, writer, &trigger)));
    }
    drop(trigger);
    {
        let (world, queue) = (Arc::clone(&world), queue.handle());
        threads.push(threads::spawn(move || {
            while let Ok(stop) = listener.recv() {
                world.ledger.stop(|| queue.shutdown(stop));
            }
        }));
    }
    let join = |queue: DispatchQueue<Clerk>| {
        let report = world.ledger.stop(|| queue.join()).expect("joined from outside");
        world.ledger.join();
        world.look_at_everything();
        report
    };
    // Joined while they write, or when they are through.
    let early = if !world.plan.is_calm() && threads::below(2) == 0 { Err(join(queue)) } else { Ok(queue) };
    for thread in threads {
        thread.join().expect("no thread of the scenario panics");
    }
    world.check(early.map_or_else(|report| report, join));
}
