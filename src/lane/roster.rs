//! The lanes of one queue.

use std::collections::BTreeMap;

use crate::lane::{Bell, Lane, lane};
use crate::sync::{Arc, Mutex, Word, mark, took};

/// Knows every lane, so that closing reaches all of them and can wait for those inside a fast callback.
#[derive(Debug, Default)]
pub struct Roster {
    state: Mutex<State>,
    quiet: Bell,
}

#[derive(Debug, Default)]
struct State {
    /// Ordered by number, so that closing visits them in the same order every time (models need that).
    lanes: BTreeMap<u64, Arc<Word>>,
    admitted: u64,
    closed: bool,
    /// Visits that were under way when their lane was closed, and still are.
    visiting: usize,
    /// Visits that are over, and that no word of the `lanes` counts.
    visits: u64,
}

impl Roster {
    /// A roster without lanes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new lane; born closed if the roster is. An ordered one refuses visits while its messages are queued.
    pub fn admit(self: &Arc<Self>, ordered: bool) -> Lane {
        let mut state = self.state.lock();
        let word = Arc::new(Word::new(0));
        state.admitted += 1;
        let id = state.admitted;
        if state.closed {
            lane::close(&word);
        } else {
            state.lanes.insert(id, Arc::clone(&word));
        }
        Lane::new(Arc::clone(self), id, word, ordered)
    }

    /// Forgets a lane whose producer is gone, and that counts so many `visits`.
    pub(super) fn dismiss(&self, id: u64, visits: usize) {
        let mut state = self.state.lock();
        // If it has been closed, so has its count.
        if state.lanes.remove(&id).is_some() {
            state.visits += visits as u64;
        }
    }

    /// Takes over the visits that a lane's word counts, before it runs over.
    pub(super) fn bank(&self, id: u64) {
        let mut state = self.state.lock();
        // If it has been closed, so has its count.
        let visits = state.lanes.get(&id).map_or(0, |word| lane::take_visits(word));
        state.visits += visits as u64;
    }

    /// How many lanes are open, and how many visits are over, those of lanes that are gone included.
    pub fn count(&self) -> (usize, u64) {
        let state = self.state.lock();
        let visits = state.lanes.values().map(|word| lane::visits(word) as u64);
        (state.lanes.len(), state.visits + visits.sum::<u64>())
    }

    /// Closes every lane, present and future. When it returns no new visit begins.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        for word in std::mem::take(&mut state.lanes).values() {
            let closed = lane::close(word);
            state.visiting += usize::from(closed.visited);
            state.visits += closed.visits as u64;
        }
        took(self, "close_roster", state.visiting as u64);
    }

    /// A visit that closing had counted is over; whether it was one.
    pub(super) fn depart(&self, granted: bool) {
        // Taking the lock also waits for a `close` that has set CLOSED and not yet written down its count.
        let mut state = self.state.lock();
        state.visiting -= 1;
        state.visits += u64::from(granted);
        took(self, "depart", state.visiting as u64);
        if state.visiting == 0 {
            mark("last visitor rang");
            self.quiet.ring();
        }
    }

    /// Waits until no visit is under way. Call it after [`close`](Roster::close), from one thread.
    pub fn wait_quiet(&self) {
        let state = self.state.lock();
        debug_assert!(state.closed, "only a closed roster falls quiet");
        let visiting = state.visiting;
        took(self, "wait_quiet", visiting as u64);
        drop(state);
        if visiting > 0 {
            // It can only fall, and whoever brings it to zero rings, once.
            mark("waited for a visitor");
            self.quiet.wait();
        }
    }
}
