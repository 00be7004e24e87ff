//! The variables, and what is done to a part of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Post;
use crate::Id;
use crate::ids::Ids;

/// The variables.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    pub(super) connections: Vec<Connection>,
    pub(super) roster: Roster,
    /// The bell of whoever waits for the last visit.
    pub(super) quiet: bool,
    pub(super) throttle: Throttle,
    pub(super) dispatch: Consumer,
    pub(super) local: Consumer,
    pub(super) boss: Boss,
    /// Under the lock of the dispatch thread's box: lines on which something has arrived that it has not told to be lost,
    pub(super) known: Lines,
    /// and beside that lock: since it took in last, something has arrived that it must look at.
    pub(super) news: bool,
    /// Of the dispatch thread: lines that have become empty since it took in last.
    pub(super) lost: Lines,
    /// Of the dispatch thread: how many permits it keeps of messages that are over.
    pub(super) kept: u8,
    /// Connections whose reset the dispatch thread has yet to tell of.
    pub(super) events: Vec<Id>,
    /// Of the dispatch thread, before it does anything else: whose discarded messages it has in hand yet, in order,
    pub(super) dropping: Vec<Id>,
    /// and whether the first of them is over.
    pub(super) first_is_over: bool,
    /// By message that was accepted: what has become of it.
    pub(super) fate: BTreeMap<Message, Fate>,
    /// How many were sent to oneself.
    pub(super) to_oneself: u8,
    /// Connections that have been reset.
    pub(super) reset: Ids,
    /// Resets that have been told of.
    pub(super) told: Ids,
}

/// A connection, its lane and its thread.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Connection {
    pub(super) visiting: bool,
    pub(super) closed: bool,
    /// How many of those it has pushed are over.
    pub(super) done: u8,
    /// How many it has pushed; nobody else sees it.
    pub(super) sent: u8,
    pub(super) place: Place,
    /// What it delivers.
    pub(super) hand: Option<Message>,
    /// How many were begun.
    pub(super) delivered: u8,
    /// How many it had delivered when it was discarded or reset.
    pub(super) emptied: u8,
}

/// What a connection does next.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Place {
    /// Nothing: it has nothing to deliver.
    Idle,
    /// It comes for room, and there is none.
    WaitsForRoom,
    /// It has room: dispatches fast, or queues.
    Has,
    /// It runs a callback.
    Visits,
    /// It has come in to dispatch fast, and must queue.
    TurnedAway,
    /// It leaves a lane that was closed meanwhile;
    Departs,
    /// and must queue.
    DepartsToQueue,
    /// It queues.
    Queues,
    /// It was refused: what was counted is over.
    DropsPending,
    /// It gives back its permit.
    Returns,
    /// The same, and it was refused.
    Refused,
    /// Nothing any more: once refused, always refused.
    Gone,
}

/// Who is in, under its lock.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Roster {
    /// Somebody closes the lanes, with the lock in hand.
    pub(super) closing: bool,
    /// Lanes that are not closed yet.
    pub(super) left: Ids,
    /// How many visits are waited for.
    pub(super) visiting: u8,
}

/// Room for messages, under its lock.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Throttle {
    pub(super) reserved: u8,
    /// Who waits for room.
    pub(super) line: Vec<Id>,
    pub(super) closed: bool,
}

/// The dispatch thread or the local one, and its post.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Consumer {
    pub(super) arrived: Vec<Arrival>,
    pub(super) asleep: bool,
    pub(super) door: Door,
    /// Its bell.
    pub(super) rung: bool,
    /// Threads that have to ring.
    pub(super) ringing: Ids,
    pub(super) at: At,
    /// Whose callback runs.
    pub(super) hand: Option<Message>,
    /// What it has taken in, in order.
    pub(super) backlog: Vec<Message>,
}

/// What a consumer does next.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum At {
    /// It looks at what there is.
    Steps,
    /// It runs a callback.
    Runs,
    /// It gives back a permit.
    Returns,
    /// It tells of a reset.
    Tells,
    /// It queues what it has in hand.
    PassesOn,
    /// It ends the queue.
    EndsTheQueue,
    /// It looks once more.
    LiesDown,
    /// It waits for its bell.
    Sleeps,
    /// Nothing any more.
    Stopped,
}

