//! What a state says to who compares it with the reference model.

use super::{Line, State};
use crate::Id;

impl State {
    /// The epoch that is published, until the gate is stopped.
    pub fn published(&self) -> Option<Id> {
        self.map.then_some(self.published)
    }

    /// Whether the gate has been stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The highest epoch that somebody was told to ask for, or 0.
    pub fn asked(&self) -> Id {
        self.asked
    }

    /// The highest epoch that is waited for and not there. What is set aside has had its epoch.
    pub fn wanted(&self) -> Option<Id> {
        let needs = self.lines.iter().flat_map(|line| &line.waiting).map(|message| message.needs);
        needs.filter(|&needs| needs > self.epoch()).max()
    }

    /// Messages of a session that wait, those that are set aside among them, in the order of their numbers.
    pub fn waiting(&self, session: Id) -> Vec<u8> {
        let Line { waiting, aside, .. } = &self.lines[usize::from(session) - 1];
        let mut numbers: Vec<_> =
            waiting.iter().chain(aside.iter().flatten()).map(|message| message.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// How many messages of a session have been accepted: the number of the last one.
    pub fn arrived(&self, session: Id) -> u8 {
        self.lines[usize::from(session) - 1].arrived
    }

    /// The message whose callback runs in a session, and the epoch under which it does.
    pub fn running(&self, session: Id) -> Option<(u8, Id)> {
        let running = self.lines[usize::from(session) - 1].running?;
        Some((running.message.number, running.epoch))
    }

    /// Whether a reset has come since the callback that runs in a session began.
    pub fn is_reset(&self, session: Id) -> bool {
        self.lines[usize::from(session) - 1].running.is_some_and(|running| running.reset)
    }

    /// The message whose callback begins if somebody looks at a session now.
    pub fn next(&self, session: Id) -> Option<u8> {
        let mut line = self.lines[usize::from(session) - 1].clone();
        line.look(self.epoch());
        let begins = line.running.is_none() && line.may_leave(self.epoch());
        begins.then(|| line.waiting[0].number)
    }

    /// Whose callbacks a thread runs.
    pub fn session_of(&self, thread: Id) -> Option<Id> {
        Some(self.threads[usize::from(thread)].session).filter(|&session| session != 0)
    }

    /// Groups that can be found.
    pub fn shown(&self) -> impl Iterator<Item = Id> {
        self.shown.iter()
    }

    /// Whether no thread is under way.
    pub fn is_at_rest(&self) -> bool {
        self.threads.iter().all(|thread| thread.place == super::Place::Idle)
    }
}
