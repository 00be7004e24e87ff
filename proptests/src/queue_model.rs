//! `DispatchQueue` by definition: one list, searched from end to end.

mod essence;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use keylane::{Event, Priority, Stop};

/// The number of the queue itself as a source of messages, [`keylane::ConnectionId::LOCAL`].
const LOCAL: u64 = 0;

/// A message as the queue sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Posted<M> {
    /// How urgent it is.
    pub priority: Priority,
    /// What `can_fast_dispatch` says of it.
    pub qualifies: bool,
    /// The rest, of which the queue knows nothing.
    pub message: M,
}

/// What `Connection::deliver` must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery<M> {
    /// Run it now, on the caller's thread.
    Fast(Posted<M>),
    /// Keep it.
    Queued,
    /// Give it back: the queue has been shut down.
    Refused(Posted<M>),
    /// Give it back: as much is under way as may be.
    Full(Posted<M>),
}

/// What a step of the dispatch loop must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dispatching<M> {
    /// Run this one; [`QueueModel::dispatched`] tells when it has ended.
    Run(u64, Posted<M>),
    /// Tell of this.
    Tell(u64, Event),
    /// Nothing, for now.
    Idle,
    /// Nothing, ever again.
    Stopped,
}

/// What a step of the local loop must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passing<M> {
    /// Run this one, on the local thread.
    Fast(Posted<M>),
    /// Queue the oldest one.
    Queued,
    /// Nothing, for now.
    Idle,
    /// Nothing, ever again.
    Stopped,
}

/// What the local loop finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken<M> {
    /// This is the oldest.
    Message(Posted<M>),
    /// Nothing, for now.
    Idle,
    /// Nothing, ever again: it must close the queue now.
    Ended(Stop),
    /// That it must end, and leave the rest.
    Stopped,
}

/// The sequential specification of a queue: apply an operation, get the one outcome that is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueModel<M> {
    /// Counts arrivals and turns alike, so that either can be said to be before the other.
    now: u64,
    connections: u64,
    ordered: BTreeSet<u64>,
    queued: Vec<Queued<M>>,
    /// Discarded, and not yet dropped: the dispatch loop does that when it looks next.
    discarded: Vec<(u64, Posted<M>)>,
    /// Raised, and not yet told, oldest first.
    events: VecDeque<(u64, Event)>,
    /// When a source last had its turn within a priority.
    last_turn: BTreeMap<(Priority, u64), u64>,
    /// Whose queued message runs at this moment.
    running: Option<u64>,
    /// Sent to oneself and not passed on, oldest first.
    local: Vec<Posted<M>>,
    /// How many messages of connections may be under way.
    limit: Option<usize>,
    /// Connections whose fast callbacks run at this moment.
    visiting: BTreeSet<u64>,
    /// The doors that shutdown closes, one after the other: to fast callbacks of each connection, then of new ones;
    /// to the queue from outside; to oneself; to the queue from inside.
    closed_lanes: BTreeSet<u64>,
    fast_closed: bool,
    sealed: bool,
    local_stop: Option<Stop>,
    queue_stop: Option<Stop>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Queued<M> {
    arrived: u64,
    from: u64,
    posted: Posted<M>,
}

impl<M: Clone> Default for QueueModel<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Clone> QueueModel<M> {
    /// A queue that nothing has happened to.
    pub fn new() -> Self {
        Self {
            now: 0,
            connections: 0,
            ordered: BTreeSet::new(),
            queued: Vec::new(),
            discarded: Vec::new(),
            events: VecDeque::new(),
            last_turn: BTreeMap::new(),
            running: None,
            local: Vec::new(),
            limit: None,
            visiting: BTreeSet::new(),
            closed_lanes: BTreeSet::new(),
            fast_closed: false,
            sealed: false,
            local_stop: None,
            queue_stop: None,
        }
    }

    /// One that lets no more than `limit` messages of connections be under way.
    pub fn limited(limit: usize) -> Self {
        Self { limit: Some(limit), ..Self::new() }
    }

    /// D8: how many are under way, which is from before a message is accepted until its callback has ended or it has
    /// been dropped.
    pub fn under_way(&self) -> usize {
        let queued = self.queued.iter().filter(|queued| queued.from != LOCAL).count();
        let running = usize::from(self.running.is_some_and(|from| from != LOCAL));
        queued + running + self.discarded.len() + self.visiting.len()
    }

    /// `connect` or `connect_ordered`; the number of the new connection.
    pub fn connect(&mut self, ordered: bool) -> u64 {
        self.connections += 1;
        if ordered {
            self.ordered.insert(self.connections);
        }
        self.connections
    }

