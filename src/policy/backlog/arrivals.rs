//! All that waits, in the order in which it came; and how often the oldest has been overtaken.

use super::KEPT;
use super::batches::Home;
use super::lines::LineId;

/// Where something is kept until it is taken.
type Place = u32;

/// No place.
const NOWHERE: Place = Place::MAX;

/// The line of what was discarded.
const DISCARDED: LineId = LineId::MAX;

/// One list of all that waits, and through it a chain for each line.
///
/// Whatever has overtaken a message has overtaken all older ones too, so the oldest has been overtaken most often, and it
/// is enough to watch that one: what came after it and is not in the list any more has been picked before it. What is
/// discarded overtakes nobody. So it leaves a gap, which stays in the list until it would be the oldest, or gaps are
/// the larger part.
#[derive(Debug)]
pub struct Arrivals {
    /// How often a message may be overtaken.
    most: u64,
    /// How often the oldest has been.
    overtaken: u64,
    oldest: Place,
    youngest: Place,
    /// How many are in the list, gaps among them.
    listed: usize,
    gaps: usize,
    /// Of the next one.
    number: u64,
    /// By place.
    links: Vec<Link>,
    /// A place that is free; the others follow by `next`.
    vacant: Place,
    /// By line; of those in which nothing waits there may be none.
    chains: Vec<Chain>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    /// Rises along the list, by one for each that is or was in between.
    number: u64,
    home: Home,
    /// In bytes.
    cost: u64,
    line: LineId,
    /// In its line.
    next: Place,
    before: Place,
    after: Place,
}

/// The ends of a line.
#[derive(Clone, Copy, Debug)]
struct Chain {
    /// `NOWHERE` if nothing waits in it.
    first: Place,
    last: Place,
}

impl Chain {
    const EMPTY: Self = Self { first: NOWHERE, last: NOWHERE };
}

impl Arrivals {
    /// Nothing has arrived. `most`: how often a message may be overtaken.
    pub fn new(most: u64) -> Self {
        Self {
            most,
            overtaken: 0,
            oldest: NOWHERE,
            youngest: NOWHERE,
            listed: 0,
            gaps: 0,
            number: 0,
            links: Vec::new(),
            vacant: NOWHERE,
            chains: Vec::new(),
        }
    }

