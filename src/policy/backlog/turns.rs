//! Round robin over lines, within each priority.

use super::KEPT;
use super::lines::LineId;
use super::priorities::Priorities;

/// A ring of lines for each priority, linked by their numbers: whatever becomes of a line's turn takes a few
/// steps, however many wait, and no storage but the two links.
#[derive(Debug)]
pub struct Turns {
    /// Whose turn it is, by priority, of those in `waiting`. (Not in place: loops are moved about by their users, and an
    /// unoptimised build moves a kibibyte over the small stacks of a model many times.)
    first: Box<[LineId; 256]>,
    waiting: Priorities,
    /// By line; of those that are in no ring they mean nothing.
    links: Vec<Links>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Links {
    before: LineId,
    after: LineId,
}

impl Turns {
    /// All rings are empty.
    pub fn new() -> Self {
        Self {
            first: vec![0; 256].try_into().expect("as many"),
            waiting: Priorities::default(),
            links: Vec::new(),
        }
    }

    /// The priorities in which there are lines.
    #[inline]
    pub fn waiting(&self) -> &Priorities {
        &self.waiting
    }

    /// Whose turn it is in `priority`, in which there must be lines.
    #[inline]
    pub fn first(&self, priority: u8) -> LineId {
        debug_assert!(self.waiting.contains(priority), "somebody waits in priority {priority}");
        self.first[usize::from(priority)]
    }

    /// A line that was in no ring joins behind all others of `priority`.
    #[inline]
    pub fn join(&mut self, priority: u8, line: LineId) {
        if self.links.len() <= line as usize {
            self.links.resize(line as usize + 1, Links::default());
        }
        if self.waiting.contains(priority) {
            let after = self.first(priority);
            let before = self.links(after).before;
            *self.links(line) = Links { before, after };
            self.links(before).after = line;
            self.links(after).before = line;
        } else {
            *self.links(line) = Links { before: line, after: line };
            self.first[usize::from(priority)] = line;
            self.waiting.insert(priority);
        }
    }

    /// A line of `priority` leaves its ring, whether or not it is its turn.
    #[inline]
    pub fn leave(&mut self, priority: u8, line: LineId) {
        let Links { before, after } = *self.links(line);
        if after == line {
            self.waiting.remove(priority);
            self.give_back();
            return;
        }
        self.links(before).after = after;
        self.links(after).before = before;
        if self.first(priority) == line {
            self.first[usize::from(priority)] = after;
        }
    }

    /// A line of `priority` has had its turn, whether or not it was due: all others go before it.
    #[inline]
    pub fn pass(&mut self, priority: u8, line: LineId) {
        if self.first(priority) == line {
            self.first[usize::from(priority)] = self.links(line).after;
        } else {
            self.leave(priority, line);
            self.join(priority, line);
        }
    }

    /// Once nothing waits any more, what a burst took.
    fn give_back(&mut self) {
        if self.waiting.highest().is_none() && self.links.capacity() > KEPT {
            self.links = Vec::new();
        }
    }

    #[inline]
    fn links(&mut self, line: LineId) -> &mut Links {
        &mut self.links[line as usize]
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.links.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: u8 = 9;

    /// A ring of these lines.
    fn ring(lines: &[LineId]) -> Turns {
        let mut turns = Turns::new();
        lines.iter().for_each(|&line| turns.join(ANY, line));
        turns
    }

    /// In the order of their turns.
    fn order(turns: &mut Turns) -> Vec<LineId> {
        let mut order = Vec::new();
        while turns.waiting.contains(ANY) && order.first() != Some(&turns.first(ANY)) {
            order.push(turns.first(ANY));
            turns.pass(ANY, order[order.len() - 1]);
        }
        order
    }

    #[test]
    fn lines_join_behind_and_leave_from_anywhere() {
        assert_eq!(order(&mut ring(&[])), [0_u32; 0]);
        assert_eq!(order(&mut ring(&[4])), [4]);
        for (leaving, left) in [(2, [0, 5, 1]), (0, [2, 5, 1]), (5, [2, 0, 1]), (1, [2, 0, 5])] {
            let mut turns = ring(&[2, 0, 5, 1]);
            turns.leave(ANY, leaving);
            assert_eq!(order(&mut turns), left);
            left.iter().for_each(|&line| turns.leave(ANY, line));
            assert_eq!(order(&mut turns), [0_u32; 0]);
        }
    }

    #[test]
    fn whoever_has_had_a_turn_goes_behind_all_others() {
        for (passing, then) in [(2, [0, 5, 2]), (0, [2, 5, 0]), (5, [2, 0, 5])] {
            let mut turns = ring(&[2, 0, 5]);
            turns.pass(ANY, passing);
            assert_eq!(order(&mut turns), then);
        }
        let mut turns = ring(&[3]);
        turns.pass(ANY, 3);
        assert_eq!(order(&mut turns), [3]);
    }

    #[test]
    fn priorities_have_rings_of_their_own() {
        let mut turns = ring(&[0, 1]);
        turns.join(200, 2);
        turns.join(200, 3);
        assert_eq!((turns.waiting().highest(), turns.first(200)), (Some(200), 2));
        turns.leave(200, 2);
        turns.leave(200, 3);
        assert_eq!(turns.waiting().highest(), Some(ANY));
        assert_eq!(order(&mut turns), [0, 1]);
    }

    #[test]
    fn links_are_kept_unless_many() {
        let left_after = |lines: usize| {
            let mut turns = Turns::new();
            turns.links.reserve_exact(lines);
            (0..lines as LineId).for_each(|line| turns.join(ANY, line));
            (1..lines as LineId).for_each(|line| turns.leave(ANY, line));
            assert_eq!(turns.capacity(), lines, "somebody still waits");
            turns.leave(ANY, 0);
            turns.capacity()
        };
        assert_eq!(left_after(KEPT), KEPT);
        assert_eq!(left_after(KEPT + 1), 0);
    }
}
