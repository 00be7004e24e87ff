//! Who has been overtaken how often.

use std::collections::VecDeque;

use super::KEPT;
use super::lines::LineId;
use super::storage::trim;

/// All arrivals since the oldest one that waits; and some before that, if nobody has looked since.
///
/// Whatever has overtaken a message has overtaken all older ones too, so the oldest has been overtaken most
/// often, and it is enough to watch that one. What arrived after it and has been picked is what has overtaken
/// it: what neither waits nor was discarded. Each pick overtakes it once at most, so that need be counted only
/// when it may be enough; and nothing need be written down of a pick, since a line is picked in order: what
/// came before its first is gone.
#[derive(Debug)]
pub struct Ledger {
    /// How often a message may be overtaken.
    most: u64,
    /// The line that each joined, or [`DISCARDED`].
    arrivals: VecDeque<LineId>,
    /// The number of the first of them.
    first: u64,
    /// How many of them have been discarded.
    discarded: usize,
    /// So many picks from here on overtake nobody who must not be.
    sure: u64,
}

/// In place of a line. (Memory ends before lines come so far.)
const DISCARDED: LineId = LineId::MAX;

/// After so many picks it looks, though that may be sooner than it must: so what is gone does not pile up.
const OFTEN: u64 = 256;

impl Ledger {
    /// Nothing has arrived. `most`: how often a message may be overtaken.
    pub fn new(most: u64) -> Self {
        Self { most, arrivals: VecDeque::new(), first: 0, discarded: 0, sure: 0 }
    }

    /// Something has joined `line`; its number.
    #[inline]
    pub fn arrive(&mut self, line: LineId) -> u64 {
        self.arrivals.push_back(line);
        self.first + self.arrivals.len() as u64 - 1
    }

    /// Something is picked next: the first of the line that this returns, which must not be overtaken once more; of any,
    /// if it returns none. So many are `waiting` now, and `first` says the number of the first in a line.
    #[inline]
    pub fn overdue(&mut self, waiting: usize, first: impl Fn(LineId) -> Option<u64>) -> Option<LineId> {
        if self.sure == 0 {
            let overdue = self.look(waiting, first);
            if overdue.is_some() {
                return overdue;
            }
        }
        self.sure -= 1;
        None
    }

    /// That one has been discarded: it overtakes nobody.
    pub fn discard(&mut self, number: u64) {
        self.discarded += 1;
        self.arrivals[(number - self.first) as usize] = DISCARDED;
    }

    /// Nothing waits any more.
    #[inline]
    pub fn clear(&mut self) {
        self.first += self.arrivals.len() as u64;
        self.arrivals.clear();
        self.arrivals.shrink_to(KEPT);
        self.discarded = 0;
    }

    /// To be called after discards: forgets them once they are the larger part, and so numbers what is left
    /// anew. Tells `renumber` the line, the old and the new number of all others, in the order of arrival.
    pub fn compact(&mut self, mut renumber: impl FnMut(LineId, u64, u64)) {
        if self.discarded <= self.arrivals.len() / 2 {
            return;
        }
        let (mut old, mut new) = (self.first, self.first);
        self.arrivals.retain(|&line| {
            let stays = line != DISCARDED;
            if stays {
                renumber(line, old, new);
                new += 1;
            }
            old += 1;
            stays
        });
        self.discarded = 0;
        trim(&mut self.arrivals);
    }

    /// Forgets what came before the oldest that waits, and counts how often that has been overtaken.
    #[cold]
    fn look(&mut self, waiting: usize, first: impl Fn(LineId) -> Option<u64>) -> Option<LineId> {
        while let Some(&line) = self.arrivals.front() {
            if line == DISCARDED {
                self.discarded -= 1;
            } else if first(line).is_some_and(|first| first <= self.first) {
                break;
            }
            self.arrivals.pop_front();
            self.first += 1;
            trim(&mut self.arrivals);
        }
        let picked = (self.arrivals.len() - waiting - self.discarded) as u64;
        if picked >= self.most {
            return self.arrivals.front().copied();
        }
        self.sure = OFTEN.min(self.most - picked);
        None
    }

    /// For how many arrivals there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.arrivals.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What waits in which line, by number, and the ledger of it.
    struct Waiting {
        ledger: Ledger,
        numbers: Vec<VecDeque<u64>>,
    }

    impl Waiting {
        /// One in each of so many lines, which came in their order.
        fn new(most: u64, lines: usize) -> Self {
            let mut waiting = Self { ledger: Ledger::new(most), numbers: vec![VecDeque::new(); lines] };
            (0..lines).for_each(|line| assert_eq!(waiting.arrive(line), line as u64));
            waiting
        }

        fn arrive(&mut self, line: usize) -> u64 {
            let number = self.ledger.arrive(line as LineId);
            self.numbers[line].push_back(number);
            number
        }