    /// `Connection::deliver`. D5: what qualifies runs at once, unless it would overtake on an ordered
    /// connection. D10: a late one comes back.
    pub fn deliver(&mut self, from: u64, posted: Posted<M>) -> Delivery<M> {
        // Shutting down closes the doors and the throttle alike.
        if self.limit.is_some_and(|limit| self.under_way() >= limit.max(1)) && !self.sealed {
            return Delivery::Full(posted);
        }
        if posted.qualifies && self.is_fast_closed(from) {
            return Delivery::Refused(posted);
        }
        if posted.qualifies && !self.must_wait(from) {
            return Delivery::Fast(posted);
        }
        match self.enqueue(from, posted) {
            Ok(()) => Delivery::Queued,
            Err(posted) => Delivery::Refused(posted),
        }
    }

    /// A fast callback of `from` begins; false if it must not. D12: one at a time for each connection.
    pub fn visit(&mut self, from: u64) -> bool {
        !self.is_fast_closed(from) && !self.must_wait(from) && self.visiting.insert(from)
    }

    /// The fast callback of `from` has ended.
    pub fn leave(&mut self, from: u64) {
        self.visiting.remove(&from);
    }

    /// Whether a fast callback of `from` runs.
    pub fn visits(&self, from: u64) -> bool {
        self.visiting.contains(&from)
    }

    /// Whether no fast callback of a connection runs.
    pub fn is_quiet(&self) -> bool {
        self.visiting.is_empty()
    }

    /// Whether the fast way in has been closed to a connection.
    pub fn is_fast_closed(&self, from: u64) -> bool {
        self.fast_closed || self.closed_lanes.contains(&from)
    }

    /// Whether something of an ordered connection is queued or running, or has been discarded and not yet dropped.
    pub fn must_wait(&self, from: u64) -> bool {
        let queued = self.queued.iter().any(|queued| queued.from == from)
            || self.discarded.iter().any(|&(source, _)| source == from);
        self.ordered.contains(&from) && (queued || self.running == Some(from))
    }

    /// Queues a message of a connection.
    ///
    /// # Errors
    /// The message, if the queue has been sealed.
    pub fn enqueue(&mut self, from: u64, posted: Posted<M>) -> Result<(), Posted<M>> {
        if self.sealed || self.queue_stop.is_some() {
            return Err(posted);
        }
        self.insert(from, posted);
        Ok(())
    }

    /// `Connection::discard`, `reset`, `connected` and the like: D7, what is queued of `from` is discarded if
    /// `discards`; D9, the event comes behind the others. False if the queue has ended.
    pub fn happen(&mut self, from: u64, discards: bool, event: Option<Event>) -> bool {
        if self.queue_stop.is_some() {
            return false;
        }
        if discards {
            let (mut gone, left): (Vec<_>, Vec<_>) =
                self.queued.drain(..).partition(|queued| queued.from == from);
            self.queued = left;
            gone.sort_by_key(|queued| Reverse(queued.posted.priority));
            self.discarded.extend(gone.into_iter().map(|queued| (from, queued.posted)));
        }
        self.events.extend(event.map(|event| (from, event)));
        true
    }

    /// What the dispatch loop drops when it looks.
    pub fn take_discarded(&mut self) -> Vec<(u64, Posted<M>)> {
        std::mem::take(&mut self.discarded)
    }

    /// Events that nobody was told of when the queue was reclaimed.
    pub fn untold(&mut self) -> Vec<(u64, Event)> {
        self.events.drain(..).collect()
    }

    /// `Local::send`. D6: it never runs here.
    ///
    /// # Errors
    /// The message, if the queue has been shut down.
    pub fn send(&mut self, posted: Posted<M>) -> Result<(), Posted<M>> {
        if self.local_stop.is_some() {
            return Err(posted);
        }
        self.local.push(posted);
        Ok(())
    }

    /// `DispatchLoop::step`, up to where the callback begins.
    ///
    /// # Panics
    /// If a queued callback is under way: D12 says there is one at a time.
    pub fn step_dispatch(&mut self) -> Dispatching<M> {
        assert!(self.running.is_none(), "D12: one queued callback at a time");
        self.discarded.clear();
        if self.queue_stop == Some(Stop::HandBack) {
            return Dispatching::Stopped;
        }
        if let Some((from, event)) = self.events.pop_front() {
            return Dispatching::Tell(from, event);
        }
        match self.pick() {
            Some((from, posted)) => {
                self.running = Some(from);
                Dispatching::Run(from, posted)
            }
            // More may still come from oneself, and only from oneself, until the local loop has ended.
            None if self.queue_stop.is_some() => Dispatching::Stopped,
            None => Dispatching::Idle,
        }
    }