/// Whether an inbox takes more, and if not, what becomes of the rest.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Door {
    Open,
    Sealed,
    Run,
    Back,
}

/// What whoever shuts down does next.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Boss {
    Idle,
    ClosesLanes,
    Seals,
    ClosesLocal,
    ClosesQueue,
    Joins,
    WaitsForQuiet,
    Reclaims,
    Joined,
}

/// A message of a connection, or to oneself.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Message {
    /// Whose it is.
    pub from: Id,
    /// Each sender's are counted from 1 on.
    pub number: u8,
    /// The higher the sooner.
    pub priority: u8,
    /// Whether it qualifies for fast dispatch.
    pub fast: bool,
}

/// What has come of one connection, or from oneself, in one priority.
pub(super) type Line = (Id, u8);

/// Several.
pub(super) type Lines = BTreeSet<Line>;

impl Message {
    /// Where it waits.
    pub(super) fn line(&self) -> Line {
        (self.from, self.priority)
    }
}

/// What arrives at a post.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Arrival {
    Message(Message),
    /// Whatever is still queued of this connection goes. Of a reset is told, too.
    Discards {
        from: Id,
        event: bool,
    },
}

/// What has become of a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Fate {
    Queued,
    Fast,
    Dispatched,
    Discarded,
    Back,
}

impl State {
    pub(super) fn initial(connections: u8) -> Self {
        let connection = Connection {
            visiting: false,
            closed: false,
            done: 0,
            sent: 0,
            place: Place::Idle,
            hand: None,
            delivered: 0,
            emptied: 0,
        };
        let consumer = Consumer {
            arrived: Vec::new(),
            asleep: false,
            door: Door::Open,
            rung: false,
            ringing: Ids::NONE,
            at: At::Steps,
            hand: None,
            backlog: Vec::new(),
        };
        Self {
            connections: vec![connection; connections.into()],
            roster: Roster { closing: false, left: (0..connections).collect(), visiting: 0 },
            quiet: false,
            throttle: Throttle { reserved: 0, line: Vec::new(), closed: false },
            dispatch: consumer.clone(),
            local: consumer,
            boss: Boss::Idle,
            known: Lines::new(),
            news: false,
            lost: Lines::new(),
            kept: 0,
            events: Vec::new(),
            dropping: Vec::new(),
            first_is_over: false,
            fate: BTreeMap::new(),
            to_oneself: 0,
            reset: Ids::NONE,
            told: Ids::NONE,
        }
    }

    pub(super) fn at(&self, post: Post) -> &Consumer {
        match post {
            Post::Dispatch => &self.dispatch,
            Post::Local => &self.local,
        }
    }

    pub(super) fn at_mut(&mut self, post: Post) -> &mut Consumer {
        match post {
            Post::Dispatch => &mut self.dispatch,
            Post::Local => &mut self.local,
        }
    }

    pub(super) fn connection(&self, thread: Id) -> Option<&Connection> {
        self.connections.get(usize::from(thread))
    }

    pub(super) fn connection_mut(&mut self, thread: Id) -> &mut Connection {
        &mut self.connections[usize::from(thread)]
    }

    /// What the dispatch thread does next, if it has nothing to drop before that.
    pub(super) fn dispatch_at(&self) -> Option<At> {
        self.dropping.is_empty().then_some(self.dispatch.at)
    }

    /// It has nobody to ring for.
    pub(super) fn is_free(&self, thread: Id) -> bool {
        !self.dispatch.ringing.has(thread) && !self.local.ringing.has(thread)
    }

    /// This arrives at the dispatch thread's box. What comes on a known line is no news.
    pub(super) fn put(&mut self, thread: Id, arrival: Arrival) {
        self.news |= match arrival {
            Arrival::Message(message) => self.known.insert(message.line()),
            Arrival::Discards { .. } => true,
        };
        self.dispatch.put(thread, arrival);
    }

    /// The same is closed.
    pub(super) fn close(&mut self, thread: Id, door: Door) {
        self.news |= door == Door::Back;
        self.dispatch.close(thread, door);
    }

