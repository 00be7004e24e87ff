//! Who has been overtaken how often.

use std::collections::VecDeque;

use super::lines::LineId;
use super::storage::trim;

/// All arrivals since the oldest one that waits, and what has become of each.
///
/// Whatever has overtaken a message has overtaken all older ones too, so the oldest has been overtaken most
/// often, and it is enough to watch that one. What arrived after it and has been picked is what has overtaken
/// it.
#[derive(Debug)]
pub struct Ledger {
    /// How often a message may be overtaken.
    most: u64,
    /// The first of them waits.
    arrivals: VecDeque<Arrival>,
    /// The number of the first of them.
    first: u64,
    /// How many of them have been picked.
    picked: u64,
    /// How many of them have been discarded.
    discarded: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    /// In this line.
    Waits(LineId),
    Picked,
    Discarded,
}

impl Ledger {
    /// Nothing has arrived. `most`: how often a message may be overtaken.
    pub fn new(most: u64) -> Self {
        Self { most, arrivals: VecDeque::new(), first: 0, picked: 0, discarded: 0 }
    }

    /// Something has joined `line`; its number.
    #[inline]
    pub fn arrive(&mut self, line: LineId) -> u64 {
        self.arrivals.push_back(Arrival::Waits(line));
        self.first + self.arrivals.len() as u64 - 1
    }

    /// That one has been picked.
    #[inline]
    pub fn pick(&mut self, number: u64) {
        self.picked += 1;
        self.settle(number, Arrival::Picked);
    }

    /// That one has been discarded: it overtakes nobody.
    pub fn discard(&mut self, number: u64) {
        self.discarded += 1;
        self.settle(number, Arrival::Discarded);
    }

    /// The line whose first one must not be overtaken once more.
    #[inline]
    pub fn overdue(&self) -> Option<LineId> {
        match self.arrivals.front() {
            Some(&Arrival::Waits(line)) if self.picked >= self.most => Some(line),
            _ => None,
        }
    }

    /// To be called after discards: forgets them once they are the larger part, and so numbers what is left
    /// anew. Tells `renumber` the line and the new number of all that waits, in the order of arrival.
    pub fn compact(&mut self, mut renumber: impl FnMut(LineId, u64)) {
        if self.discarded <= self.arrivals.len() / 2 {
            return;
        }
        let mut number = self.first;
        self.arrivals.retain(|&arrival| {
            if let Arrival::Waits(line) = arrival {
                renumber(line, number);
            }
            number += u64::from(arrival != Arrival::Discarded);
            arrival != Arrival::Discarded
        });
        self.discarded = 0;
        trim(&mut self.arrivals);
    }

    #[inline]
    fn settle(&mut self, number: u64, fate: Arrival) {
        self.arrivals[(number - self.first) as usize] = fate;
        while let Some(&first) = self.arrivals.front() {
            match first {
                Arrival::Waits(_) => break,
                Arrival::Picked => self.picked -= 1,
                Arrival::Discarded => self.discarded -= 1,
            }
            self.arrivals.pop_front();
            self.first += 1;
        }
        trim(&mut self.arrivals);
    }

    /// For how many arrivals there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.arrivals.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::super::KEPT;
    use super::*;

    /// As many arrivals, numbered from 0, each in the line of its number.
    fn ledger(most: u64, arrivals: u32) -> Ledger {
        let mut ledger = Ledger::new(most);
        (0..arrivals).for_each(|line| assert_eq!(ledger.arrive(line), u64::from(line)));
        ledger
    }

    #[test]
    fn the_oldest_is_overdue_once_as_many_have_overtaken_it() {
        let mut ledger = ledger(2, 6);
        ledger.pick(3);
        assert_eq!(ledger.overdue(), None);
        ledger.pick(1);
        assert_eq!(ledger.overdue(), Some(0));
        ledger.pick(0);
        assert_eq!(ledger.overdue(), None, "2 has been overtaken by 3 alone");
        ledger.pick(5);
        assert_eq!(ledger.overdue(), Some(2));
        ledger.pick(2);
        ledger.pick(4);
        assert_eq!((ledger.overdue(), ledger.arrivals.len(), ledger.arrive(9)), (None, 0, 6));
    }

    #[test]
    fn without_overtaking_the_oldest_is_always_overdue() {
        let mut ledger = ledger(0, 2);
        assert_eq!(ledger.overdue(), Some(0));
        ledger.pick(0);
        assert_eq!(ledger.overdue(), Some(1));
        ledger.pick(1);
        assert_eq!(ledger.overdue(), None);
    }

    #[test]
    fn what_is_discarded_has_overtaken_nobody() {
        let mut ledger = ledger(1, 5);
        ledger.discard(4);
        ledger.discard(1);
        assert_eq!(ledger.overdue(), None);
        ledger.pick(3);
        assert_eq!(ledger.overdue(), Some(0));
        ledger.discard(0);
        assert_eq!(ledger.overdue(), Some(2), "3 overtook it too");
        ledger.discard(2);
        assert_eq!((ledger.overdue(), ledger.arrivals.len()), (None, 0));
        assert_eq!((ledger.picked, ledger.discarded), (0, 0), "of none");
    }

    #[test]
    fn discarded_ones_are_forgotten_once_they_are_the_larger_part() {
        let mut ledger = ledger(1, 8);
        let renumbered = |ledger: &mut Ledger| {
            let mut told = Vec::new();
            ledger.compact(|line, number| told.push((line, number)));
            told
        };
        ledger.pick(0);
        ledger.pick(4);
        for number in [2, 3, 6] {
            ledger.discard(number);
            assert_eq!(renumbered(&mut ledger), []);
        }
        ledger.discard(7);
        assert_eq!(renumbered(&mut ledger), [(1, 1), (5, 3)]);
        assert_eq!((ledger.arrive(10), ledger.overdue()), (4, Some(1)));
        ledger.pick(1);
        assert_eq!(ledger.arrivals, [Arrival::Waits(5), Arrival::Waits(10)]);
        assert_eq!((ledger.first, ledger.picked, ledger.discarded), (3, 0, 0));
        ledger.discard(4);
        assert_eq!(renumbered(&mut ledger), [], "it is only half of them");
    }

    #[test]
    fn room_is_given_back() {
        let mut ledger = ledger(u64::MAX, 100_000);
        (0..99_999).for_each(|number| ledger.pick(number));
        assert!(ledger.capacity() <= KEPT, "{}", ledger.capacity());
        (1..100_000).for_each(|line| assert_eq!(ledger.arrive(line), 99_999 + u64::from(line)));
        (1..100_000).for_each(|line| ledger.discard(99_999 + line));
        let before = ledger.capacity();
        ledger.compact(|_, _| {});
        assert_eq!((ledger.arrivals.len(), ledger.overdue()), (1, None));
        assert!(ledger.capacity() < before);
    }
}
