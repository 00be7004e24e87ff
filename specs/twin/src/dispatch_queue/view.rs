//! What a state says to who compares it with the reference models.

use std::ops::Range;

use super::state::{At, Boss, Door, Message, Place, State};
use super::{DispatchQueue, Post};
use crate::Id;

impl DispatchQueue {
    /// Its connections.
    pub fn connections(&self) -> Range<Id> {
        0..self.connections
    }

    /// Whether these are ordered.
    pub fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// How many messages may be under way, if there is a limit.
    pub fn limit(&self) -> Option<u8> {
        Some(self.limit).filter(|&limit| limit != 0)
    }

    /// Whether a shutdown hands back what waits, if one ever comes.
    pub fn hands_back(&self) -> bool {
        self.how == Some(Door::Back)
    }
}

impl State {
    /// What a connection does next.
    pub fn place(&self, connection: Id) -> Place {
        self.connections[usize::from(connection)].place
    }

    /// What it delivers.
    pub fn delivers(&self, connection: Id) -> Option<Message> {
        self.connections[usize::from(connection)].hand
    }

    /// Whether fast dispatch is closed to it.
    pub fn is_closed_to(&self, connection: Id) -> bool {
        self.connections[usize::from(connection)].closed
    }

    /// Whether something that it has pushed is not over: if it is ordered, it has to queue.
    pub fn has_pending(&self, connection: Id) -> bool {
        let connection = &self.connections[usize::from(connection)];
        connection.done != connection.sent
    }

    /// What the dispatch thread or the local one does next, when the former has dropped what was discarded.
    pub fn does(&self, post: Post) -> At {
        self.at(post).at
    }

    /// Whose callback it runs, or what it passes on.
    pub fn in_hand(&self, post: Post) -> Option<Message> {
        self.at(post).hand
    }

    /// What is queued, and was not discarded.
    pub fn queued(&self) -> Vec<Message> {
        self.dispatch.taken_in()
    }

    /// What was discarded, and will be dropped when the dispatch thread looks.
    pub fn discarded(&self) -> Vec<Message> {
        self.dispatch.discarded()
    }

    /// Whose discarded messages it has in hand since it looked, in order, and whether the first of them is over.
    pub fn dropping(&self) -> (&[Id], bool) {
        (&self.dropping, self.first_is_over)
    }

    /// What was sent to oneself, and not passed on.
    pub fn to_oneself(&self) -> Vec<Message> {
        self.local.messages().collect()
    }

    /// Connections of whose resets nobody has been told.
    pub fn untold(&self) -> Vec<Id> {
        self.events.iter().copied().chain(self.dispatch.resets()).collect()
    }

    /// Whether connections can queue nothing any more.
    pub fn is_sealed(&self) -> bool {
        self.dispatch.door != Door::Open
    }

    /// Whether nothing can be queued any more.
    pub fn has_ended(&self) -> bool {
        self.dispatch.is_closed()
    }

    /// Whether nothing can be sent to oneself any more.
    pub fn is_closed_to_oneself(&self) -> bool {
        self.local.is_closed()
    }

    /// Whether all threads have ended, and what is left may be reclaimed.
    pub fn may_reclaim(&self) -> bool {
        self.boss == Boss::Reclaims
    }

    /// How many permits are out, and who waits for one.
    pub fn permits(&self) -> (u8, &[Id]) {
        (self.throttle.reserved, &self.throttle.line)
    }
}
