//! `EpochGate` by definition: every message that ever arrived, in the order of arrival, and which of them may leave.
//!
//! Which session is delivered first is the gate's own choice, so the model is told when a callback begins and says
//! whether it may.

use std::collections::{BTreeMap, BTreeSet};

/// The sequential specification of a gate. Messages have numbers that the user of the model chooses, each used once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GateModel {
    published: Option<u64>,
    asked: Option<u64>,
    stopped: bool,
    opened: u64,
    closed: BTreeSet<u64>,
    /// The callback that runs, of each session that has one.
    running: BTreeMap<u64, Running>,
    /// In the order of arrival.
    messages: Vec<Message>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Message {
    session: u64,
    number: u32,
    needs: u64,
    group: u8,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Waits,
    /// Its group was missing.
    Aside,
    /// Its callback has begun, or it has been handed back.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Running {
    number: u32,
    group: u8,
    /// Since it began, its group has appeared.
    appeared: bool,
    /// Since it began, its session has been reset.
    reset: bool,
}

/// What becomes of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Publishing {
    /// It is the newest one.
    Done,
    /// Refused: this one has been published.
    Stale(u64),
    /// Refused: the gate has been stopped.
    Stopped,
}

/// What becomes of a message that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// It waits for its turn.
    Taken,
    /// So it does, and its epoch is to be asked for.
    TakenAndWanted,
    /// The gate has been stopped.
    Refused,
}

impl GateModel {
    /// Nothing has been published.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a session. They count from 1.
    pub fn open(&mut self) -> u64 {
        self.opened += 1;
        self.opened
    }

    /// A message arrives: it goes to the back (E1).
    pub fn arrive(&mut self, session: u64, number: u32, needs: u64, group: u8) -> Arrival {
        if self.stopped {
            return Arrival::Refused;
        }
        self.messages.push(Message { session, number, needs, group, place: Place::Waits });
        if Some(needs) > self.published && Some(needs) > self.asked {
            self.asked = Some(needs);
            Arrival::TakenAndWanted
        } else {
            Arrival::Taken
        }
    }

    /// A map is offered (E3).
    pub fn publish(&mut self, epoch: u64) -> Publishing {
        match self.published {
            _ if self.stopped => Publishing::Stopped,
            Some(published) if epoch <= published => Publishing::Stale(published),
            _ => {
                self.published = Some(epoch);
                Publishing::Done
            }
        }
    }

    /// The newest epoch.
    pub fn published(&self) -> Option<u64> {
        self.published
    }

    /// What waits for the group rejoins, each where its arrival puts it.
    pub fn appeared(&mut self, group: u8) {
        for message in &mut self.messages {
            if message.group == group && message.place == Place::Aside {
                message.place = Place::Waits;
            }
        }
        self.running.values_mut().for_each(|running| running.appeared |= running.group == group);
    }

    /// The messages whose callbacks may begin now: at most one of each session.
    pub fn may_begin(&self) -> Vec<u32> {
        let indexes = (0..self.messages.len()).filter(|&at| self.is_next(at));
        indexes.map(|at| self.messages[at].number).collect()
    }

    /// The callback of a message begins, under this epoch. False if it must not (E1, E2, E3).
    pub fn begin(&mut self, session: u64, number: u32, epoch: u64) -> bool {
        let found = (0..self.messages.len()).find(|&at| self.messages[at].number == number);
        let Some(at) = found.filter(|&at| self.is_next(at) && self.messages[at].session == session) else {
            return false;
        };
        let message = &mut self.messages[at];
        message.place = Place::Gone;
        let group = message.group;
        self.running.insert(session, Running { number, group, appeared: false, reset: false });
        self.published == Some(epoch)
    }

    /// The message whose callback runs in the session.
    pub fn running(&self, session: u64) -> Option<u32> {
        self.running.get(&session).map(|running| running.number)
    }

    /// The callback that runs in the session wants its message to wait for its group. False if it has nowhere to wait
    /// any more, and nothing if none runs.
    pub fn park(&mut self, session: u64) -> Option<bool> {
        let running = *self.running.get(&session)?;
        if running.reset || self.closed.contains(&session) {
            return Some(false);
        }
        let mut messages = self.messages.iter_mut();
        let message = messages.find(|message| message.number == running.number).expect("it has arrived");
        message.place = if running.appeared { Place::Waits } else { Place::Aside };
        Some(true)
    }

    /// The callback that runs in the session ends.
    pub fn end(&mut self, session: u64) {
        self.running.remove(&session);
    }

    /// What comes back when the session is reset (E5), in the order of arrival.
    pub fn reset(&mut self, session: u64) -> Vec<u32> {
        if let Some(running) = self.running.get_mut(&session) {
            running.reset = true;
        }
        let ours = |message: &&mut Message| message.session == session && message.place != Place::Gone;
        let left = self.messages.iter_mut().filter(ours).map(|message| {
            message.place = Place::Gone;
            message.number
        });
        left.collect()
    }

    /// The session ends; what is dropped with it.
    pub fn close(&mut self, session: u64) -> Vec<u32> {
        self.closed.insert(session);
        self.reset(session)
    }

    /// What comes back when the gate is stopped (E5), session by session.
    pub fn stop(&mut self) -> Vec<(u64, u32)> {
        self.stopped = true;
        self.published = None;
        let mut left = Vec::new();
        for session in 1..=self.opened {
            left.extend(self.reset(session).into_iter().map(|number| (session, number)));
        }
        left
    }

    /// The highest epoch that is waited for and not there.
    pub fn wanted(&self) -> Option<u64> {
        let waiting = self.messages.iter().filter(|message| message.place == Place::Waits);
        waiting.map(|message| message.needs).filter(|&needs| Some(needs) > self.published).max()
    }

    /// The same gate without what makes no difference to what it will say: messages that have left, and which of two
    /// sessions' messages came first. For whoever explores all that it can say.
    #[must_use]
    pub fn essence(mut self) -> Self {
        let Self { messages, running, .. } = &mut self;
        let runs = |message: &Message| running.values().any(|running| running.number == message.number);
        messages.retain(|message| message.place != Place::Gone || runs(message));
        messages.sort_by_key(|message| message.session);
        self
    }

    /// E1 and E2: nothing of its session runs, its map is there, none of its group is set aside, and whatever else waits
    /// before it has its map and is behind others of its own group.
    fn is_next(&self, at: usize) -> bool {
        let message = &self.messages[at];
        let of_session = |messages: &'_ [Message]| -> Vec<Message> {
            messages.iter().filter(|other| other.session == message.session).cloned().collect()
        };
        let all = of_session(&self.messages);
        let leaves = |message: &Message| Some(message.needs) <= self.published;
        let behind = |message: &Message| {
            all.iter().any(|other| other.place == Place::Aside && other.group == message.group)
        };
        let mut before =
            of_session(&self.messages[..at]).into_iter().filter(|other| other.place == Place::Waits);
        message.place == Place::Waits
            && !self.running.contains_key(&message.session)
            && leaves(message)
            && !behind(message)
            && before.all(|other| leaves(&other) && behind(&other))
    }
}
