//! A producer's own word. Every atomic operation of the crate is in this file.
//!
//! ```text
//!   bit      name      set by              cleared by        means
//!   0        VISITING  enter               Visit's drop      a fast callback of this lane is running
//!   1        CLOSED    close (Roster)      never             no new visit, and no new message
//!   2 and up DONE      Pending's drop (+1) never (wraps)     messages of this lane whose callbacks have returned
//! ```
//!
//! One thread at a time enters and expects (`&mut Lane`); any thread closes; whoever holds a `Pending` drops
//! it. How many were sent is the producer's own count, a plain number: the lane is idle when both agree. All
//! decisions rest on the value that the read-modify-write itself returned.

use crate::lane::Roster;
use crate::sync::{Arc, Word, mark};

const VISITING: usize = 0b001;
const CLOSED: usize = 0b010;
const DONE: usize = 0b100;

/// The producing end: one per connection, not clonable.
#[derive(Debug)]
pub struct Lane {
    word: Arc<Word>,
    roster: Arc<Roster>,
    id: u64,
    ordered: bool,
    /// Messages that were expected, in units of DONE and wrapping like it.
    sent: usize,
}

/// What became of a wish to run a fast callback now.
#[must_use]
#[derive(Debug)]
pub enum Entry<'a> {
    /// Granted until the visit is dropped.
    Visit(Visit<'a>),
    /// Refused for now: the lane is ordered and earlier messages are on their way. Queue behind them.
    Behind,
    /// Refused for good.
    Closed,
}

/// The right to run a fast callback: while it lives, nobody who waits for the roster to fall quiet gets on.
#[derive(Debug)]
pub struct Visit<'a> {
    lane: &'a Lane,
}

/// One message of an ordered lane that is on its way; dropped after its callback.
#[derive(Debug)]
pub struct Pending(Arc<Word>);

impl Lane {
    /// For [`Roster::admit`] only.
    pub(super) fn new(roster: Arc<Roster>, id: u64, word: Arc<Word>, ordered: bool) -> Self {
        Self { word, roster, id, ordered, sent: 0 }
    }

    /// The number the roster gave it, counting from 1.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Asks to run a fast callback on this thread, now.
    pub fn enter(&mut self) -> Entry<'_> {
        // ORDERING: AcqRel. Pairs with `close`'s fetch_or: of the two, the later sees the earlier's bit, so a
        // visit is either refused or waited for. Pairs with `Pending::drop`: a count that has caught up means
        // that the callbacks of all earlier messages happened before this one. Relaxed would lose the second.
        let before = self.word.fetch_or(VISITING);
        debug_assert!(before & CLOSED != 0 || before & VISITING == 0, "visits of a lane never overlap");
        if before & CLOSED != 0 {
            // The bit stays set in a closed word that nobody will read again: harmless.
            mark("visit refused");
            return Entry::Closed;
        }
        let busy = self.ordered && before & !(VISITING | CLOSED) != self.sent;
        let visit = Visit { lane: self };
        if busy {
            mark("queued behind");
            // Entered in vain. A close may have counted it meanwhile, so it leaves like any visit.
            drop(visit);
            return Entry::Behind;
        }
        mark("visited");
        Entry::Visit(visit)
    }

    /// Takes note that a message of this lane is about to be queued, if the lane is ordered.
    pub fn expect(&mut self) -> Option<Pending> {
        self.ordered.then(|| {
            self.sent = self.sent.wrapping_add(DONE);
            Pending(Arc::clone(&self.word))
        })
    }

    /// Whether the lane had been closed some time ago. `false` may be stale: only trying tells.
    pub fn looks_closed(&self) -> bool {
        // ORDERING: a hint. Whatever it answers is harmless: a caller that goes on is refused by `enter` or
        // by the inbox.
        self.word.hint() & CLOSED != 0
    }
}

/// Closes the lane behind `word`, once (the roster sees to that). True if a visit is under way, which will
/// then report to the roster when it ends.
pub(super) fn close(word: &Word) -> bool {
    // ORDERING: AcqRel. Pairs with `enter` and with `Visit::drop`: if the visit came first, its bit is seen
    // here and the visit sees CLOSED when it ends; if this came first, the visit is refused.
    let before = word.fetch_or(CLOSED);
    debug_assert!(before & CLOSED == 0, "a lane is closed once");
    before & VISITING != 0
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        // ORDERING: AcqRel. Pairs with `close`'s fetch_or: if that came first, CLOSED is seen here and the
        // closer has counted this visit; if this came first, the closer sees no visit, and everything the
        // callback did happens before whatever the closer does next.
        let before = self.lane.word.fetch_and(!VISITING);
        if before & CLOSED != 0 {
            mark("visited past closing");
            self.lane.roster.depart();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // ORDERING: AcqRel. Pairs with `enter`, which runs a fast callback if the count has caught up: what this
        // message's callback did must happen before that. Relaxed would let the two race.
        self.0.fetch_add(DONE);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.roster.dismiss(self.id);
    }
}
