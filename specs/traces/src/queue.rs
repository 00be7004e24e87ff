//! Runs of `DispatchQueue`: connections, the two loops, a sender and whoever shuts it down, and what that is in
//! `DispatchQueue.tla`.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, bail, ensure};
use keylane::trace::{act_as, record, took};
use keylane::{
    Connection, ConnectionId, DispatchQueue, Dispatcher, Event, Handled, Limits, Local, Priority, Stop,
};
use keylane_twin::dispatch_queue::{self, Action, Post};

use super::note::{Note, Story, Then};
use super::pace::{Chance, Pace};
use super::threads::spawn;
use super::trace::Trace;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many connections, each with a thread that delivers.
    pub connections: u8,
    /// How many messages each of them delivers at most.
    pub messages: u8,
    /// How many are sent to oneself.
    pub locals: u8,
    /// How many priorities there are.
    pub priorities: u8,
    /// Whether some may be dispatched fast.
    pub fast: bool,
    /// Whether the connections are ordered.
    pub ordered: bool,
    /// How many may be under way; 0 is any number.
    pub limit: u8,
    /// Whether connections are reset in the end.
    pub resets: bool,
    /// Whether they discard now and then.
    pub discards: bool,
    /// How it is shut down.
    pub stop: Stop,
}

/// A message, by its number among those of its connection, or of those to oneself, which come from who is one more than the last
/// connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) from: u8,
    pub(crate) number: u8,
    pub(crate) priority: u8,
    pub(crate) fast: bool,
}

impl Message {
    fn draw(plan: Plan, pace: &mut Pace, from: u8, number: u8) -> Self {
        let priority = 1 + pace.below(plan.priorities);
        Self { from, number, priority, fast: plan.fast && pace.below(2) == 0 }
    }

    /// As a note has it.
    pub(crate) fn code(self) -> u64 {
        let Self { from, number, priority, fast } = self;
        u64::from_be_bytes([0, 0, 0, 0, from, number, priority, fast.into()])
    }

    fn of(code: u64) -> Self {
        let [.., from, number, priority, fast] = code.to_be_bytes();
        Self { from, number, priority, fast: fast != 0 }
    }
}

impl keylane::Message for Message {
    fn priority(&self) -> Priority {
        // A strict one: the specification leaves out the weighted band.
        Priority(Priority::HIGH.0 + self.priority)
    }
}

struct Callbacks(Chance);

impl Callbacks {
    fn pause(&self, number: u64) {
        self.0.pace(number).pause();
    }
}

impl Dispatcher for Callbacks {
    type Message = Message;

    fn dispatch(&self, _: ConnectionId, message: Message) -> Handled<Message> {
        took(&(), "begin", message.code());
        self.pause(message.code());
        took(&(), "end", 0);
        Ok(())
    }

    fn can_fast_dispatch(&self, message: &Message) -> bool {
        message.fast
    }

    fn fast_dispatch(&self, _: ConnectionId, message: Message) -> Handled<Message> {
        self.pause(message.code());
        took(&(), "end", 0);
        Ok(())
    }

    fn event(&self, connection: ConnectionId, _: Event) -> bool {
        took(&(), "tell", 0);
        self.pause(connection.get());
        true
    }
}

impl Plan {
    /// Nothing but an end.
    pub const NONE: Self = Self {
        connections: 0,
        messages: 0,
        locals: 0,
        priorities: 1,
        fast: false,
        ordered: false,
        limit: 0,
        resets: false,
        discards: false,
        stop: Stop::RunRemaining,
    };

    pub(crate) fn dispatch(self) -> u8 {
        self.connections
    }

    pub(crate) fn local(self) -> u8 {
        self.connections + 1
    }

    pub(crate) fn sender(self) -> u8 {
        self.connections + 2
    }

    pub(crate) fn boss(self) -> u8 {
        self.connections + 3
    }

