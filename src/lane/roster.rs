//! The lanes of one queue.

use std::collections::BTreeMap;

use crate::lane::{Bell, Lane, lane};
use crate::sync::{Arc, Mutex, Word, mark};

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

    /// Forgets a lane whose producer is gone.
    pub(super) fn dismiss(&self, id: u64) {
        self.state.lock().lanes.remove(&id);
    }

    /// Closes every lane, present and future. When it returns no new visit begins.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let lanes = std::mem::take(&mut state.lanes);
        state.visiting += lanes.values().filter(|word| lane::close(word)).count();
    }

    /// A visit that closing had counted is over.
    pub(super) fn depart(&self) {
        // Taking the lock also waits for a `close` that has set CLOSED and not yet written down its count.
        let mut state = self.state.lock();
        state.visiting -= 1;
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
        drop(state);
        if visiting > 0 {
            // It can only fall, and whoever brings it to zero rings, once.
            mark("waited for a visitor");
            self.quiet.wait();
        }
    }
}
