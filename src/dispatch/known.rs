//! Where something more that arrives changes nothing about what is next.

use crate::dispatch::message::{ConnectionId, Priority};
use crate::policy::Names;

/// What is of one priority and one connection, in the order in which it came (D2).
pub(super) type Line = (Priority, ConnectionId);

/// The lines of a queue on which something waits, as far as the dispatch thread has told.
///
/// Whoever is next is the first of some line, and which line's turn it is rests on which lines there are and on their firsts. So
/// the dispatch thread need not know of what arrives on a line that it holds something of, until it has picked the last of
/// that: then it looks before it picks again.
#[derive(Debug)]
pub(super) struct KnownLines {
    lines: Names<Line>,
    /// By number: in which round something last arrived there.
    arrived: Vec<u64>,
    /// How often the dispatch thread has looked.
    round: u64,
}

impl KnownLines {
    /// None is.
    pub(super) fn new() -> Self {
        Self { lines: Names::new(), arrived: Vec::new(), round: 0 }
    }

    /// Something arrives on `line`. Whether that is new.
    #[inline]
    pub(super) fn arrive(&mut self, line: Line) -> bool {
        let (number, new) = self.lines.number(line);
        match self.arrived.get_mut(number as usize) {
            Some(round) => *round = self.round,
            None => self.arrived.push(self.round),
        }
        new
    }

    /// The dispatch thread takes all that has arrived. Before that it held nothing on the `lost` lines, on which it had.
    pub(super) fn take(&mut self, lost: impl Iterator<Item = Line>) {
        for line in lost {
            let Some(number) = self.lines.find(line) else { continue };
            // What has arrived since it looked last, it holds from now on.
            if self.arrived[number as usize] < self.round && self.lines.give_back(number) {
                self.arrived = Vec::new();
            }
        }
        self.round += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Line = (Priority(7), ConnectionId(1));
    const THERE: Line = (Priority(7), ConnectionId(2));
    const ABOVE: Line = (Priority(8), ConnectionId(1));

    #[test]
    fn a_line_is_new_until_it_is_known_and_again_once_it_is_lost() {
        let mut known = KnownLines::new();
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
        let mut known = KnownLines::new();
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
        let mut known = KnownLines::new();
        known.arrive(HERE);
        known.take([].into_iter());
        known.take([HERE, THERE, HERE].into_iter());
        assert!(known.arrive(HERE) && known.arrive(THERE));
    }

    #[test]
    fn room_is_given_back_after_a_burst() {
        let mut known = KnownLines::new();
        let lines = || (0..10_000).map(|number| (Priority(1), ConnectionId(number)));
        assert!(lines().all(|line| known.arrive(line)));
        known.take([].into_iter());
        known.take(lines().skip(1));
        assert!(known.arrived.capacity() >= 10_000, "one is still known");
        known.take(lines().take(1));
        assert_eq!(known.arrived.capacity(), 0);
    }
}