        /// Picks the first of `line`, unless another is overdue.
        fn pick(&mut self, line: usize) -> Option<LineId> {
            let waiting = self.numbers.iter().map(VecDeque::len).sum();
            let overdue = self.ledger.overdue(waiting, |line| self.numbers[line as usize].front().copied());
            self.numbers[overdue.map_or(line, |line| line as usize)].pop_front().expect("it waits");
            overdue
        }

        fn discard(&mut self, line: usize) {
            let number = self.numbers[line].pop_front().expect("it waits");
            self.ledger.discard(number);
        }

        /// Of all that were told, the line and the new number of those that wait.
        fn compact(&mut self) -> Vec<(LineId, u64)> {
            let (mut told, before) = (Vec::new(), self.numbers.clone());
            self.ledger.compact(|line, old, new| {
                if let Some(place) = before[line as usize].iter().position(|&number| number == old) {
                    self.numbers[line as usize][place] = new;
                    told.push((line, new));
                }
            });
            told
        }
    }

    #[test]
    fn the_oldest_is_overdue_once_as_many_have_overtaken_it() {
        let mut waiting = Waiting::new(2, 6);
        assert_eq!([3, 1, 5].map(|line| waiting.pick(line)), [None, None, Some(0)]);
        assert_eq!(waiting.pick(5), None, "2 had been overtaken by 3 alone");
        assert_eq!(waiting.pick(4), Some(2));
        assert_eq!((waiting.pick(4), waiting.arrive(0)), (None, 6));
    }

    #[test]
    fn without_overtaking_the_oldest_is_always_overdue() {
        let mut waiting = Waiting::new(0, 3);
        assert_eq!([2, 2, 2].map(|line| waiting.pick(line)), [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn it_looks_when_the_oldest_may_be_overdue_and_else_seldom() {
        let mut waiting = Waiting::new(3 * OFTEN, 1000);
        for line in 1..1000 {
            if line as u64 > 3 * OFTEN {
                assert_eq!(waiting.pick(line), Some(0));
                return;
            }
            assert_eq!(waiting.pick(line), None);
            assert_eq!(waiting.ledger.sure, OFTEN - 1 - (line as u64 - 1) % OFTEN);
        }
    }

    #[test]
    fn who_comes_to_a_line_again_is_not_who_was_there() {
        let mut waiting = Waiting::new(1, 3);
        assert_eq!(waiting.pick(0), None);
        assert_eq!(waiting.arrive(0), 3);
        assert_eq!([waiting.pick(2), waiting.pick(0)], [None, Some(1)], "and not that of 0");
    }

    #[test]
    fn what_is_discarded_has_overtaken_nobody() {
        let mut waiting = Waiting::new(1, 5);
        for line in [4, 1] {
            waiting.discard(line);
        }
        assert_eq!(waiting.pick(3), None);
        waiting.discard(0);
        assert_eq!(waiting.pick(2), Some(2), "3 overtook it too");
        assert_eq!(
            (waiting.ledger.first, waiting.ledger.discarded),
            (2, 1),
            "what came before it is forgotten"
        );
        waiting.ledger.clear();
        assert_eq!((waiting.ledger.first, waiting.ledger.discarded), (5, 0));
    }

    #[test]
    fn discarded_ones_are_forgotten_once_they_are_the_larger_part() {
        let mut waiting = Waiting::new(2, 8);
        assert_eq!([0, 4].map(|line| waiting.pick(line)), [None, None]);
        for line in [2, 3, 6] {
            waiting.discard(line);
            assert_eq!(waiting.compact(), []);
        }
        waiting.discard(7);
        assert_eq!(waiting.compact(), [], "it is only half of them");
        waiting.discard(5);
        assert_eq!(waiting.compact(), [(1, 1)]);
        assert_eq!((waiting.arrive(5), waiting.ledger.arrivals.len()), (3, 4));
        assert_eq!(waiting.pick(5), None);
        assert_eq!((waiting.arrive(5), waiting.pick(5)), (4, Some(1)), "4 and the other 5 overtook it");
    }

    #[test]
    fn room_is_given_back() {
        let mut ledger = Ledger::new(u64::MAX);
        (0..100_000).for_each(|_| assert!(ledger.arrive(0) < 100_000));
        ledger.sure = 0;
        assert_eq!(ledger.overdue(1, |_| Some(99_999)), None);
        assert!((ledger.first, ledger.arrivals.len()) == (99_999, 1) && ledger.capacity() <= KEPT);
        (1..100_000).for_each(|line| assert_eq!(ledger.arrive(line), 99_999 + u64::from(line)));
        (1..100_000).for_each(|line| ledger.discard(99_999 + line));
        let before = ledger.capacity();
        ledger.compact(|_, _, _| {});
        assert!(ledger.arrivals.len() == 1 && ledger.capacity() < before);
        (1..100_000).for_each(|line| _ = ledger.arrive(line));
        ledger.clear();
        assert!(ledger.arrivals.is_empty() && ledger.capacity() <= KEPT);
    }
}
