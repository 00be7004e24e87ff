//! The lines of a queue on which more may arrive without a word.

use std::collections::HashMap;

use crate::dispatch::message::{ConnectionId, Priority};
use crate::lane::KEPT;
use crate::policy::Mixed;

/// What is of one priority and one connection, in the order in which it came (D2).
pub(super) type Line = (Priority, ConnectionId);

/// The lines on which something waits, as far as the dispatch thread has told under the inbox's lock.
///
/// What is next is the first of some line, and which line's turn it is rests on which lines there are and on their firsts. So
/// what arrives on a line of which the dispatch thread holds something is no news to it, until it has picked the last of
/// that: then it looks, and tells so, before it picks again.
#[derive(Debug, Default)]
pub(super) struct KnownLines {
    /// In which round something arrived there last.
    lines: HashMap<Line, u64, Mixed>,
    /// How often the dispatch thread has looked, so that what has arrived since is told from what it took.
    round: u64,
    /// On which something arrived last in this round: mostly it is the next one too, and need not be looked up.
    latest: Option<Line>,
}

impl KnownLines {
    /// Something arrives on `line`. Whether that was not known.
    pub(super) fn arrive(&mut self, line: Line) -> bool {
        if self.latest == Some(line) {
            return false;
        }
        self.latest = Some(line);
        self.lines.insert(line, self.round).is_none()
    }

    /// The dispatch thread takes all that has arrived; it had come to hold nothing of the `lost` lines.
    pub(super) fn take(&mut self, lost: impl Iterator<Item = Line>) {
        for line in lost {
            // Of one on which something has arrived since it looked last, it holds that from now on.
            if self.lines.get(&line).is_some_and(|&arrived| arrived < self.round) {
                self.lines.remove(&line);
            }
        }
        self.round += 1;
        self.latest = None;
        // After a burst.
        if self.lines.is_empty() && self.lines.capacity() > KEPT {
            self.lines = HashMap::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Line = (Priority(7), ConnectionId::new(1));
    const THERE: Line = (Priority(7), ConnectionId::new(2));
    const ABOVE: Line = (Priority(8), ConnectionId::new(1));

    #[test]
    fn a_line_is_new_until_it_is_known_and_again_once_it_is_lost() {
        let mut known = KnownLines::default();
        assert!(known.arrive(HERE) && known.arrive(THERE) && known.arrive(ABOVE));
        assert!(!known.arrive(HERE), "before the dispatch thread looks,");
        known.take([].into_iter());
        assert!(!known.arrive(HERE), "and after that");
        known.take([THERE].into_iter());
        assert!(!known.arrive(HERE) && !known.arrive(ABOVE));
        assert!(known.arrive(THERE));
    }

    #[test]
    fn a_lost_line_stays_known_if_more_has_arrived_there() {
        let mut known = KnownLines::default();
        known.arrive(HERE);
        known.take([].into_iter());
        known.arrive(HERE);
        known.take([HERE].into_iter());
        assert!(!known.arrive(HERE), "what arrived is held now");
        known.take([].into_iter());
        known.take([HERE].into_iter());
        assert!(known.arrive(HERE));
    }

    #[test]
    fn a_line_may_be_lost_twice_or_never_have_been_known() {
        let mut known = KnownLines::default();
        known.arrive(HERE);
        known.take([].into_iter());
        known.take([HERE, THERE, HERE].into_iter());
        assert!(known.arrive(HERE) && known.arrive(THERE));
    }

    #[test]
    fn room_is_given_back_after_a_burst() {
        let mut known = KnownLines::default();
        let lines = || (0..10_000).map(|number| (Priority(1), ConnectionId::new(number)));
        assert!(lines().all(|line| known.arrive(line)));
        known.take([].into_iter());
        known.take(lines().skip(1));
        assert!(known.lines.capacity() > KEPT, "one is still known");
        known.take(lines().take(1));
        assert_eq!(known.lines.capacity(), 0);
    }
}
