//! Figures about a queue that always add up.
//!
//! The two inboxes count under their own locks, which producers and consumers take anyway: what arrives when it arrives,
//! what becomes of it when its consumer next looks. So no figure costs an atomic operation or a lock of its own, and those
//! of one inbox are of one moment.

use core::time::Duration;

use crate::clock::Moment;
use crate::dispatch::callback::Callback;
use crate::dispatch::known::{KnownLines, Line};
use crate::dispatch::message::Priority;
use crate::dispatch::shared::{Arrival, Letter};
use crate::lane::{KEPT, Tally};
use crate::throttle::ThrottleSnapshot;
use crate::watch::Running;

/// What has become of the messages of a queue: see [`QueueHandle::snapshot`](crate::QueueHandle::snapshot).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueSnapshot {
    /// Connections that exist. None, once the queue has been shut down.
    pub connections: usize,
    /// Fast callbacks of connections that are over, those included that panicked.
    pub fast: u64,
    /// Messages that ran, fast or queued, and that no dispatcher took.
    pub unhandled: u64,
    /// What was sent to oneself.
    pub local: LocalSnapshot,
    /// What the dispatch thread gets.
    pub queued: QueuedSnapshot,
    /// What the queue's limits have let in, if it has some.
    pub throttle: Option<ThrottleSnapshot>,
    /// Callbacks that run, if the queue is [watched](crate::DispatchQueueBuilder::watch): those of the dispatch thread,
    /// of the local one, and then of connections, in the order in which these connected.
    pub running: Vec<Running<Callback>>,
    /// Whether the queue has a clock, without which nothing has an age.
    pub has_clock: bool,
}

/// The messages and events of the dispatch thread. Of one moment, and so
///
/// * `accepted` is [`depth`](Self::depth) and `dispatched` and `discarded` and `handed_back` together;
/// * `raised` is `told` and `untold` and what still waits.
///
/// What the dispatch thread does is counted when it next looks at what has arrived. It need not look for each message: so up to
/// 64 messages and events, the one whose callback runs among them, count as waiting though they do not any more, while others
/// wait behind them. Before the thread sleeps it looks, so of a queue that is idle every figure is exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuedSnapshot {
    /// Messages that got in, those included that the local thread passed on.
    pub accepted: u64,
    /// How many of these wait or run, for each priority that has some. The highest comes first.
    pub depths: Vec<(Priority, u64)>,
    /// For how long the oldest of these has been in the queue, if there is one and the queue has a
    /// [clock](crate::DispatchQueueBuilder::clock). What was passed on counts from when it was sent.
    pub oldest: Option<Duration>,
    /// Callbacks that are over, those included that panicked.
    pub dispatched: u64,
    /// Messages that were discarded.
    pub discarded: u64,
    /// Messages that came back at the end.
    pub handed_back: u64,
    /// Events that got in.
    pub raised: u64,
    /// Events whose callbacks are over.
    pub told: u64,
    /// Events that came back at the end.
    pub untold: u64,
    /// How often the dispatch thread was woken.
    pub wakes: u64,
}

/// The messages to oneself. Of one moment, and so `sent` is `depth` and `fast` and `passed_on` and `lost` and
/// `handed_back` together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalSnapshot {
    /// Messages that got in.
    pub sent: u64,
    /// How many of these wait, or are being delivered.
    pub depth: u64,
    /// For how long the oldest of these has been there, if there is one and the queue has a
    /// [clock](crate::DispatchQueueBuilder::clock).
    pub oldest: Option<Duration>,
    /// Fast callbacks that are over, those included that panicked.
    pub fast: u64,
    /// Messages that went on to the dispatch thread.
    pub passed_on: u64,
    /// Messages that were dropped by a panic of [`priority`](crate::Message::priority) or its like.
    pub lost: u64,
    /// Messages that came back at the end.
    pub handed_back: u64,
    /// How often the local thread was woken.
    pub wakes: u64,
}

