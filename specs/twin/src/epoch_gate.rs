//! `EpochGate.tla`: a session's messages that wait for an epoch, and callbacks between two holds of a lock.

pub mod judge;
mod laws;
mod rest;
mod view;

use serde::{Deserialize, Serialize};

use crate::constants::Constants;
use crate::ids::Ids;
use crate::protocol::{Law, Protocol};
use crate::{Id, when};

/// Sessions, and the threads that bring, publish and make groups.
#[derive(Clone, Debug)]
pub struct EpochGate {
    sessions: u8,
    messages: u8,
    epochs: u8,
    groups: u8,
    publishers: u8,
    may_reset: bool,
    may_stop: bool,
}

/// Its variables. Sessions and epochs are counted from 1, as there; group 0 is `Here`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    published: Id,
    map: bool,
    asked: Id,
    stopped: bool,
    /// Of each session.
    lines: Vec<Line>,
    shown: Ids,
    threads: Vec<Thread>,
}

/// What there is of one session.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Line {
    /// Sorted by number.
    waiting: Vec<Message>,
    /// By group, sorted by number.
    aside: Vec<Vec<Message>>,
    running: Option<Callback>,
    arrived: u8,
    left: u8,
    under: Id,
    emptied: u8,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Message {
    number: u8,
    needs: Id,
    group: Id,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Callback {
    message: Message,
    epoch: Id,
    appeared: bool,
    reset: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Thread {
    place: Place,
    /// Whose callbacks it runs, or 0.
    session: Id,
    /// From where on it has yet to look, or 0.
    walk: Id,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Place {
    Idle,
    Calls,
    Parks,
    GoesOn,
    Walks,
    Tells,
}

/// Its steps. Of the threads, the one that brings a session's messages has the number before it; then come those that
/// publish, and the one that makes groups.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action")]
pub enum Action {
    /// A message arrives, and perhaps a callback begins.
    Arrive {
        /// In which session.
        session: Id,
        /// Which epoch it needs.
        needs: Id,
        /// Which group.
        group: Id,
    },
    /// What waits in a session comes back.
    Reset {
        /// Which one.
        session: Id,
    },
    /// A callback looks for its message's group.
    Call {
        /// Who runs it.
        thread: Id,
        /// The number of its message.
        number: u8,
    },
    /// It has its message set aside.
    Park {
        /// Who runs it.
        thread: Id,
    },
    /// It is over: the next one of its session, or none.
    GoOn {
        /// Who has run it.
        thread: Id,
    },
    /// A map is published.
    Publish {
        /// Who does.
        thread: Id,
        /// Of which epoch.
        epoch: Id,
    },
    /// A group can be found from here on.
    Show {
        /// Which one.
        group: Id,
    },
    /// Whoever has shown it tells of it.
    Appeared,
    /// Whoever has published or told looks for a session whose head may leave.
    BeginFrom {
        /// Who does.
        thread: Id,
    },
    /// The gate ends.
    Stop,
}

impl Line {
    fn may_leave(&self, epoch: Id) -> bool {
        epoch > 0 && self.waiting.first().is_some_and(|head| head.needs <= epoch)
    }

    /// Somebody has looked whether its head may leave: heads that could, and whose group has earlier ones set aside, step
    /// behind these.
    fn look(&mut self, epoch: Id) {
        while self.running.is_none() && self.may_leave(epoch) {
            let aside = &mut self.aside[usize::from(self.waiting[0].group)];
            if aside.is_empty() {
                break;
            }
            aside.push(self.waiting.remove(0));
            aside.sort_unstable();
        }
    }

    fn starts(&self, epoch: Id) -> bool {
        let mut line = self.clone();
        line.look(epoch);
        line.running.is_none() && line.may_leave(epoch)
    }

    fn empty(&mut self) {
        self.waiting.clear();
        self.aside.iter_mut().for_each(Vec::clear);
        if let Some(running) = &mut self.running {
            running.reset = true;
        }
        self.emptied = self.arrived;
    }
}

impl State {
    fn epoch(&self) -> Id {
        if self.map { self.published } else { 0 }
    }

    fn line(&mut self, session: Id) -> &mut Line {
        &mut self.lines[usize::from(session) - 1]
    }

    fn thread(&mut self, thread: Id) -> &mut Thread {
        &mut self.threads[usize::from(thread)]
    }

    fn is_at(&self, thread: Id, place: Place) -> bool {
        self.threads[usize::from(thread)].place == place
    }

    /// The thread begins the callback of the head, which may leave.
    fn begin(&mut self, thread: Id, session: Id, epoch: Id) {
        let line = self.line(session);
        let message = line.waiting.remove(0);
        line.running = Some(Callback { message, epoch, appeared: false, reset: false });
        line.under = epoch;
        let thread = self.thread(thread);
        (thread.place, thread.session) = (Place::Calls, session);
    }
}

impl EpochGate {
    /// Who makes groups.
    pub fn maker(&self) -> Id {
        self.sessions + self.publishers
    }

    /// Threads that publish.
    pub fn publishers(&self) -> impl Iterator<Item = Id> + use<> {
        self.sessions..self.sessions + self.publishers
    }

    /// Sessions, in the order in which a publisher walks over them.
    pub fn sessions(&self) -> impl Iterator<Item = Id> + use<> {
        1..=self.sessions
    }

    fn arrive(&self, state: &State, session: Id, needs: Id, group: Id) -> Option<State> {
        let thread = session - 1;
        let before = &state.lines[usize::from(thread)];
        when(state.is_at(thread, Place::Idle) && !state.stopped && before.arrived < self.messages)?;
        let mut next = state.clone();
        if needs > state.published && needs > state.asked {
            next.asked = needs;
        }
        let line = next.line(session);
        line.arrived += 1;
        line.waiting.push(Message { number: line.arrived, needs, group });
        line.waiting.sort_unstable();
        line.look(state.published);
        if line.running.is_none() && line.may_leave(state.published) {
            next.begin(thread, session, state.published);
        }
        Some(next)
    }

    fn call(&self, state: &State, thread: Id, number: u8) -> Option<State> {
        when(state.is_at(thread, Place::Calls))?;
        let mut next = state.clone();
        let session = state.threads[usize::from(thread)].session;
        let message = next.line(session).running?.message;
        when(message.number == number)?;
        if state.shown.has(message.group) {
            next.line(session).left = message.number;
            next.thread(thread).place = Place::GoesOn;
        } else {
            next.thread(thread).place = Place::Parks;
        }
        Some(next)
    }

    fn park(&self, state: &State, thread: Id) -> Option<State> {
        when(state.is_at(thread, Place::Parks))?;
        let mut next = state.clone();
        let line = next.line(state.threads[usize::from(thread)].session);
        let Callback { message, appeared, reset, .. } = line.running?;
        if !reset {
            let list = if appeared { &mut line.waiting } else { &mut line.aside[usize::from(message.group)] };
            list.push(message);
            list.sort_unstable();
        }
        next.thread(thread).place = Place::GoesOn;
        Some(next)
    }

    fn go_on(&self, state: &State, thread: Id) -> Option<State> {
        when(state.is_at(thread, Place::GoesOn))?;
        let mut next = state.clone();
        let Thread { session, walk, .. } = state.threads[usize::from(thread)];
        let line = next.line(session);
        line.running = None;
        line.look(state.epoch());
        if line.may_leave(state.epoch()) {
            next.begin(thread, session, state.epoch());
        } else {
            let place = if walk == 0 { Place::Idle } else { Place::Walks };
            *next.thread(thread) = Thread { place, session: 0, walk };
        }
        Some(next)
    }

    fn publish(&self, state: &State, thread: Id, epoch: Id) -> Option<State> {
        when(state.is_at(thread, Place::Idle) && !state.stopped && epoch > state.published)?;
        let mut next = state.clone();
        (next.published, next.map) = (epoch, true);
        *next.thread(thread) = Thread { place: Place::Walks, session: 0, walk: 1 };
        Some(next)
    }

    fn show(&self, state: &State, group: Id) -> Option<State> {
        when(state.is_at(self.maker(), Place::Idle) && !state.shown.has(group))?;
        let mut next = state.clone();
        next.shown.insert(group);
        next.thread(self.maker()).place = Place::Tells;
        Some(next)
    }

    fn appeared(&self, state: &State) -> Option<State> {
        when(state.is_at(self.maker(), Place::Tells))?;
        let mut next = state.clone();
        for line in &mut next.lines {
            for group in state.shown.iter() {
                line.waiting.append(&mut line.aside[usize::from(group)]);
            }
            line.waiting.sort_unstable();
            if let Some(running) = &mut line.running {
                running.appeared |= state.shown.has(running.message.group);
            }
        }
        *next.thread(self.maker()) = Thread { place: Place::Walks, session: 0, walk: 1 };
        Some(next)
    }

    fn begin_from(&self, state: &State, thread: Id) -> Option<State> {
        when(state.is_at(thread, Place::Walks))?;
        let mut next = state.clone();
        let epoch = state.epoch();
        for session in state.threads[usize::from(thread)].walk..=self.sessions {
            let line = next.line(session);
            line.look(epoch);
            if line.running.is_none() && line.may_leave(epoch) {
                next.begin(thread, session, epoch);
                next.thread(thread).walk = session + 1;
                return Some(next);
            }
        }
        *next.thread(thread) = Thread { place: Place::Idle, session: 0, walk: 0 };
        Some(next)
    }
}

impl Protocol for EpochGate {
    const MODULE: &'static str = "EpochGate";
    const LAWS: &'static [(&'static str, Law<Self>)] = laws::LAWS;
    const IN_THE_END: &'static [&'static str] = &["Leaves"];
    type State = State;
    type Action = Action;

    fn new(constants: &Constants) -> Self {
        Self {
            sessions: constants.size("Sessions"),
            messages: constants.number("Messages"),
            epochs: constants.number("Epochs"),
            groups: constants.size("Groups"),
            publishers: constants.size("Publishers"),
            may_reset: constants.flag("MayReset"),
            may_stop: constants.flag("MayStop"),
        }
    }

    fn initial(&self) -> State {
        let aside = vec![Vec::new(); usize::from(self.groups) + 1];
        let thread = Thread { place: Place::Idle, session: 0, walk: 0 };
        State {
            published: 0,
            map: false,
            asked: 0,
            stopped: false,
            lines: vec![Line { aside, ..Line::default() }; self.sessions.into()],
            shown: Ids::from_iter([0]),
            threads: vec![thread; usize::from(self.maker()) + 1],
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = vec![Action::Appeared, Action::Stop];
        for session in self.sessions() {
            actions.push(Action::Reset { session });
            for needs in 1..=self.epochs {
                actions.extend((0..=self.groups).map(|group| Action::Arrive { session, needs, group }));
            }
        }
        actions.extend((1..=self.groups).map(|group| Action::Show { group }));
        for thread in self.publishers() {
            actions.extend((1..=self.epochs).map(|epoch| Action::Publish { thread, epoch }));
        }
        for (thread, at) in (0..).zip(&state.threads) {
            match at.place {
                Place::Calls => {
                    let line = &state.lines[usize::from(at.session) - 1];
                    let number = line.running.map_or(0, |running| running.message.number);
                    actions.push(Action::Call { thread, number });
                }
                Place::Parks => actions.push(Action::Park { thread }),
                Place::GoesOn => actions.push(Action::GoOn { thread }),
                Place::Walks => actions.push(Action::BeginFrom { thread }),
                Place::Idle | Place::Tells => {}
            }
        }
        actions
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        match *action {
            Action::Arrive { session, needs, group } => self.arrive(state, session, needs, group),
            Action::Reset { session } => {
                let line = &state.lines[usize::from(session) - 1];
                let is_idle = state.is_at(session - 1, Place::Idle);
                when(self.may_reset && is_idle && line.emptied < line.arrived)?;
                let mut next = state.clone();
                next.line(session).empty();
                Some(next)
            }
            Action::Call { thread, number } => self.call(state, thread, number),
            Action::Park { thread } => self.park(state, thread),
            Action::GoOn { thread } => self.go_on(state, thread),
            Action::Publish { thread, epoch } => self.publish(state, thread, epoch),
            Action::Show { group } => self.show(state, group),
            Action::Appeared => self.appeared(state),
            Action::BeginFrom { thread } => self.begin_from(state, thread),
            Action::Stop => {
                when(self.may_stop && !state.stopped)?;
                let mut next = state.clone();
                (next.stopped, next.map) = (true, false);
                next.lines.iter_mut().for_each(Line::empty);
                Some(next)
            }
        }
    }
}