    /// Whose queued callback runs.
    pub fn running(&self) -> Option<u64> {
        self.running
    }

    /// The queued callback under way has ended, by returning or by a panic.
    pub fn dispatched(&mut self) {
        self.running.take().expect("a queued callback is under way");
    }

    /// `LocalLoop::step`, up to where the callback begins if there is one. D6: oldest first.
    pub fn step_local(&mut self) -> Passing<M> {
        match self.take_local() {
            Taken::Message(posted) if posted.qualifies => Passing::Fast(posted),
            Taken::Message(posted) => match self.pass_on(posted) {
                Ok(()) => Passing::Queued,
                Err(_) => Passing::Stopped,
            },
            Taken::Idle => Passing::Idle,
            Taken::Ended(stop) => {
                self.close_queue(stop);
                Passing::Stopped
            }
            Taken::Stopped => Passing::Stopped,
        }
    }

    /// The local loop takes the oldest message, if there is one.
    pub fn take_local(&mut self) -> Taken<M> {
        match self.local_stop {
            Some(Stop::HandBack) => Taken::Stopped,
            _ if !self.local.is_empty() => Taken::Message(self.local.remove(0)),
            Some(stop) => Taken::Ended(stop),
            None => Taken::Idle,
        }
    }

    /// The local loop queues what it has taken.
    ///
    /// # Errors
    /// The message, if the queue has been closed since; it is the oldest one sent to oneself again.
    pub fn pass_on(&mut self, posted: Posted<M>) -> Result<(), Posted<M>> {
        if self.queue_stop.is_some() {
            self.local.insert(0, posted.clone());
            return Err(posted);
        }
        self.insert(LOCAL, posted);
        Ok(())
    }

    /// `QueueHandle::shutdown`, all of it at one moment. Of several, [`Stop::HandBack`] prevails.
    pub fn shutdown(&mut self, stop: Stop) {
        self.close_fast();
        self.seal();
        self.close_local(stop);
        if stop == Stop::HandBack {
            self.close_queue(stop);
        }
    }

    /// Its first steps, one for each connection: no fast callback of it begins any more.
    pub fn close_lane(&mut self, from: u64) {
        self.closed_lanes.insert(from);
    }

    /// The next: nor of any connection to come.
    pub fn close_fast(&mut self) {
        self.fast_closed = true;
    }

    /// Then connections cannot queue any more.
    pub fn seal(&mut self) {
        self.sealed = true;
    }

    /// Then nothing can be sent to oneself any more.
    pub fn close_local(&mut self, stop: Stop) {
        close(&mut self.local_stop, stop);
    }

    /// At last, if it hands back, or the last thing the local loop does: nothing can be queued any more.
    pub fn close_queue(&mut self, stop: Stop) {
        close(&mut self.queue_stop, stop);
    }

    /// `QueueHandle::reclaim`: what comes back, in order. First what was sent to oneself, then what was queued
    /// as it would have been dispatched.
    pub fn reclaim(&mut self) -> Vec<(u64, Posted<M>)> {
        self.shutdown(Stop::HandBack);
        let mut leftovers: Vec<_> = self.local.drain(..).map(|posted| (LOCAL, posted)).collect();
        leftovers.extend(std::iter::from_fn(|| self.pick()));
        leftovers
    }

    fn insert(&mut self, from: u64, posted: Posted<M>) {
        self.now += 1;
        self.queued.push(Queued { arrived: self.now, from, posted });
    }

    /// D3: the highest priority. D4: in it, the source that has waited longest for a turn: since it had its
    /// last one, or since it came (back) if that was later. D2: of that source, the oldest.
    fn pick(&mut self) -> Option<(u64, Posted<M>)> {
        let oldest_of_its_kind = |&at: &usize| {
            let one = &self.queued[at];
            let same =
                |other: &Queued<M>| other.from == one.from && other.posted.priority == one.posted.priority;
            self.queued.iter().filter(|other| same(other)).all(|other| other.arrived >= one.arrived)
        };
        let at = (0..self.queued.len()).filter(oldest_of_its_kind).min_by_key(|&at| {
            let Queued { arrived, from, posted } = &self.queued[at];
            let last_turn = self.last_turn.get(&(posted.priority, *from)).copied().unwrap_or(0);
            (Reverse(posted.priority), last_turn.max(*arrived))
        })?;
        let Queued { from, posted, .. } = self.queued.remove(at);
        self.now += 1;
        self.last_turn.insert((posted.priority, from), self.now);
        Some((from, posted))
    }
}

/// Of several stops, [`Stop::HandBack`] prevails.
fn close(door: &mut Option<Stop>, stop: Stop) {
    if *door != Some(Stop::HandBack) {
        *door = Some(stop);
    }
}