    /// In the words of `specs/models/`.
    pub fn constants(self) -> String {
        let Self { messages, locals, limit, .. } = self;
        // The code keeps fewer than a sixteenth of the limit: of no limit, as many as it runs without a look.
        let few = if limit == 0 { 64 } else { (limit / 16).max(1) };
        let list = |words: Vec<String>| format!("{{{}}}", words.join(", "));
        let connections = list((0..self.connections).map(|number| format!("\"c{number}\"")).collect());
        let priorities = list((1..=self.priorities).map(|number| number.to_string()).collect());
        let flag = |is_so: bool| if is_so { "TRUE" } else { "FALSE" };
        let (fast, ordered) = (flag(self.fast), flag(self.ordered));
        let (resets, discards) = (flag(self.resets), flag(self.discards));
        let how = if self.stop == Stop::HandBack { "back" } else { "run" };
        format!(
            "Conns = {connections}\nMessages = {messages}\nLocals = {locals}\nPriorities = {priorities}\n\
             FastToo = {fast}\nOrdered = {ordered}\nLimit = {limit}\nFew = {few}\nMayReset = {resets}\nMayDiscard = {discards}\n\
             How = \"{how}\"\nMe = \"me\"\nNoMessage = nothing\n"
        )
    }

    /// Runs it, and writes down what happens.
    pub fn run(self, seed: u64) -> Vec<Note> {
        let notes = record(|| {
            let chance = Chance::new(seed);
            let limits = if self.limit == 0 {
                Limits::NONE
            } else {
                Limits { count: Some(self.limit.into()), ..Limits::NONE }
            };
            let (queue, mut dispatch, mut local) =
                DispatchQueue::builder(Callbacks(chance)).limits(limits).stepped();
            let mut threads = Vec::new();
            for number in 0..self.connections {
                let connection = if self.ordered { queue.connect_ordered() } else { queue.connect() };
                threads.push(spawn(move || {
                    act_as(number.into());
                    self.deliver(connection, number, &mut chance.pace(number.into()));
                }));
            }
            if self.locals > 0 {
                let (sender, number) = (queue.local(), self.sender().into());
                threads.push(spawn(move || {
                    act_as(number);
                    self.send(&sender, &mut chance.pace(number));
                }));
            }
            let dispatch = spawn(move || {
                act_as(self.dispatch().into());
                dispatch.run();
                dispatch
            });
            let run_local = move || {
                act_as(self.local().into());
                local.run();
                local
            };
            let shut_down = || {
                act_as(self.boss().into());
                chance.pace(self.boss().into()).pauses();
                queue.shutdown(self.stop);
            };
            // If nobody sends to oneself, that loop need not run before it has to end: and a search has a thread less.
            let local = if self.locals > 0 {
                let local = spawn(run_local);
                shut_down();
                local.join().expect("nobody panics")
            } else {
                shut_down();
                run_local()
            };
            act_as(self.boss().into());
            let dispatch = dispatch.join().expect("nobody panics");
            took(&(), "joins", 0);
            queue.reclaim(dispatch, local);
            threads.into_iter().for_each(|thread| thread.join().expect("nobody panics"));
        });
        notes.into_iter().map(Note::from).collect()
    }

    fn send(self, local: &Local<Callbacks>, pace: &mut Pace) {
        for number in 1..=self.locals {
            pace.pause();
            let message = Message::draw(self, pace, self.connections, number);
            took(&(), "sends", message.code());
            if local.send(message).is_err() {
                break;
            }
        }
    }

    fn deliver(self, mut connection: Connection<Callbacks>, from: u8, pace: &mut Pace) {
        for number in 1..=self.messages {
            pace.pause();
            let message = Message::draw(self, pace, from, number);
            took(&(), "delivers", message.code());
            if connection.deliver(message).is_err() {
                break;
            }
            if self.discards && pace.below(3) == 0 {
                took(&(), "discards", 0);
                if connection.discard().is_err() {
                    return;
                }
            }
        }
        if self.resets && pace.below(2) == 0 {
            took(&(), "resets", 0);
            let _ = connection.reset();
        }
    }

    /// What happened, in the words of the specification.
    ///
    /// # Errors
    /// If a note has no place there.
    pub fn tell(self, notes: Vec<Note>) -> Result<Trace<dispatch_queue::DispatchQueue>> {
        let mut teller = Teller::new(self);
        let entered = notes.iter().filter(|note| note.what == "enter");
        teller.lanes = entered.map(|note| (note.at, note.thread as u8)).collect();
        for (note, then) in Story::new(notes).notes() {
            teller.hear(note, then)?;
        }
        Ok(Trace { constants: self.constants(), actions: teller.actions })
    }
}

