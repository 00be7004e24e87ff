//! What waits of one key.

use super::Queued;
use super::items::Items;
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
    pub items: Items<Queued<T>>,
    /// Its turn, if it has one: it has items, and had them when its key was last ready.
    pub ticket: Option<Ticket>,
    /// Whether the turn is on the list of turns.
    pub listed: bool,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        let first = Line { class: Class::default(), items: Items::default(), ticket: None, listed: false };
        Self { first, others: Vec::new() }
    }
}

impl<T> Lines<T> {
    /// The lines in which something waits.
    #[inline]
    pub fn waiting(&mut self) -> impl Iterator<Item = &mut Line<T>> {
        self.all_mut().filter(|line| !line.items.is_empty())
    }

    /// The line of `class`, if something waits in it.
    #[inline]
    pub fn find(&mut self, class: Class) -> Option<&mut Line<T>> {
        self.waiting().find(|line| line.class == class)
    }

    /// The line of `class`, with something in it or not.
    #[inline]
    pub fn open(&mut self, class: Class) -> &mut Line<T> {
        let all = || std::iter::once(&self.first).chain(&self.others);
        let place = all()
            .position(|line| line.class == class && !line.items.is_empty())
            .or_else(|| all().position(|line| line.items.is_empty()));
        let line = match place {
            Some(0) => &mut self.first,
            Some(place) => &mut self.others[place - 1],
            None => {
                let line = Line { class, items: Items::default(), ticket: None, listed: false };
                self.others.push(line);
                self.others.last_mut().expect("pushed above")
            }
        };
        line.class = class;
        line
    }

    /// How many items wait.
    #[inline]
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

    #[inline]
    fn all_mut(&mut self) -> impl Iterator<Item = &mut Line<T>> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }
}

impl<T> Line<T> {
    /// Takes the first item: the line has no turn any more.
    #[inline]
    pub fn pop(&mut self) -> Queued<T> {
        self.ticket = None;
        self.items.pop_front().expect("a line with a turn has an item")
    }

    /// Takes all of it, with its turn.
    pub fn take(&mut self) -> Self {
        Self { items: std::mem::take(&mut self.items), ticket: self.ticket.take(), ..*self }
    }
}
