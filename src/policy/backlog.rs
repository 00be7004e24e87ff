//! All that waits to be dispatched, and which of it is next.

mod ledger;
mod lines;
mod priorities;
mod queues;
mod storage;
mod turns;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod naive;

use std::hash::Hash;

use crate::policy::order::{Order, Overtakes};
use crate::policy::shares::{Front, Shares};
use ledger::Ledger;
use lines::{LineId, Lines};
use queues::{Queues, Waiting};
use turns::Turns;

/// Of one kind, room for so many is kept, without asking whether it is needed.
const KEPT: usize = 1024;

/// Items by priority and source, picked in an [`Order`].
///
/// * Items of one priority and source are picked as they were pushed (D2).
/// * The strict band goes first, highest priority first (D3); the weighted band shares what is left
///   ([`Shares`]).
/// * Within one priority sources take turns: between two picks from one source, every source that has had
///   something waiting all that time is picked (and exactly once, if the first one has had so too). One that
///   comes, or comes back, joins behind those waiting (D4).
/// * An item that has been overtaken as often as the order allows is next, before all this, and not sooner
///   (D4). It counts as its source's turn: that goes behind the others of its priority.
///
/// The time for a push or a pick does not grow with what waits, but in the weighted band by a little for each
/// of its priorities. A steady flow does not allocate. What a burst took is given back while it drains, but
/// for some 100 bytes for each line (a priority and a source) that waited at once: those, once nothing waits.
#[derive(Debug)]
pub struct Backlog<S, T> {
    strict_from: u8,
    lines: Lines<S>,
    queues: Queues<T>,
    ledger: Option<Ledger>,
    turns: Turns,
    shares: Box<dyn Shares>,
    /// Of the weighted band; only for the length of a pick.
    fronts: Vec<Front>,
}

/// What was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked<S, T> {
    pub priority: u8,
    pub source: S,
    pub item: T,
    /// Whether nothing of this priority and source waits now.
    pub last: bool,
}

impl<S: Copy + Eq + Hash, T> Backlog<S, T> {
    /// Nothing waits.
    pub fn new(order: Order) -> Self {
        let ledger = match order.overtakes {
            Overtakes::AtMost(times) => Some(Ledger::new(times)),
            Overtakes::Unbounded => None,
        };
        Self {
            strict_from: order.strict_from,
            lines: Lines::new(),
            queues: Queues::new(),
            ledger,
            turns: Turns::new(),
            shares: order.weighted.shares(),
            fronts: Vec::new(),
        }
    }

    /// Puts `item` behind the others of its priority and source. `cost`: its size in bytes; only the weighted
    /// band asks.
    #[inline]
    pub fn push(&mut self, priority: u8, cost: u64, source: S, item: T) {
        let line = self.lines.open(priority, source);
        let number = self.ledger.as_mut().map_or(0, |ledger| ledger.arrive(line));
        if self.queues.push(line, Waiting { number, cost, item }) {
            self.lines.join(line);
            self.turns.join(priority, line);
        }
    }

    /// Takes what is next, and says whose it is.
    #[inline]
    pub fn pick(&mut self) -> Option<Picked<S, T>> {
        let highest = self.turns.waiting().highest()?;
        let line = match self.overdue() {
            Some(line) => self.force(line),
            None if highest >= self.strict_from => self.turns.first(highest),
            None => self.share(None),
        };
        let (priority, source) = self.lines.name(line);
        let (item, _, last) = self.queues.pop(line);
        if last {
            self.turns.leave(priority, line);
            self.lines.leave(line);
            self.clear_if_empty();
        } else {
            self.turns.pass(priority, line);
        }
        Some(Picked { priority, source, item, last })
    }

    /// Takes all of one source: highest priority first, and each priority's in order. It has then overtaken
    /// nobody. Takes a step for each item, and now and then one for each that stays.
    pub fn discard(&mut self, source: S, mut out: impl FnMut(u8, T)) {
        for priority in (0..=u8::MAX).rev() {
            let Some(line) = self.lines.find(priority, source) else { continue };
            self.turns.leave(priority, line);
            self.lines.leave(line);
            loop {
                let (item, number, last) = self.queues.pop(line);
                if let Some(ledger) = &mut self.ledger {
                    ledger.discard(number);
                }
                out(priority, item);
                if last {
                    break;
                }
            }
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.compact(|line, old, new| self.queues.renumber(line, old, new));
        }
        self.clear_if_empty();
    }