/// Whether with this note the dispatch thread begins a step, or the end of one that has found nothing: what it picks or tells
/// comes after it, and before the next one.
pub(crate) fn begins_a_step(what: &str) -> bool {
    matches!(what, "take" | "take_lie_down" | "peek" | AS_IF_IT_LOOKED)
}

/// In place of a `peek`, where the specification has to look and the code need not.
pub(crate) const AS_IF_IT_LOOKED: &str = "as if it looked";

/// Whether a look is the very next thing that the thread does, but for what it gives back before.
pub(crate) fn looks_next(mut then: Then<'_>) -> bool {
    then.find(|next| next.what != "give_back").is_some_and(|next| next.what == "take")
}

/// Says notes over again as actions.
struct Teller {
    plan: Plan,
    actions: Vec<Action>,
    /// By thread: what it has said that it is about to push.
    about: HashMap<u8, About>,
    /// By thread: whose consumer it found asleep.
    owes: HashMap<u8, Post>,
    /// Connections whose refused message still counts as pending.
    pending: HashSet<u8>,
    /// Which queued message runs, and whether that has been counted as done.
    runs: Option<(Message, bool)>,
    /// Whether its callback has come to its end.
    ended: bool,
    /// Whether the dispatch thread keeps permits of messages that are over in the code,
    keeps: bool,
    /// and in the specification: where events have permits too, and it may have had to look, and so given back what it had.
    keeps_there: bool,
    /// Events that are messages in the specification.
    announced: HashSet<(u8, u8)>,
    /// Whether the first of what was discarded has been counted as over.
    dropped: bool,
    /// Whose word is where, of connections that have entered.
    lanes: HashMap<usize, u8>,
    /// Whose lanes the boss has closed,
    closed: HashSet<u8>,
    /// and how many inboxes.
    closes: u8,
    joins: bool,
    reclaims: bool,
}

#[derive(Clone, Copy)]
enum About {
    Deliver(Message),
    /// An event that discards nothing. The specification has none: it is a message, which never comes for room.
    Announce(Message),
    Send(Message),
    Reset,
    Discard,
}

