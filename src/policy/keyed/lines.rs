//! What waits of one key.

use std::collections::VecDeque;

use super::Queued;
use super::turns::Ticket;
use crate::policy::scheduler::Class;

/// The lines of one key: almost always one.
#[derive(Debug)]
pub struct Lines<T> {
    first: Line<T>,
    others: Vec<Line<T>>,
}

/// Items of one key and class, in order.
#[derive(Debug)]
pub struct Line<T> {
    pub class: Class,
    pub items: VecDeque<Queued<T>>,
    /// Its turn, if it has one: it has items, and had them when its key was last ready.
    pub ticket: Option<Ticket>,
    /// Whether the turn is on the list of turns.
    pub listed: bool,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        let first = Line { class: Class::default(), items: VecDeque::new(), ticket: None, listed: false };
        Self { first, others: Vec::new() }
    }
}

impl<T> Lines<T> {
    /// The lines in which something waits.
    pub fn waiting(&mut self) -> impl Iterator<Item = &mut Line<T>> {
        self.all_mut().filter(|line| !line.items.is_empty())
    }

    /// The line of `class`, if something waits in it.
    pub fn find(&mut self, class: Class) -> Option<&mut Line<T>> {
        self.waiting().find(|line| line.class == class)
    }

    /// The line of `class`, with something in it or not.
    pub fn open(&mut self, class: Class) -> &mut Line<T> {
        let all = || std::iter::once(&self.first).chain(&self.others);
        let place = all()
            .position(|line| line.class == class && !line.items.is_empty())
            .or_else(|| all().position(|line| line.items.is_empty()));
        let line = match place {
            Some(0) => &mut self.first,
            Some(place) => &mut self.others[place - 1],
            None => {
                let line = Line { class, items: VecDeque::new(), ticket: None, listed: false };
                self.others.push(line);
                self.others.last_mut().expect("pushed above")
            }
        };
        line.class = class;
        // Most keys have one item at a time; a deque would begin with room for four.
        if line.items.capacity() == 0 {
            line.items.reserve_exact(1);
        }
        line
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        std::iter::once(&self.first).chain(&self.others).map(|line| line.items.len()).sum()
    }

    /// The oldest turn that one of them has.
    pub fn oldest_turn(&self) -> Option<Ticket> {
        std::iter::once(&self.first).chain(&self.others).filter_map(|line| line.ticket).min()
    }

    /// All items, lines by rising class.
    pub fn into_items(self) -> impl Iterator<Item = Queued<T>> {
        let mut lines: Vec<_> = std::iter::once(self.first).chain(self.others).collect();
        lines.sort_unstable_by_key(|line| line.class);
        lines.into_iter().flat_map(|line| line.items)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Line<T>> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }
}

impl<T> Line<T> {
    /// Takes the first item: the line has no turn any more.
    pub fn pop(&mut self) -> Queued<T> {
        self.ticket = None;
        let queued = self.items.pop_front().expect("a line with a turn has an item");
        if super::is_roomy(self.items.len(), self.items.capacity()) {
            self.items.shrink_to_fit();
        }
        queued
    }

    /// Takes all of it, with its turn.
    pub fn take(&mut self) -> Self {
        Self { items: std::mem::take(&mut self.items), ticket: self.ticket.take(), ..*self }
    }
}
