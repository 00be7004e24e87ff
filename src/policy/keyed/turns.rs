//! Whose turn it is, within each class.

use std::collections::{BTreeMap, VecDeque};

use super::keys::{Moved, Place};
use crate::policy::scheduler::{Candidate, Class};

/// Says when a line got its turn, and so which of two goes first. No two turns have the same.
pub type Ticket = u64;

/// The lines of each class by their turns.
///
/// A line whose key is busy keeps its turn and is passed over, so that it does not lose its place to whatever else the key
/// does: it is taken off the list when it is met there, and put back when its key is ready.
#[derive(Debug)]
pub struct Turns {
    classes: Vec<ClassTurns>,
    next: Ticket,
    /// In all classes.
    ready: usize,
}

/// The turns of one class.
#[derive(Debug)]
pub struct ClassTurns {
    pub class: Class,
    /// By rising ticket, where its key is. Some are nobody's any more: their lines were taken away.
    list: VecDeque<(Ticket, Place)>,
    nobodys: usize,
    /// Those that were taken off the list and put back.
    put_back: BTreeMap<Ticket, Place>,
    /// How many of its lines could go now.
    ready: usize,
    /// How many items wait, behind busy keys too.
    pub waiting: usize,
    /// How often another class went while this one could have, since it went itself.
    pub passed: u64,
}

/// How a line that is met on the list stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It could go, with this.
    Ready(Candidate),
    /// Its key is busy. It is off the list now.
    Busy,
    /// It does not have that ticket any more.
    Gone,
}

impl Turns {
    /// No class is known.
    pub fn new() -> Self {
        Self { classes: Vec::new(), next: 1, ready: 0 }
    }

    /// The classes that there have been.
    pub fn classes(&mut self) -> impl Iterator<Item = &mut ClassTurns> {
        self.classes.iter_mut()
    }

    /// The turns of `class`.
    #[inline]
    pub fn class(&mut self, class: Class) -> &mut ClassTurns {
        // Almost always the only one.
        let place = if self.classes.first().is_some_and(|first| first.class == class) {
            0
        } else {
            self.place(class)
        };
        &mut self.classes[place]
    }

    fn place(&mut self, class: Class) -> usize {
        self.classes.binary_search_by_key(&class, |turns| turns.class).unwrap_or_else(|place| {
            self.classes.insert(place, ClassTurns::new(class));
            place
        })
    }

    /// How many lines could go now, each of another key or class.
    pub fn ready(&self) -> usize {
        self.ready
    }

    /// A line of `class` gets a turn behind all others, and could go.
    #[inline]
    pub fn join(&mut self, class: Class, key: Place) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.ready += 1;
        let turns = self.class(class);
        turns.ready += 1;
        turns.list.push_back((ticket, key));
        ticket
    }

    /// A line that has a turn could go again; it is off the list if not `listed`.
    pub fn unblock(&mut self, class: Class, ticket: Ticket, key: Place, listed: bool) {
        self.ready += 1;
        let turns = self.class(class);
        turns.ready += 1;
        if !listed {
            turns.put_back.insert(ticket, key);
        }
    }

    /// A line that has a turn could go, and cannot now.
    #[inline]
    pub fn block(&mut self, class: Class) {
        self.ready -= 1;
        self.class(class).ready -= 1;
    }

    /// The first of `class` goes, which [`ClassTurns::first`] has found. Whose it is.
    #[inline]
    pub fn go(&mut self, class: Class) -> Place {
        self.block(class);
        self.class(class).drop_first().expect("found before")
    }

    /// Keys have moved.
    pub fn follow(&mut self, moved: &Moved) {
        self.classes.iter_mut().for_each(|turns| turns.follow(moved));
    }

    /// Gives back what a burst has made large.
    #[inline]
    pub fn give_back(&mut self) {
        for turns in &mut self.classes {
            if super::is_roomy(turns.list.len(), turns.list.capacity()) {
                turns.list.shrink_to_fit();
            }
        }
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.classes.iter().map(|turns| turns.list.capacity()).sum()
    }

    #[cfg(test)]
    pub fn listed(&self) -> usize {
        self.classes.iter().map(|turns| turns.list.len()).sum()
    }
}

impl ClassTurns {
    fn new(class: Class) -> Self {
        let (list, put_back) = (VecDeque::new(), BTreeMap::new());
        Self { class, list, nobodys: 0, put_back, ready: 0, waiting: 0, passed: 0 }
    }

    /// Finds whose turn it is, of those that could go; what `standing`, which says how each stands, has said of it. None if
    /// none could.
    #[inline]
    pub fn first(&mut self, mut standing: impl FnMut(Place, Ticket) -> Standing) -> Option<Candidate> {
        if self.ready == 0 {
            return None;
        }
        loop {
            let Some((ticket, key)) = self.head() else { unreachable!("one that could go is on the list") };
            match standing(key, ticket) {
                Standing::Ready(candidate) => return Some(candidate),
                Standing::Busy => {}
                Standing::Gone => self.nobodys -= 1,
            }
            self.drop_first();
        }
    }

    #[inline]
    fn is_put_back_first(&self) -> bool {
        match (self.put_back.first_key_value(), self.list.front()) {
            (Some((put_back, _)), Some((listed, _))) => put_back < listed,
            (first, _) => first.is_some(),
        }
    }

    #[inline]
    fn head(&self) -> Option<(Ticket, Place)> {
        if self.is_put_back_first() {
            self.put_back.first_key_value().map(|(&ticket, &key)| (ticket, key))
        } else {
            self.list.front().copied()
        }
    }

    /// Turns of keys that were not anywhere are nobody's.
    fn follow(&mut self, moved: &Moved) {
        let before = self.list.len();
        self.list = self.list.drain(..).filter_map(|(ticket, key)| Some((ticket, moved.to(key)?))).collect();
        self.nobodys -= before - self.list.len();
        for key in self.put_back.values_mut() {
            *key = moved.to(*key).expect("a line with a turn has a key");
        }
    }

    #[inline]
    fn drop_first(&mut self) -> Option<Place> {
        let first = if self.is_put_back_first() { self.put_back.pop_first() } else { self.list.pop_front() };
        first.map(|(_, key)| key)
    }

    /// A line gives up its turn, which is on the list if `listed`.
    pub fn give_up(&mut self, ticket: Ticket, listed: bool) {
        if listed && self.put_back.remove(&ticket).is_none() {
            self.nobodys += 1;
        }
    }

    /// Whether most turns on the list are nobody's.
    #[inline]
    pub fn is_crowded(&self) -> bool {
        self.nobodys > self.list.len() / 2
    }

    /// Keeps on the list those turns of which `is_somebodys` says so.
    pub fn clear_nobodys(&mut self, mut is_somebodys: impl FnMut(Place, Ticket) -> bool) {
        self.list.retain(|&(ticket, key)| is_somebodys(key, ticket));
        self.nobodys = 0;
    }
}
