//! A number for each priority and source.

use std::collections::HashMap;
use std::hash::Hash;

use super::KEPT;
use crate::policy::split_mix::Mixed;

/// Which line: small, and given anew once a line has been forgotten.
pub type LineId = u32;

/// The lines in which something waits, and some in which nothing does: most come back soon.
#[derive(Debug)]
pub struct Lines<S> {
    lines: Vec<Line<S>>,
    names: HashMap<(u8, S), LineId, Mixed>,
    /// Which of `lines` are forgotten.
    free: Vec<LineId>,
    /// In how many of them something waits.
    waiting: usize,
}

#[derive(Debug)]
struct Line<S> {
    priority: u8,
    waits: bool,
    source: S,
}

impl<S: Copy + Eq + Hash> Lines<S> {
    /// There are none.
    pub fn new() -> Self {
        Self { lines: Vec::new(), names: HashMap::default(), free: Vec::new(), waiting: 0 }
    }

    /// The line of this name, if something waits in it.
    pub fn find(&self, priority: u8, source: S) -> Option<LineId> {
        self.names.get(&(priority, source)).copied().filter(|&line| self.lines[line as usize].waits)
    }

    /// The line of this name. If it is idle, something must [`join`](Self::join) it next.
    #[inline]
    pub fn open(&mut self, priority: u8, source: S) -> LineId {
        if let Some(&line) = self.names.get(&(priority, source)) {
            return line;
        }
        self.begin(priority, source)
    }

    #[cold]
    fn begin(&mut self, priority: u8, source: S) -> LineId {
        let line = Line { priority, waits: false, source };
        let id = if let Some(id) = self.free.pop() {
            self.lines[id as usize] = line;
            id
        } else {
            self.lines.push(line);
            LineId::try_from(self.lines.len() - 1).expect("memory ends before the numbers do")
        };
        self.names.insert((priority, source), id);
        id
    }

    /// Something waits in a line that was idle.
    #[inline]
    pub fn join(&mut self, line: LineId) {
        self.lines[line as usize].waits = true;
        self.waiting += 1;
    }

    /// Nothing waits any more in a line. Idle ones are forgotten once they are the larger part: a step for each now and
    /// then.
    #[inline]
    pub fn leave(&mut self, line: LineId) {
        self.lines[line as usize].waits = false;
        self.waiting -= 1;
        if self.names.len() > 2 * self.waiting + KEPT || self.waiting == 0 && self.lines.capacity() > KEPT {
            self.forget();
        }
    }

    /// The name of a line.
    #[inline]
    pub fn name(&self, line: LineId) -> (u8, S) {
        let Line { priority, source, .. } = self.lines[line as usize];
        (priority, source)
    }

    #[cold]
    fn forget(&mut self) {
        // Numbers start anew, which is possible only now.
        if self.waiting == 0 {
            *self = Self::new();
            return;
        }
        let Self { lines, names, free, .. } = self;
        names.retain(|_, line| {
            let waits = lines[*line as usize].waits;
            if !waits {
                free.push(*line);
            }
            waits
        });
    }

    /// For how many lines there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.lines.capacity().max(self.names.capacity()).max(self.free.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_priority_and_source_has_its_line() {
        let mut lines = Lines::new();
        let names = [(1, 'a'), (2, 'a'), (1, 'b')];
        let ids = names.map(|(priority, source)| lines.open(priority, source));
        assert_eq!((ids, ids.map(|id| lines.name(id))), ([0, 1, 2], names));
        assert_eq!(lines.find(2, 'a'), None, "nothing waits there");
        lines.join(1);
        assert_eq!((lines.find(2, 'a'), lines.find(2, 'b'), lines.open(2, 'a')), (Some(1), None, 1));
        lines.leave(1);
        assert_eq!(
            (lines.find(2, 'a'), lines.open(2, 'a')),
            (None, 1),
            "and it keeps its number for a while"
        );
    }

    #[test]
    fn idle_lines_are_forgotten_once_they_are_many() {
        let mut lines = Lines::new();
        for source in 0..2 * KEPT {
            let line = lines.open(1, source);
            lines.join(line);
        }
        let kept = |lines: &Lines<usize>| lines.names.len();
        let last = 2 * KEPT as LineId - 1;
        (0..=last / 2).for_each(|line| lines.leave(line));
        assert_eq!((lines.waiting, kept(&lines)), (KEPT, 2 * KEPT));
        (last / 2 + 1..last - 255).for_each(|line| lines.leave(line));
        assert_eq!((lines.waiting, kept(&lines)), (256, 511), "forgotten at less than half of what is left");
        let fresh = lines.open(9, 9);
        assert!(fresh <= last, "a number is given anew");
        assert_eq!(
            (lines.name(fresh), lines.name(last)),
            ((9, 9), (1, last as usize)),
            "to nobody who waits"
        );
        assert_eq!(lines.find(1, last as usize), Some(last));
        lines.leave(last);
        assert_eq!((lines.waiting, kept(&lines)), (255, 512), "and not yet again");
    }

    #[test]
    fn numbers_begin_anew_after_a_burst() {
        let mut lines = Lines::new();
        lines.lines.reserve_exact(KEPT);
        for source in 0..=KEPT {
            assert_eq!(lines.open(1, source), source as LineId);
            lines.join(source as LineId);
            if source == 7 {
                (0..=7).for_each(|line| lines.leave(line));
                assert_eq!(lines.open(1, 7), 7, "few are kept");
                (0..=7).for_each(|line| lines.join(line));
            }
        }
        (0..=KEPT).for_each(|line| lines.leave(line as LineId));
        assert_eq!((lines.capacity(), lines.open(7, 7)), (0, 0));
    }
}