impl QueuedSnapshot {
    /// How many messages wait or run, all priorities together.
    pub fn depth(&self) -> u64 {
        self.depths.iter().map(|(_, depth)| depth).sum()
    }
}

/// When the oldest came that is not done with.
#[derive(Default)]
struct Oldest {
    /// Of what the consumer holds.
    held: Option<Moment>,
    /// Of what it has not taken.
    arrived: Option<Moment>,
}

impl Oldest {
    fn arrive(&mut self, moment: Option<Moment>) {
        // Not always the first: what was passed on to here was sent earlier than it came.
        self.arrived = earlier(self.arrived, moment);
    }

    /// The consumer, of whose own the oldest came at `held`, takes all that has arrived.
    fn take(&mut self, held: Option<Moment>) {
        self.held = earlier(held, self.arrived.take());
    }

    fn age(&self, now: Option<Moment>) -> Option<Duration> {
        let oldest = earlier(self.held, self.arrived)?;
        Some(oldest.age(now?))
    }
}

fn earlier(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

/// The count of the queue's inbox.
pub(super) struct QueueTally {
    accepted: u64,
    raised: u64,
    /// By priority. Not in place: in an unoptimised build of a model it would be moved over a stack of 32 KiB.
    depths: Vec<u64>,
    oldest: Oldest,
    fates: Fates,
    known: KnownLines,
}

/// What the dispatch loop did, and has not told yet.
#[derive(Default)]
pub(super) struct Dispatched {
    /// How many messages of which priority wait no more and run no more, in the order in which they left. It is told under the
    /// inbox's lock, so the shorter the better.
    left: Vec<(Priority, u64)>,
    /// The lines on which it has come to hold nothing, if only until something more was taken in.
    lost: Vec<Line>,
    /// How much there is to tell: messages that have left, and events.
    untold: u64,
    /// When the oldest came that still waits.
    pub(super) oldest: Option<Moment>,
    pub(super) fates: Fates,
}

/// With so much to tell, the dispatch thread looks: so figures are never further behind.
const ENOUGH: u64 = 64;

impl Dispatched {
    /// A message of `line` neither waits nor runs any more; and if it was the `last`, nothing of its line is held any more.
    pub(super) fn leave(&mut self, line: Line, last: bool) {
        let (priority, _) = line;
        match self.left.last_mut() {
            Some((same, count)) if *same == priority => *count += 1,
            _ => self.left.push((priority, 1)),
        }
        // Of a line that is discarded, each is.
        if last && self.lost.last() != Some(&line) {
            self.lost.push(line);
        }
        self.untold += 1;
    }

    /// An event is told.
    pub(super) fn tell(&mut self) {
        self.fates.told += 1;
        self.untold += 1;
    }

    /// Whether it can wait: no line is lost, and there is not too much.
    pub(super) fn can_wait(&self) -> bool {
        self.lost.is_empty() && self.untold < ENOUGH
    }
}

/// How many messages and events have met which fate.
#[derive(Clone, Copy, Default)]
pub(super) struct Fates {
    pub(super) dispatched: u64,
    pub(super) discarded: u64,
    pub(super) handed_back: u64,
    pub(super) told: u64,
    pub(super) untold: u64,
}

impl Fates {
    fn and(self, more: Self) -> Self {
        Self {
            dispatched: self.dispatched + more.dispatched,
            discarded: self.discarded + more.discarded,
            handed_back: self.handed_back + more.handed_back,
            told: self.told + more.told,
            untold: self.untold + more.untold,
        }
    }
}

impl Default for QueueTally {
    fn default() -> Self {
        Self {
            accepted: 0,
            raised: 0,
            depths: vec![0; 256],
            oldest: Oldest::default(),
            fates: Fates::default(),
            known: KnownLines::default(),
        }
    }
}

impl QueueTally {
    pub(super) fn snapshot(&self, wakes: u64, now: Option<Moment>) -> QueuedSnapshot {
        let depths =
            (0..=u8::MAX).rev().map(|priority| (Priority(priority), self.depths[usize::from(priority)]));
        let Fates { dispatched, discarded, handed_back, told, untold } = self.fates;
        QueuedSnapshot {
            accepted: self.accepted,
            depths: depths.filter(|&(_, depth)| depth > 0).collect(),
            oldest: self.oldest.age(now),
            dispatched,
            discarded,
            handed_back,
            raised: self.raised,
            told,
            untold,
            wakes,
        }
    }
}

impl<M> Tally<Arrival<M>> for QueueTally {
    type Done = Dispatched;

    #[inline]
    fn arrive(&mut self, arrival: &Arrival<M>) -> bool {
        match arrival {
            Arrival::Message(envelope) => {
                self.accepted += 1;
                self.depths[usize::from(envelope.priority.0)] += 1;
                self.oldest.arrive(envelope.load.postmark.moment);
                self.known.arrive((envelope.priority, envelope.from))
            }
            Arrival::Happening(happening) => {
                self.raised += u64::from(happening.event.is_some());
                true
            }
        }
    }

    #[inline]
    fn settle(&mut self, done: &mut Dispatched) {
        for (Priority(priority), count) in done.left.drain(..) {
            self.depths[usize::from(priority)] -= count;
        }
        self.known.take(done.lost.drain(..));
        self.oldest.take(done.oldest);
        done.untold = 0;
        // After many were discarded.
        done.left.shrink_to(KEPT);
        done.lost.shrink_to(KEPT);
        self.fates = self.fates.and(std::mem::take(&mut done.fates));
    }
}

/// The count of the local inbox.
#[derive(Default)]
pub(super) struct LocalTally {
    figures: LocalSnapshot,
    oldest: Oldest,
}

/// What the local loop did, and has not told yet.
#[derive(Default)]
pub(super) struct Delivered {
    /// When the oldest came that still waits.
    pub(super) oldest: Option<Moment>,
    pub(super) fast: u64,
    pub(super) passed_on: u64,
    pub(super) lost: u64,
    pub(super) handed_back: u64,
}

impl LocalTally {
    pub(super) fn snapshot(&self, wakes: u64, now: Option<Moment>) -> LocalSnapshot {
        LocalSnapshot { wakes, oldest: self.oldest.age(now), ..self.figures }
    }
}

impl<M> Tally<Letter<M>> for LocalTally {
    type Done = Delivered;

    fn arrive(&mut self, letter: &Letter<M>) -> bool {
        self.figures.sent += 1;
        self.figures.depth += 1;
        self.oldest.arrive(letter.postmark.moment);
        false
    }

    fn settle(&mut self, done: &mut Delivered) {
        let Delivered { oldest, fast, passed_on, lost, handed_back } = std::mem::take(done);
        self.oldest.take(oldest);
        let before = self.figures;
        self.figures = LocalSnapshot {
            depth: before.depth - (fast + passed_on + lost + handed_back),
            fast: before.fast + fast,
            passed_on: before.passed_on + passed_on,
            lost: before.lost + lost,
            handed_back: before.handed_back + handed_back,
            ..before
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::message::ConnectionId;

    #[test]
    fn room_for_priorities_is_given_back() {
        const MANY: u64 = 100_000;
        let mut tally = QueueTally { accepted: MANY, ..QueueTally::default() };
        tally.depths[7..9].fill(MANY / 2);
        let mut done = Dispatched::default();
        // Each the only one of its line.
        (0..MANY).for_each(|number| {
            done.leave((Priority(7 + (number % 2) as u8), ConnectionId::new(number)), true)
        });
        done.fates.discarded = MANY;
        Tally::<Arrival<()>>::settle(&mut tally, &mut done);
        assert!(done.left.is_empty() && done.left.capacity() <= KEPT);
        assert!(done.lost.is_empty() && done.lost.capacity() <= KEPT);
        assert_eq!((tally.snapshot(0, None).depth(), tally.snapshot(0, None).discarded), (0, MANY));
        Tally::<Arrival<()>>::settle(&mut tally, &mut done);
        assert_eq!(tally.snapshot(0, None).discarded, MANY, "told once");
    }
}