    /// The dispatch thread is about to take in: lost lines on which nothing has come are not known any more. That what is
    /// left is to come back stays news.
    pub(super) fn settle(&mut self) {
        for line in std::mem::take(&mut self.lost) {
            if !self.dispatch.letters().any(|message| message.line() == line) {
                self.known.remove(&line);
            }
        }
        self.news = self.dispatch.door == Door::Back;
    }

    /// Of the lines that it has had, and on which something has come to it, these are empty.
    pub(super) fn loses(&mut self, had: Lines) {
        self.lost = had;
        self.dispatch.backlog.iter().for_each(|message| _ = self.lost.remove(&message.line()));
    }

    /// Whether the dispatch thread may go on without a look.
    pub(super) fn may_go_on(&self) -> bool {
        self.lost.is_empty() && !self.news
    }

    /// This becomes of a message that was accepted before.
    pub(super) fn becomes(&mut self, message: Message, fate: Fate) {
        if let Some(of_it) = self.fate.get_mut(&message) {
            *of_it = fate;
        }
    }

    /// What waits somewhere, of what was accepted.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = Message> + '_ {
        let in_hand = if self.local.at == At::PassesOn { self.local.hand } else { None };
        self.dispatch.messages().chain(self.local.messages()).chain(in_hand)
    }
}

impl Consumer {
    /// Nothing is put into it any more.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.door, Door::Run | Door::Back)
    }

    /// Whoever finds it asleep has to ring.
    fn wake(&mut self, thread: Id) {
        if std::mem::take(&mut self.asleep) {
            self.ringing.insert(thread);
        }
    }

    pub(super) fn put(&mut self, thread: Id, arrival: Arrival) {
        self.arrived.push(arrival);
        self.wake(thread);
    }

    pub(super) fn close(&mut self, thread: Id, door: Door) {
        self.door = door;
        self.wake(thread);
    }

    /// A look with the wish to lie down. Whether it sleeps is what the inbox says, and nothing else.
    pub(super) fn lie_down(&mut self) {
        let rests = self.arrived.is_empty() && !self.is_closed();
        self.asleep |= rests;
        self.at = if rests { At::Sleeps } else { At::Steps };
    }

    /// What has arrived of messages.
    pub(super) fn letters(&self) -> impl Iterator<Item = Message> + '_ {
        self.arrived.iter().filter_map(|arrival| match *arrival {
            Arrival::Message(message) => Some(message),
            Arrival::Discards { .. } => None,
        })
    }

    /// What waits here, of what was accepted.
    pub(super) fn messages(&self) -> impl Iterator<Item = Message> + '_ {
        self.backlog.iter().copied().chain(self.letters())
    }

    /// On which lines.
    pub(super) fn lines(&self) -> Lines {
        self.messages().map(|message| message.line()).collect()
    }

    /// What is left when whatever discards, of what has arrived, has discarded what came before it;
    pub(super) fn taken_in(&self) -> Vec<Message> {
        self.take_in().0
    }

    /// and what was discarded. (Of one connection the code drops the highest priority first: here none is told from others.)
    pub(super) fn discarded(&self) -> Vec<Message> {
        self.take_in().1
    }

    fn take_in(&self) -> (Vec<Message>, Vec<Message>) {
        let mut kept = Vec::with_capacity(self.backlog.len() + self.arrived.len());
        let mut gone = Vec::new();
        kept.extend_from_slice(&self.backlog);
        for &arrival in &self.arrived {
            match arrival {
                Arrival::Message(message) => kept.push(message),
                Arrival::Discards { from, .. } => {
                    gone.extend(kept.iter().filter(|message| message.from == from));
                    kept.retain(|message| message.from != from);
                }
            }
        }
        (kept, gone)
    }

    /// Resets that have arrived.
    pub(super) fn resets(&self) -> impl Iterator<Item = Id> + '_ {
        self.arrived.iter().filter_map(|arrival| match *arrival {
            Arrival::Discards { from, event: true } => Some(from),
            _ => None,
        })
    }

    /// This is what it has taken in.
    pub(super) fn keeps(&mut self, backlog: Vec<Message>) {
        self.arrived.clear();
        self.backlog = backlog;
    }
}
