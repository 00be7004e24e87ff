//! A window in the specification's order: each step where it took place, as far as that can be known.

use std::collections::{BTreeSet, HashMap, HashSet};

use keylane::{Priority, Stop};

use super::log::{Fault, Kind, Step};
use super::window::{Lane, Lanes, STRICT_FROM, Window, lanes};
use crate::queue::{Message, Plan};

/// What is to be done, in order.
///
/// The log does not say when a message was picked: at some time after the thread's callback before had returned, and after
/// the message itself was queued. Meanwhile others may have been queued, but nothing else is taken out. So the first
/// moment of that stretch has the fewest who might have gone before the message, and if it may not be picked then, it
/// may not be picked later either. That moment is taken; nothing is searched for.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) plan: Plan,
    pub(super) moves: Vec<Move>,
    /// Queued and never dispatched, by the window's end.
    pub(super) left: usize,
    /// How many of these cannot have waited any more, since what they would have gone before was picked.
    pub(super) discarded: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    /// The line that tells of it.
    pub(super) line: usize,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Deliver(Letter),
    Enter(Letter),
    Leave(Letter),
    Push(Letter),
    /// And whether something was queued before the log says so that would have gone before it.
    Pick(Letter, bool),
    End,
    /// What the lane has queued goes.
    Discard(u8),
}

/// A message, and what the specification does not know of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter {
    pub(super) message: Message,
    /// Ceph's; not known of what is fast.
    pub(super) priority: Priority,
    /// The log's name for it.
    pub(super) it: (u64, u64),
    pub(super) dispatched: bool,
}

/// When a step takes place: a line, and after what else that has the same line.
type Moment = (usize, u8);

struct Writer<'a> {
    window: &'a Window,
    lanes: Lanes,
    /// Lanes have the numbers in which they come.
    numbers: HashMap<Lane, u8>,
    /// Priorities from 64 on, lowest first. In the specification they are 2, 3, ...; all others are 1.
    strict: Vec<u8>,
    priorities: HashMap<(u64, u64), u8>,
    dispatched: HashSet<(u64, u64)>,
    letters: HashMap<(u64, u64), Letter>,
    /// By connection: its last message, and whether that has been decided.
    hand: HashMap<u64, ((u64, u64), bool)>,
    /// By lane: how many messages it has delivered.
    delivered: HashMap<u8, u8>,
    begun: HashMap<(u64, u64), Kind>,
    queued: Vec<(usize, Letter)>,
    /// The dispatch thread, and the last line that it has written.
    dispatcher: Option<(u64, usize)>,
    moves: Vec<(Moment, Move)>,
}

impl Script {
    /// Of a window.
    ///
    /// # Errors
    /// A step that has no place in the specification at all.
    pub(super) fn of(window: &Window) -> Result<Self, Fault> {
        let mut writer = Writer::new(window)?;
        for (line, step) in &window.steps {
            writer.hear(*line, step)?;
        }
        Ok(writer.finish())
    }
}

impl<'a> Writer<'a> {
    fn new(window: &'a Window) -> Result<Self, Fault> {
        let steps = || window.steps.iter().map(|(_, step)| step);
        let mut priorities = HashMap::new();
        for (line, step) in &window.steps {
            let Some(priority) = step.priority else { continue };
            let before = priorities.insert(step.message(), priority);
            if before.is_some_and(|before| before != priority) {
                return Fault::at(*line, "its priority was another one before");
            }
        }
        let strict: BTreeSet<u8> = priorities.values().copied().filter(|&of| of >= STRICT_FROM).collect();
        let dispatched = steps().filter(|step| step.step == Kind::Dispatch).map(Step::message).collect();
        Ok(Self {
            window,
            lanes: lanes(steps()),
            numbers: HashMap::new(),
            strict: strict.into_iter().collect(),
            priorities,
            dispatched,
            letters: HashMap::new(),
            hand: HashMap::new(),
            delivered: HashMap::new(),
            begun: HashMap::new(),
            queued: Vec::new(),
            dispatcher: None,
            moves: Vec::new(),
        })
    }

    fn hear(&mut self, line: usize, step: &Step) -> Result<(), Fault> {
        match step.step {
            Kind::Arrive => self.arrive(line, step),
            Kind::Fast | Kind::Queue => self.decide(line, step),
            Kind::Dispatch => self.dispatch(line, step),
            Kind::Done => self.done(line, step),
        }
    }

    fn does(&mut self, line: usize, what: What) {
        self.moves.push(((line, 0), Move { line, what }));
    }

    fn arrive(&mut self, line: usize, step: &Step) -> Result<(), Fault> {
        let (it, conn) = (step.message(), step.conn);
        let lane = self.lanes.get(&it).copied();
        if let Some((before, decided)) = self.hand.insert(conn, (it, false)) {
            if step.seq <= before.1 {
                return Fault::at(line, "a later one has arrived before it");
            }
            // What one lane does is for the specification to judge. Of two it does not know that they are one connection.
            if !decided && (lane.is_none() || self.lanes.get(&before).copied() != lane) {
                return Fault::at(line, "the one before it has neither been queued nor begun");
            }
        }
        // The log ends before it says what this one is.
        let Some(lane) = lane else { return Ok(()) };
        let coming = self.numbers.len() as u8;
        let from = *self.numbers.entry(lane).or_insert(coming);
        let number = self.delivered.entry(from).or_default();
        *number += 1;
        let known = self.priorities.get(&it).copied();
        let rank = known.and_then(|priority| self.strict.iter().position(|&other| other == priority));
        let message = Message {
            from,
            number: *number,
            priority: rank.map_or(1, |rank| rank as u8 + 2),
            fast: known.is_none(),
        };
        let priority = known.map_or_else(Priority::default, Priority);
        let letter = Letter { message, priority, it, dispatched: self.dispatched.contains(&it) };
        self.letters.insert(it, letter);
        self.does(line, What::Deliver(letter));
        Ok(())
    }