    #[inline]
    fn clear_if_empty(&mut self) {
        if self.queues.len() == 0 {
            self.ledger.iter_mut().for_each(Ledger::clear);
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queues.len()
    }

    /// The line whose first one must go next, if there is one.
    #[inline]
    fn overdue(&mut self) -> Option<LineId> {
        let Self { ledger, queues, .. } = self;
        ledger.as_mut()?.overdue(queues.len(), |line| queues.first(line))
    }

    /// What goes by force is charged like any other of its priority.
    fn force(&mut self, line: LineId) -> LineId {
        let (priority, _) = self.lines.name(line);
        if priority < self.strict_from { self.share(Some(line)) } else { line }
    }

    /// Charges the weighted band with what is picked of it: the first of `overdue`, or else what its shares
    /// choose.
    fn share(&mut self, overdue: Option<LineId>) -> LineId {
        self.look();
        let line = overdue.unwrap_or_else(|| self.turns.first(self.shares.choose(&self.fronts)));
        self.shares.charge(self.front(line), &self.fronts);
        line
    }

    /// Lists what waits in the weighted band.
    fn look(&mut self) {
        let mut fronts = std::mem::take(&mut self.fronts);
        fronts.clear();
        let weighted = self.turns.waiting().iter().take_while(|&priority| priority < self.strict_from);
        fronts.extend(weighted.map(|priority| self.front(self.turns.first(priority))));
        self.fronts = fronts;
    }

    /// What is first in a line.
    fn front(&self, line: LineId) -> Front {
        Front { priority: self.lines.name(line).0, cost: self.queues.cost(line) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::order::Weighted;

    const TOKENS: Weighted = Weighted::TokenBucket { max_tokens: 100, min_cost: 1 };

    fn backlog<T>(strict_from: u8, overtakes: Overtakes) -> Backlog<char, T> {
        Backlog::new(Order { strict_from, weighted: TOKENS, overtakes })
    }

    fn rest<T>(backlog: &mut Backlog<char, T>) -> Vec<T> {
        std::iter::from_fn(|| backlog.pick()).map(|picked| picked.item).collect()
    }

    #[test]
    fn the_highest_strict_priority_goes_first_and_sources_take_turns_in_it() {
        let mut backlog = backlog(5, Overtakes::Unbounded);
        for (priority, source, item) in
            [(4, 'a', 1), (9, 'a', 2), (9, 'a', 3), (9, 'b', 4), (5, 'c', 5), (4, 'c', 6)]
        {
            backlog.push(priority, 1, source, item);
        }
        assert_eq!(backlog.len(), 6);
        assert_eq!(backlog.pick(), Some(Picked { priority: 9, source: 'a', item: 2, last: false }));
        assert_eq!(rest(&mut backlog), [4, 3, 5, 1, 6]);
        assert_eq!((backlog.len(), backlog.pick()), (0, None));
    }

    #[test]
    fn a_source_that_comes_back_joins_behind_those_waiting() {
        let mut backlog = backlog(0, Overtakes::Unbounded);
        backlog.push(1, 0, 'a', 1);
        backlog.push(1, 0, 'b', 2);
        assert_eq!(backlog.pick(), Some(Picked { priority: 1, source: 'a', item: 1, last: true }));
        backlog.push(1, 0, 'a', 3);
        backlog.push(1, 0, 'b', 4);
        assert_eq!(rest(&mut backlog), [2, 3, 4]);
    }

    #[test]
    fn the_weighted_band_shares_what_the_strict_one_leaves() {
        let mut backlog = backlog(4, Overtakes::Unbounded);
        for _ in 0..3 {
            backlog.push(1, 4, 'a', 1);
        }
        for _ in 0..9 {
            backlog.push(3, 4, 'a', 3);
        }
        backlog.push(4, 4, 'a', 4);
        assert_eq!(rest(&mut backlog), [4, 3, 3, 3, 3, 1, 3, 3, 3, 1, 3, 3, 1]);
    }

    #[test]
    fn costs_are_those_of_whoever_has_the_turn() {
        let mut backlog = backlog(255, Overtakes::Unbounded);
        // Of 1, 4, 1, 5 and 1 for the other, it gets a fourth: then it can pay.
        backlog.push(1, 3, 'a', 1);
        for cost in [1, 1, 1, 1] {
            backlog.push(3, cost, 'a', 3);
        }
        for cost in [4, 5, 1, 1] {
            backlog.push(3, cost, 'b', 3);
        }
        assert_eq!(rest(&mut backlog), [3, 3, 3, 3, 3, 1, 3, 3, 3]);
    }

    #[test]
    fn an_item_is_overtaken_as_often_as_allowed_and_no_more() {
        let mut backlog = backlog(0, Overtakes::AtMost(2));
        for (priority, item) in [(1, "low"), (9, "1"), (9, "2"), (9, "3"), (1, "low too")] {
            backlog.push(priority, 0, 'a', item);
        }
        assert_eq!(rest(&mut backlog), ["1", "2", "low", "3", "low too"]);
    }

    #[test]
    fn a_pick_by_force_is_its_sources_turn() {
        let mut backlog = backlog(2, Overtakes::AtMost(1));
        for (source, item) in [('a', 1), ('a', 2), ('b', 3), ('c', 4), ('a', 5), ('b', 6)] {
            backlog.push(5, 0, source, item);
        }
        // 3 overtakes 2, which must go then, before the turn of its source. So 6 goes before 5, and 5 must go
        // next.
        assert_eq!(rest(&mut backlog), [1, 3, 2, 4, 6, 5]);
    }

    #[test]
    fn a_pick_by_force_is_charged_if_its_priority_shares() {
        let after_forcing = |forced: u8| {
            let mut backlog = backlog(4, Overtakes::Unbounded);
            for priority in [1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 4] {
                backlog.push(priority, 4, 'a', priority);
            }
            let line = backlog.lines.find(forced, 'a').expect("something waits there");
            assert_eq!(backlog.force(line), line);
            let fronts: Vec<_> = backlog.fronts.iter().map(|front| front.priority).collect();
            let sharing: &[u8] = if forced < 4 { &[1, 3] } else { &[] };
            assert_eq!(fronts, sharing, "4 does not share");
            rest(&mut backlog)
        };
        assert_eq!(after_forcing(1), [4, 3, 3, 3, 3, 3, 3, 3, 1, 3, 1], "1 owes 3 then");
        assert_eq!(after_forcing(3), [4, 3, 3, 3, 1, 3, 3, 3, 1, 3, 3], "1 is owed 1 then");
        assert_eq!(after_forcing(4), [4, 3, 3, 3, 3, 1, 3, 3, 3, 1, 3]);
    }

    #[test]
    fn discarding_takes_one_source_and_nobody_elses_turn() {
        let mut backlog = backlog(5, Overtakes::AtMost(3));
        for (priority, source, item) in
            [(1, 'a', 1), (9, 'b', 2), (9, 'a', 3), (9, 'c', 4), (7, 'a', 5), (9, 'a', 6), (1, 'b', 7)]
        {
            backlog.push(priority, 1, source, item);
        }
        let mut out = Vec::new();
        backlog.discard('a', |priority, item| out.push((priority, item)));
        assert_eq!((out, backlog.len()), (vec![(9, 3), (9, 6), (7, 5), (1, 1)], 3));
        backlog.discard('a', |_, _| unreachable!("nothing is left of it"));
        assert_eq!(rest(&mut backlog), [2, 4, 7]);
    }

    #[test]
    fn what_was_discarded_has_overtaken_nobody() {
        let mut backlog = backlog(0, Overtakes::AtMost(1));
        backlog.push(1, 0, 'a', "low");
        backlog.push(1, 0, 'b', "low too");
        (0..9).for_each(|_| backlog.push(9, 0, 'c', "discarded"));
        backlog.push(9, 0, 'd', "high");
        backlog.push(9, 0, 'd', "high too");
        backlog.discard('c', |_, _| ());
        assert_eq!(rest(&mut backlog), ["high", "low", "low too", "high too"]);
    }

    #[test]
    fn room_is_given_back_after_a_burst() {
        const BURST: u64 = 1_000_000;
        let room = |backlog: &Backlog<u64, u64>| {
            let (items, queues) = backlog.queues.capacity();
            let arrivals = backlog.ledger.as_ref().map_or(0, Ledger::capacity);
            (items, arrivals, [backlog.lines.capacity(), queues, backlog.turns.capacity()])
        };
        let mut backlog = Backlog::new(Order::default());
        let push = |backlog: &mut Backlog<_, _>, item: u64| {
            backlog.push((item % 7 * 30) as u8, item % 4096, item % 5000, item);
        };
        (0..BURST).for_each(|item| push(&mut backlog, item));
        assert_eq!(backlog.len(), BURST as usize);
        (5..BURST).for_each(|_| assert!(backlog.pick().is_some()));
        let (items, arrivals, _) = room(&backlog);
        assert!(items <= 40_000 && arrivals <= 200_000, "while some wait: {:?}", room(&backlog));
        while backlog.pick().is_some() {}
        let (items, arrivals, lines) = room(&backlog);
        assert!(items <= 40_000 && arrivals <= KEPT && lines == [0; 3], "{:?}", room(&backlog));
        // And it still works, with lines that are counted anew.
        (0..9).for_each(|item| push(&mut backlog, item));
        assert_eq!(std::iter::from_fn(|| backlog.pick()).count(), 9);
    }
}
