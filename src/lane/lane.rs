//! A producer's own word. Every atomic operation of the crate is in this file, but for those on one flag (`news.rs`).
//!
//! ```text
//!   bit      name      set by              cleared by        means
//!   0        VISITING  enter               Visit's drop      a fast callback of this lane is running
//!   1        CLOSED    close (Roster)      never             no new visit, and no new message
//!   2 and up VISITS    Visit's drop (+1)   bank (Roster)     visits that are over, and not in the roster's sum yet
//!   the rest DONE      Pending's drop (+1) never (wraps)     messages of this lane whose callbacks have returned
//! ```
//!
//! `VISITS` takes a quarter of the word, and is moved to the roster when it is half full.
//!
//! One thread at a time enters and expects (`&mut Lane`); any thread closes; whoever holds a `Pending` drops
//! it. How many were sent is the producer's own count, a plain number: the lane is idle when both agree. All
//! decisions rest on the value that the read-modify-write itself returned.

use crate::lane::Roster;
use crate::sync::{Arc, Word, mark, taking};

const VISITING: usize = 0b001;
const CLOSED: usize = 0b010;
const VISIT: usize = 0b100;
const DONE: usize = VISIT << (usize::BITS / 4);
const VISITS: usize = DONE - VISIT;

/// So many visits are moved to the roster at once: half of what has room, as the field must never run over.
const BANKED: usize = VISITS / VISIT / 2;

/// The producing end: one per connection, not clonable.
#[derive(Debug)]
pub struct Lane {
    word: Arc<Word>,
    roster: Arc<Roster>,
    id: u64,
    ordered: bool,
    /// Messages that were expected, in units of DONE and wrapping like it.
    sent: usize,
    /// Visits that were granted and have not been moved to the roster: all of them over, when the next one is asked for.
    visits: usize,
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
    /// Whether there was one. Turned away, it leaves like any other, and does not count.
    granted: bool,
}

/// One message of an ordered lane that is on its way; dropped after its callback.
#[derive(Debug)]
pub struct Pending(Arc<Word>);

impl Lane {
    /// For [`Roster::admit`] only.
    pub(super) fn new(roster: Arc<Roster>, id: u64, word: Arc<Word>, ordered: bool) -> Self {
        Self { word, roster, id, ordered, sent: 0, visits: 0 }
    }

    /// The number the roster gave it, counting from 1.
    #[inline]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Asks to run a fast callback on this thread, now.
    #[inline]
    pub fn enter(&mut self) -> Entry<'_> {
        if self.visits == BANKED {
            self.roster.bank(self.id);
            self.visits = 0;
        }
        // ORDERING: AcqRel. Pairs with `close`'s fetch_or: of the two, the later sees the earlier's bit, so a
        // visit is either refused or waited for. Pairs with `Pending::drop`: a count that has caught up means
        // that the callbacks of all earlier messages happened before this one. Relaxed would lose the second.
        let before = taking(&*self.word, "enter", || self.word.fetch_or(VISITING));
        debug_assert!(before & CLOSED != 0 || before & VISITING == 0, "visits of a lane never overlap");
        if before & CLOSED != 0 {
            // The bit stays set in a closed word that nobody will read again: harmless.
            mark("visit refused");
            return Entry::Closed;
        }
        if self.ordered && before & !(VISITING | CLOSED | VISITS) != self.sent {
            mark("queued behind");
            // Entered in vain. A close may have counted it meanwhile, so it leaves like any visit.
            drop(Visit { lane: self, granted: false });
            return Entry::Behind;
        }
        mark("visited");
        self.visits += 1;
        Entry::Visit(Visit { lane: self, granted: true })
    }

    /// Takes note that a message of this lane is about to be queued, if the lane is ordered.
    #[inline]
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

/// What a lane was like when it was closed.
pub(super) struct Closed {
    /// Whether a visit was under way. It will report to the roster when it ends.
    pub visited: bool,
    /// Visits that were over, and that the roster has not been told of.
    pub visits: usize,
}