    /// How many wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.listed - self.gaps
    }

    /// Puts what is at `home` behind all others; whether it is the first of its line.
    #[inline]
    pub fn push(&mut self, line: LineId, cost: u64, home: Home) -> bool {
        if self.chains.len() <= line as usize {
            self.chains.resize(line as usize + 1, Chain::EMPTY);
        }
        self.number += 1;
        self.append(self.number - 1, line, cost, home)
    }

    /// Takes the first of a line, past all that are older; and whether it was the last.
    #[inline]
    pub fn pick(&mut self, line: LineId) -> (Home, bool) {
        let (place, last) = self.unchain(line);
        let home = self.links[place as usize].home;
        let oldest = self.oldest == place;
        self.leave(place);
        if oldest {
            self.look_at_oldest();
        } else {
            self.overtaken += 1;
        }
        if self.links.capacity() > KEPT && self.listed <= self.links.capacity() / 32 {
            self.pack();
        }
        (home, last)
    }

    /// Takes the first of a line, past nobody; and whether it was the last. To be followed by
    /// [`close_gaps`](Self::close_gaps).
    pub fn discard(&mut self, line: LineId) -> (Home, bool) {
        let (place, last) = self.unchain(line);
        self.links[place as usize].line = DISCARDED;
        self.gaps += 1;
        let home = self.links[place as usize].home;
        if self.oldest == place {
            self.look_at_oldest();
        }
        (home, last)
    }

    /// After discards: forgets gaps if they are the larger part.
    pub fn close_gaps(&mut self) {
        if self.gaps > self.listed / 2 {
            self.pack();
        }
    }

    /// What the first of a line counts for.
    #[inline]
    pub fn cost(&self, line: LineId) -> u64 {
        self.links[self.chains[line as usize].first as usize].cost
    }

    /// The line whose first one must not be overtaken once more.
    #[inline]
    pub fn overdue(&self) -> Option<LineId> {
        (self.overtaken >= self.most && self.oldest != NOWHERE).then(|| self.links[self.oldest as usize].line)
    }

    /// Puts one at the end of the list and of its line.
    #[inline]
    fn append(&mut self, number: u64, line: LineId, cost: u64, home: Home) -> bool {
        let before = self.youngest;
        let link = Link { number, home, cost, line, next: NOWHERE, before, after: NOWHERE };
        let place = self.vacant;
        let place = if place == NOWHERE {
            self.links.push(link);
            Place::try_from(self.links.len() - 1).expect("memory ends before the numbers do")
        } else {
            self.vacant = std::mem::replace(&mut self.links[place as usize], link).next;
            place
        };
        self.listed += 1;
        self.youngest = place;
        if before == NOWHERE {
            self.oldest = place;
            self.overtaken = 0;
        } else {
            self.links[before as usize].after = place;
        }
        let chain = &mut self.chains[line as usize];
        let last = std::mem::replace(&mut chain.last, place);
        let first = chain.first == NOWHERE;
        if first {
            chain.first = place;
        } else {
            self.links[last as usize].next = place;
        }
        first
    }

    /// Takes the first of a line out of its chain; and whether it was the last.
    #[inline]
    fn unchain(&mut self, line: LineId) -> (Place, bool) {
        let chain = &mut self.chains[line as usize];
        let place = chain.first;
        chain.first = self.links[place as usize].next;
        (place, chain.first == NOWHERE)
    }

    /// Takes a place out of the list; it is free then.
    #[inline]
    fn leave(&mut self, place: Place) {
        let Link { before, after, .. } = self.links[place as usize];
        match before {
            NOWHERE => self.oldest = after,
            before => self.links[before as usize].after = after,
        }
        match after {
            NOWHERE => self.youngest = before,
            after => self.links[after as usize].before = before,
        }
        self.listed -= 1;
        self.links[place as usize].next = std::mem::replace(&mut self.vacant, place);
    }

    /// There is another oldest one, or it has become a gap.
    #[inline]
    fn look_at_oldest(&mut self) {
        while self.oldest != NOWHERE && self.links[self.oldest as usize].line == DISCARDED {
            self.gaps -= 1;
            self.leave(self.oldest);
        }
        if self.oldest != NOWHERE {
            let since = self.number - self.links[self.oldest as usize].number;
            self.overtaken = since - self.listed as u64;
        } else if self.chains.capacity() > KEPT {
            self.chains = Vec::new();
        }
    }

    /// All that waits may have moved; `moved` says where to, from the oldest to the youngest.
    pub fn each(&mut self, mut moved: impl FnMut(Home) -> Home) {
        for place in self.list() {
            let link = &mut self.links[place as usize];
            if link.line != DISCARDED {
                link.home = moved(link.home);
            }
        }
    }

    /// The places of all, gaps among them, from the oldest to the youngest.
    fn list(&self) -> Vec<Place> {
        let some = |place: Place| Some(place).filter(|&place| place != NOWHERE);
        let after = |&place: &Place| some(self.links[place as usize].after);
        std::iter::successors(some(self.oldest), after).collect()
    }

    /// Keeps no gaps, and an eighth of the room if that is enough. A step for each in the list, and so one for each message on
    /// average.
    #[cold]
    fn pack(&mut self) {
        let mut old = std::mem::replace(self, Self::new(self.most));
        self.links.reserve_exact((old.links.capacity() / 8).max(old.len()));
        let list = old.list();
        self.chains = std::mem::take(&mut old.chains);
        for &place in &list {
            if let Some(chain) = self.chains.get_mut(old.links[place as usize].line as usize) {
                *chain = Chain::EMPTY;
            }
        }
        let mut gaps = 0;
        for place in list {
            match old.links[place as usize] {
                Link { line: DISCARDED, .. } => gaps += 1,
                Link { number, line, cost, home, .. } => {
                    self.append(number - gaps, line, cost, home);
                }
            }
        }
        self.number = old.number - gaps;
        self.overtaken = old.overtaken;
    }

    /// For how many messages, and for how many lines, there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> (usize, usize) {
        (self.links.capacity(), self.chains.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::super::batches::Batches;
    use super::*;

    /// As many arrivals, each the only one of the line of its number.
    fn arrivals(most: u64, count: u32) -> (Arrivals, Batches<u32>) {
        let (mut arrivals, mut batches) = (Arrivals::new(most), Batches::new());
        (0..count).for_each(|line| assert!(arrive(&mut arrivals, &mut batches, line, line)));
        (arrivals, batches)
    }

    fn arrive(arrivals: &mut Arrivals, batches: &mut Batches<u32>, line: LineId, item: u32) -> bool {
        let home = batches.receive(&mut vec![Some(item)]).next().expect("one");
        arrivals.push(line, u64::from(item), home)
    }

    /// What is left, by force: the oldest is always overdue.
    fn rest(arrivals: &mut Arrivals, batches: &mut Batches<u32>) -> Vec<u32> {
        arrivals.most = 0;
        let one = || arrivals.overdue().map(|line| batches.take(arrivals.pick(line).0, |item| item));
        std::iter::from_fn(one).collect()
    }

    #[test]
    fn the_oldest_is_overdue_once_as_many_have_overtaken_it() {
        let (mut arrivals, mut batches) = arrivals(2, 6);
        let mut pick = |line| {
            let (_, last) = arrivals.pick(line);
            assert!(last);
            arrivals.overdue()
        };
        assert_eq!((pick(3), pick(1)), (None, Some(0)));
        assert_eq!(pick(0), None, "2 has been overtaken by 3 alone");
        assert_eq!((pick(5), pick(2), pick(4)), (Some(2), None, None));
        assert!(arrive(&mut arrivals, &mut batches, 7, 7), "and so it goes on");
        assert_eq!((arrivals.overdue(), arrivals.overtaken, arrivals.len()), (None, 0, 1));
    }

    #[test]
    fn without_overtaking_the_oldest_is_always_overdue() {
        let (mut arrivals, mut batches) = arrivals(0, 3);
        assert_eq!(rest(&mut arrivals, &mut batches), [0, 1, 2]);
    }

    #[test]
    fn a_line_is_first_in_first_out() {
        let (mut arrivals, mut batches) = arrivals(9, 1);
        assert!(!arrive(&mut arrivals, &mut batches, 0, 5), "one waits there");
        assert!(arrive(&mut arrivals, &mut batches, 1, 6));
        assert!(!arrive(&mut arrivals, &mut batches, 0, 7));
        assert_eq!((arrivals.cost(0), arrivals.cost(1)), (0, 6));
        let mut pick = |line| (arrivals.pick(line), arrivals.len());
        let picked = [pick(0), pick(0), pick(0), pick(1)]
            .map(|((home, last), left)| (batches.take(home, |item| item), last, left));
        assert_eq!(picked, [(0, false, 3), (5, false, 2), (7, true, 1), (6, true, 0)]);
    }

    #[test]
    fn what_is_discarded_has_overtaken_nobody() {
        let (mut arrivals, _) = arrivals(1, 5);
        let _ = (arrivals.discard(4), arrivals.discard(1));
        assert_eq!((arrivals.overdue(), arrivals.len()), (None, 3));
        let _ = arrivals.pick(3);
        assert_eq!(arrivals.overdue(), Some(0));
        let _ = arrivals.discard(0);
        assert_eq!(arrivals.overdue(), Some(2), "3 overtook it too");
        let _ = arrivals.discard(2);
        assert_eq!((arrivals.overdue(), arrivals.listed, arrivals.gaps), (None, 0, 0));
    }

    #[test]
    fn gaps_are_closed_once_they_are_the_larger_part() {
        let (mut arrivals, mut batches) = arrivals(1, 8);
        let _ = (arrivals.pick(0), arrivals.pick(4));
        for line in [2, 3, 6] {
            let _ = arrivals.discard(line);
            arrivals.close_gaps();
        }
        assert_eq!((arrivals.listed, arrivals.gaps), (6, 3), "half of 1, 2, 3, 5, 6, 7");
        let _ = arrivals.discard(7);
        arrivals.close_gaps();
        assert_eq!(
            (arrivals.listed, arrivals.gaps, arrivals.overdue()),
            (2, 0, Some(1)),
            "4 has overtaken it"
        );
        assert!(arrive(&mut arrivals, &mut batches, 9, 9));
        let _ = arrivals.pick(1);
        assert_eq!((arrivals.overdue(), arrivals.overtaken), (None, 0), "4 came before 5");
        let _ = arrivals.pick(9);
        assert_eq!(arrivals.overdue(), Some(5), "and 9 after it");
    }

    #[test]
    fn room_is_given_back() {
        const MANY: u32 = 100_000;
        let (mut arrivals, mut batches) = arrivals(u64::MAX, MANY);
        (0..MANY - 1).for_each(|line| assert_eq!(batches.take(arrivals.pick(line).0, |item| item), line));
        assert!(arrivals.capacity().0 <= KEPT, "{:?}", arrivals.capacity());
        assert_eq!((arrivals.overtaken, rest(&mut arrivals, &mut batches)), (0, vec![MANY - 1]));
        assert_eq!(arrivals.capacity().1, 0, "of lines too");
        for line in 0..MANY {
            arrive(&mut arrivals, &mut batches, line, line);
        }
        (1..MANY).for_each(|line| assert!(arrivals.discard(line).1));
        let before = arrivals.capacity().0;
        arrivals.close_gaps();
        assert_eq!((arrivals.len(), arrivals.overtaken), (1, 0));
        assert!(arrivals.capacity().0 < before);
    }
}