impl Teller {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            actions: Vec::new(),
            about: HashMap::new(),
            owes: HashMap::new(),
            pending: HashSet::new(),
            runs: None,
            ended: false,
            keeps: false,
            keeps_there: false,
            announced: HashSet::new(),
            dropped: false,
            lanes: HashMap::new(),
            closed: HashSet::new(),
            closes: 0,
            joins: false,
            reclaims: false,
        }
    }

    fn hear(&mut self, note: Note, then: Then<'_>) -> Result<()> {
        let by = note.thread as u8;
        // Who rings for a consumer does so at once.
        if note.what == "ring" {
            if let Some(post) = self.owes.remove(&by) {
                self.actions.push(Action::Ring { thread: by, post });
            }
            return Ok(());
        }
        let plan = self.plan;
        match by {
            by if by < plan.connections => self.connection(by, note),
            by if by == plan.dispatch() => self.dispatch(note, then),
            by if by == plan.local() => self.local(by, note),
            by if by == plan.sender() => self.sender(by, note),
            _ => self.boss(by, note),
        }
    }

    fn wakes(&mut self, by: u8, post: Post, note: Note) {
        if note.value == 1 {
            self.owes.insert(by, post);
        }
    }

    fn connection(&mut self, by: u8, note: Note) -> Result<()> {
        let action = match note.what {
            "delivers" => return self.says(by, About::Deliver(Message::of(note.value))),
            "announces" => return self.says(by, About::Announce(Message::of(note.value))),
            "resets" => return self.says(by, About::Reset),
            "discards" => return self.says(by, About::Discard),
            "stand_in_line" if self.plan.limit == 0 => bail!("there is room for all"),
            "admit" | "stand_in_line" | "turn_away" => match self.about[&by] {
                About::Deliver(Message { priority, fast, .. }) => {
                    Action::Deliver { thread: by, priority, fast }
                }
                _ => bail!("asks for room for nothing"),
            },
            "enter" => Action::Enter { thread: by },
            "leave" => Action::VisitDrop { thread: by },
            "depart" => Action::Depart { thread: by },
            "push" | "refuse" => {
                self.wakes(by, Post::Dispatch, note);
                match (self.about[&by], note.what) {
                    (About::Announce(Message { from, number, priority, fast }), "push") => {
                        self.announced.insert((from, number));
                        self.actions.push(Action::Deliver { thread: by, priority, fast });
                        Action::Push { thread: by }
                    }
                    (About::Deliver(_), "push") => Action::Push { thread: by },
                    (About::Deliver(_), _) => {
                        self.pending.insert(by);
                        Action::Push { thread: by }
                    }
                    (About::Reset, "push") => Action::Reset { thread: by },
                    (About::Discard, "push") => Action::Discard { thread: by },
                    _ => return Ok(()),
                }
            }
            "done" if self.pending.remove(&by) => Action::DropPending { thread: by },
            "give_back" => {
                // Who is not ordered counts nothing.
                if self.pending.remove(&by) {
                    self.actions.push(Action::DropPending { thread: by });
                }
                Action::Return { thread: by }
            }
            // Of the throttle's bell; and the end of a callback, which `leave` tells of.
            "hear" | "end" => return Ok(()),
            other => bail!("what is {other} of a connection?"),
        };
        self.actions.push(action);
        Ok(())
    }

    fn says(&mut self, by: u8, what: About) -> Result<()> {
        self.about.insert(by, what);
        Ok(())
    }

    /// A message is over. (In the code one of a connection that is not ordered is not counted.)
    fn is_over(&mut self) -> Result<()> {
        let Some((message, counted)) = self.runs else { return Ok(()) };
        ensure!(self.ended, "its callback has not ended");
        if !counted {
            self.actions.push(Action::DispatchDropPending);
            self.runs = Some((message, true));
        }
        Ok(())
    }

    /// The dispatch thread goes on, and the permit of what has run has not come back: it is kept, if there is one.
    fn goes_on(&mut self) -> Result<()> {
        self.is_over()?;
        let Some((message, _)) = self.runs.take() else { return Ok(()) };
        if message.from == self.plan.connections {
            self.actions.push(Action::DispatchReturn);
            return Ok(());
        }
        self.actions.push(Action::DispatchKeep);
        self.keeps |= self.has_permit(message);
        self.keeps_there = true;
        Ok(())
    }

    fn has_permit(&self, message: Message) -> bool {
        message.from < self.plan.connections && !self.announced.contains(&(message.from, message.number))
    }

    /// Permits have come back to the throttle: those that were kept, and that of what has run, if it has one.
    fn gives_back(&mut self) -> Result<()> {
        match self.runs {
            Some((message, _)) if self.has_permit(message) => {
                self.is_over()?;
                self.actions.push(Action::DispatchReturn);
                (self.runs, self.keeps_there) = (None, false);
            }
            _ => self.looks_there()?,
        }
        self.keeps = false;
        Ok(())
    }

    /// It looks at what has arrived.
    fn looks(&mut self) -> Result<()> {
        self.looks_there()?;
        ensure!(!self.keeps, "it looks, and has not given back what it kept");
        Ok(())
    }

    /// In the specification it is going to look, or gives back: it keeps nothing any more.
    fn looks_there(&mut self) -> Result<()> {
        self.goes_on()?;
        if std::mem::take(&mut self.keeps_there) {
            self.actions.push(Action::DispatchReturnKept);
        }
        Ok(())
    }

    fn dispatch(&mut self, note: Note, mut then: Then<'_>) -> Result<()> {
        let action = match note.what {
            "done" if self.runs.is_some() => return self.is_over(),
            "give_back" if self.runs.is_some() || self.keeps => return self.gives_back(),
            // Of what was discarded.
            "done" => {
                self.dropped = true;
                Action::DispatchDropDiscarded
            }
            "give_back" => {
                // Who is not ordered counts nothing.
                if !std::mem::take(&mut self.dropped) {
                    self.actions.push(Action::DispatchDropDiscarded);
                }
                Action::DispatchReturnDiscarded
            }
            "begin" => {
                (self.runs, self.ended) = (Some((Message::of(note.value), false)), false);
                return Ok(());
            }
            "end" => {
                self.ended = true;
                return Ok(());
            }
            // It has found news, and looks at once: that is the step.
            "peek" if looks_next(then) => return Ok(()),
            "take" | "peek" | AS_IF_IT_LOOKED => {
                match note.what {
                    "take" => self.looks()?,
                    "peek" => self.goes_on()?,
                    _ => self.looks_there()?,
                }
                // What its callback says of itself comes before it looks again.
                let begun =
                    then.find(|next| ["begin", "tell"].contains(&next.what) || begins_a_step(next.what));
                let picked = begun.filter(|next| next.what == "begin").map(|next| Message::of(next.value));
                let (from, number) =
                    (picked.map(|message| message.from), picked.map(|message| message.number));
                match note.what {
                    "peek" => Action::DispatchGoOn { from, number },
                    _ => Action::DispatchStep { from, number },
                }
            }
            "take_lie_down" => {
                self.looks()?;
                Action::DispatchLieDown
            }
            "tell" => Action::Tell,
            "hear" => Action::Sleep { post: Post::Dispatch },
            other => bail!("what is {other} of the dispatch thread?"),
        };
        self.actions.push(action);
        Ok(())
    }

    fn local(&mut self, by: u8, note: Note) -> Result<()> {
        let action = match note.what {
            "take" => Action::LocalStep,
            "take_lie_down" => Action::LocalLieDown,
            "end" => Action::LocalReturn,
            "push" | "refuse" => {
                self.wakes(by, Post::Dispatch, note);
                Action::LocalPassOn
            }
            "close" => {
                self.wakes(by, Post::Dispatch, note);
                Action::LocalEndQueue
            }
            "hear" => Action::Sleep { post: Post::Local },
            other => bail!("what is {other} of the local thread?"),
        };
        self.actions.push(action);
        Ok(())
    }

    fn sender(&mut self, by: u8, note: Note) -> Result<()> {
        match (note.what, self.about.get(&by)) {
            ("sends", _) => return self.says(by, About::Send(Message::of(note.value))),
            ("push", Some(&About::Send(Message { priority, fast, .. }))) => {
                self.wakes(by, Post::Local, note);
                self.actions.push(Action::Send { priority, fast });
            }
            ("refuse", _) => {}
            (other, _) => bail!("what is {other} of the sender?"),
        }
        Ok(())
    }

    fn close_lane(&mut self, connection: u8) {
        if self.closed.insert(connection) {
            self.actions.push(Action::ShutdownCloseLane { connection });
        }
    }

    fn boss(&mut self, by: u8, note: Note) -> Result<()> {
        let action = match note.what {
            "joins" => {
                self.joins = true;
                return Ok(());
            }
            "wait_quiet" if self.joins => {
                // The threads have been joined: whatever ran has ended.
                self.goes_on()?;
                Action::JoinThreads
            }
            "hear" if self.joins => Action::JoinHear,
            "take" if self.joins && !self.reclaims => {
                self.reclaims = true;
                Action::Reclaim
            }
            // Taking back shuts down once more.
            _ if self.joins => return Ok(()),
            "close_throttle" => Action::ShutdownCloseThrottle,
            // In the specification all lanes are closed. Here those of connections that are gone are not in the roster any
            // more, and of a lane that nobody has entered it is not known whose it is, and makes no difference when.
            "close_lane" => {
                if let Some(&connection) = self.lanes.get(&note.at) {
                    self.close_lane(connection);
                }
                return Ok(());
            }
            "close_roster" => {
                (0..self.plan.connections).for_each(|connection| self.close_lane(connection));
                Action::ShutdownCloseRoster
            }
            "seal" => Action::ShutdownSeal,
            "close" => {
                self.closes += 1;
                let (post, action) = match self.closes {
                    1 => (Post::Local, Action::ShutdownCloseLocal),
                    _ => (Post::Dispatch, Action::ShutdownCloseQueue),
                };
                self.wakes(by, post, note);
                action
            }
            other => bail!("what is {other} of who shuts down?"),
        };
        self.actions.push(action);
        Ok(())
    }
}