/// Closes the lane behind `word`, once (the roster sees to that).
pub(super) fn close(word: &Word) -> Closed {
    // ORDERING: AcqRel. Pairs with `enter` and with `Visit::drop`: if the visit came first, its bit is seen
    // here and the visit sees CLOSED when it ends; if this came first, the visit is refused.
    let before = taking(word, "close_lane", || word.fetch_or(CLOSED));
    debug_assert!(before & CLOSED == 0, "a lane is closed once");
    Closed { visited: before & VISITING != 0, visits: (before & VISITS) / VISIT }
}

/// Visits of the lane behind `word` that are over, and that the roster has not been told of.
pub(super) fn visits(word: &Word) -> usize {
    // ORDERING: AcqRel. Pairs with `Visit::drop`: what the callbacks that are counted here did happens before whatever
    // the caller does next. Relaxed would count them too, and let the caller read old values of what they wrote.
    (word.fetch_or(0) & VISITS) / VISIT
}

/// The same, and takes them out of the word.
pub(super) fn take_visits(word: &Word) -> usize {
    // ORDERING: AcqRel, as in `visits`. The word loses them and the roster gets them in one critical section of the
    // roster, so whoever counts sees them once.
    (word.fetch_and(!VISITS) & VISITS) / VISIT
}

impl Drop for Visit<'_> {
    #[inline]
    fn drop(&mut self) {
        let counts = if self.granted { VISIT } else { 0 };
        let word = &self.lane.word;
        // ORDERING: AcqRel. Pairs with `close`'s fetch_or: if that came first, CLOSED is seen here and the
        // closer has counted this visit; if this came first, the closer sees no visit, and everything the
        // callback did happens before whatever the closer does next. (VISITING is set: what is taken away is the bit.)
        let before = taking(&**word, "leave", || word.fetch_add(counts.wrapping_sub(VISITING)));
        if before & CLOSED != 0 {
            mark("visited past closing");
            self.lane.roster.depart(self.granted);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // ORDERING: AcqRel. Pairs with `enter`, which runs a fast callback if the count has caught up: what this
        // message's callback did must happen before that. Relaxed would let the two race.
        taking(&*self.0, "done", || self.0.fetch_add(DONE));
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.roster.dismiss(self.id, self.visits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(lane: &mut Lane) {
        assert!(matches!(lane.enter(), Entry::Visit(_)), "and it is over");
    }

    #[test]
    fn visits_are_counted_for_ever_and_messages_beside_them() {
        let roster = Arc::new(Roster::new());
        let (mut plain, mut ordered) = (roster.admit(false), roster.admit(true));
        let visits = 3 * BANKED + 7;
        for visited in 0..visits {
            visit(&mut plain);
            assert!(plain.visits <= BANKED && visits_of(&plain) == plain.visits, "never runs over");
            if visited % 1_000 == 0 {
                let pending = ordered.expect();
                assert!(matches!(ordered.enter(), Entry::Behind), "and that is no visit");
                drop(pending);
            }
            visit(&mut ordered);
        }
        assert_eq!(roster.count(), (2, 2 * visits as u64));
        assert_eq!(plain.visits, 7, "the rest is banked");
        drop(plain);
        assert_eq!(roster.count(), (1, 2 * visits as u64));
        roster.close();
        assert_eq!(roster.count(), (0, 2 * visits as u64));
        drop(ordered);
        assert_eq!(roster.count(), (0, 2 * visits as u64), "counted when it was closed");
    }

    #[test]
    fn a_closed_lane_banks_nothing_twice() {
        let roster = Arc::new(Roster::new());
        let mut lane = roster.admit(false);
        (0..BANKED).for_each(|_| visit(&mut lane));
        roster.close();
        assert!(matches!(lane.enter(), Entry::Closed));
        drop(lane);
        assert_eq!(roster.count(), (0, BANKED as u64));
    }

    fn visits_of(lane: &Lane) -> usize {
        super::visits(&lane.word)
    }
}