    fn decide(&mut self, line: usize, step: &Step) -> Result<(), Fault> {
        let it = step.message();
        let Some(&letter) = self.letters.get(&it) else {
            return Fault::at(line, "it has not arrived");
        };
        if self.hand.insert(step.conn, (it, true)) != Some((it, false)) {
            return Fault::at(line, "its connection has not this one in hand");
        }
        if letter.message.fast != (step.step == Kind::Fast) {
            return Fault::at(line, "it is both fast and queued");
        }
        if letter.message.fast {
            self.begun.insert(it, Kind::Fast);
            self.does(line, What::Enter(letter));
        } else {
            self.queued.push((line, letter));
            self.does(line, What::Push(letter));
        }
        Ok(())
    }

    fn dispatch(&mut self, line: usize, step: &Step) -> Result<(), Fault> {
        let it = step.message();
        let Some(&letter) = self.letters.get(&it) else {
            return Fault::at(line, "it has not arrived");
        };
        let before = self.by_dispatcher(line, step)?;
        let queued = self.queued.iter().rev().find(|(_, other)| other.message == letter.message);
        let moment = before.max(queued.map_or(0, |&(line, _)| line));
        let mut since = self.queued.iter().rev().take_while(|&&(line, _)| line > moment);
        let early = since.any(|(_, other)| other.message.priority > letter.message.priority);
        self.begun.insert(it, Kind::Dispatch);
        self.moves.push(((moment, 1), Move { line, what: What::Pick(letter, early) }));
        Ok(())
    }

    fn done(&mut self, line: usize, step: &Step) -> Result<(), Fault> {
        let it = step.message();
        match self.begun.remove(&it) {
            Some(Kind::Dispatch) => {
                self.by_dispatcher(line, step)?;
                self.does(line, What::End);
            }
            Some(_) => self.does(line, What::Leave(self.letters[&it])),
            None => return Fault::at(line, "it ends, and has not begun"),
        }
        Ok(())
    }

    /// Which line it had written before, if any. There is one (D12).
    fn by_dispatcher(&mut self, line: usize, step: &Step) -> Result<usize, Fault> {
        match self.dispatcher.replace((step.thread, line)) {
            Some((thread, _)) if thread != step.thread => {
                Fault::at(line, "two threads dispatch what is queued here")
            }
            before => Ok(before.map_or(0, |(_, line)| line)),
        }
    }

    fn finish(mut self) -> Script {
        let lost: Vec<Letter> =
            self.queued.iter().map(|&(_, letter)| letter).filter(|letter| !letter.dispatched).collect();
        let discarded = self.discard(&lost);
        // Stable: what has the same moment stays as it is.
        self.moves.sort_by_key(|&(moment, _)| moment);
        let plan = Plan {
            connections: self.numbers.len() as u8,
            messages: self.delivered.values().copied().max().unwrap_or(0),
            locals: 0,
            priorities: self.strict.len() as u8 + 1,
            fast: true,
            ordered: false,
            limit: 0,
            resets: false,
            discards: discarded > 0,
            stop: Stop::RunRemaining,
        };
        let moves = self.moves.into_iter().map(|(_, what)| what).collect();
        Script { plan, moves, left: lost.len(), discarded }
    }

    /// The log does not tell of what is discarded with its connection. So whatever is left of a connection, while others
    /// are picked after all that the log says of that connection, was discarded then; else it may still wait.
    fn discard(&mut self, lost: &[Letter]) -> usize {
        let picks = |what| matches!(what, What::Pick(..));
        let last_pick =
            self.moves.iter().filter(|(_, told)| picks(told.what)).map(|&(moment, _)| moment).max();
        let mut lanes = BTreeSet::new();
        let mut discarded = 0;
        for letter in lost {
            let of_it = self.moves.iter().filter(|(_, told)| told.what.conn() == Some(letter.it.0));
            let Some(last) = of_it.map(|&(moment, _)| moment).max() else { continue };
            if last_pick > Some(last) {
                discarded += 1;
                if lanes.insert(letter.message.from) {
                    let line = self.window.steps.last().map_or(0, |&(line, _)| line);
                    let what = What::Discard(letter.message.from);
                    self.moves.push(((last.0, 2), Move { line, what }));
                }
            }
        }
        discarded
    }
}

impl What {
    /// Of which connection it is, if the log says so.
    fn conn(self) -> Option<u64> {
        match self {
            Self::Deliver(letter)
            | Self::Enter(letter)
            | Self::Leave(letter)
            | Self::Push(letter)
            | Self::Pick(letter, _) => Some(letter.it.0),
            Self::End | Self::Discard(_) => None,
        }
    }
}
