//! Whose turn it is, within each class.

use std::collections::{BTreeMap, VecDeque};

use crate::policy::scheduler::Class;

/// Says when a line got its turn, and so which of two goes first. No two turns have the same.
pub type Ticket = u64;

/// The lines of each class by their turns.
///
/// A line whose key is busy keeps its turn and is passed over, so that it does not lose its place to whatever else the key
/// does: it is taken off the list when it is met there, and put back when its key is ready.
#[derive(Debug)]
pub struct Turns<K> {
    classes: Vec<ClassTurns<K>>,
    next: Ticket,
    /// In all classes.
    ready: usize,
}

/// The turns of one class.
#[derive(Debug)]
pub struct ClassTurns<K> {
    pub class: Class,
    /// By rising ticket. Some are nobody's any more: their lines were taken away.
    list: VecDeque<(Ticket, K)>,
    nobodys: usize,
    /// Those that were taken off the list and put back.
    put_back: BTreeMap<Ticket, K>,
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
    /// It could go.
    Ready,
    /// Its key is busy. It is off the list now.
    Busy,
    /// It does not have that ticket any more.
    Gone,
}

impl<K: Clone> Turns<K> {
    /// No class is known.
    pub fn new() -> Self {
        Self { classes: Vec::new(), next: 1, ready: 0 }
    }

    /// The classes that there have been.
    pub fn classes(&mut self) -> impl Iterator<Item = &mut ClassTurns<K>> {
        self.classes.iter_mut()
    }

    /// The turns of `class`.
    pub fn class(&mut self, class: Class) -> &mut ClassTurns<K> {
        let place = match self.classes[..] {
            // Almost always.
            [ref only] if only.class == class => 0,
            _ => match self.classes.binary_search_by_key(&class, |turns| turns.class) {
                Ok(place) => place,
                Err(place) => {
                    self.classes.insert(place, ClassTurns::new(class));
                    place
                }
            },
        };
        &mut self.classes[place]
    }

    /// How many lines could go now, each of another key or class.
    pub fn ready(&self) -> usize {
        self.ready
    }

    /// A line of `class` gets a turn behind all others, and could go.
    pub fn join(&mut self, class: Class, key: &K) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.ready += 1;
        let turns = self.class(class);
        turns.ready += 1;
        turns.list.push_back((ticket, key.clone()));
        ticket
    }

    /// A line that has a turn could go again; it is off the list if not `listed`.
    pub fn unblock(&mut self, class: Class, ticket: Ticket, key: &K, listed: bool) {
        self.ready += 1;
        let turns = self.class(class);
        turns.ready += 1;
        if !listed {
            turns.put_back.insert(ticket, key.clone());
        }
    }

    /// A line that has a turn could go, and cannot now.
    pub fn block(&mut self, class: Class) {
        self.ready -= 1;
        self.class(class).ready -= 1;
    }

    /// The first of `class` goes, which [`ClassTurns::has_first`] has found. Whose it is.
    pub fn go(&mut self, class: Class) -> K {
        self.block(class);
        self.class(class).drop_first().expect("found before")
    }

    /// Gives back what a burst has made large.
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

impl<K> ClassTurns<K> {
    fn new(class: Class) -> Self {
        let (list, put_back) = (VecDeque::new(), BTreeMap::new());
        Self { class, list, nobodys: 0, put_back, ready: 0, waiting: 0, passed: 0 }
    }

    /// Finds whose turn it is, of those that could go: the one for which `standing`, which says how each stands, has said
    /// so last. False if none could.
    pub fn has_first(&mut self, mut standing: impl FnMut(&K, Ticket) -> Standing) -> bool {
        if self.ready == 0 {
            return false;
        }
        loop {
            let Some((ticket, key)) = self.head() else { unreachable!("one that could go is on the list") };
            match standing(key, ticket) {
                Standing::Ready => return true,
                Standing::Busy => {}
                Standing::Gone => self.nobodys -= 1,
            }
            self.drop_first();
        }
    }

    fn is_put_back_first(&self) -> bool {
        match (self.put_back.first_key_value(), self.list.front()) {
            (Some((put_back, _)), Some((listed, _))) => put_back < listed,
            (first, _) => first.is_some(),
        }
    }

    fn head(&self) -> Option<(Ticket, &K)> {
        if self.is_put_back_first() {
            self.put_back.first_key_value().map(|(&ticket, key)| (ticket, key))
        } else {
            self.list.front().map(|(ticket, key)| (*ticket, key))
        }
    }

    fn drop_first(&mut self) -> Option<K> {
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
    pub fn is_crowded(&self) -> bool {
        self.nobodys > self.list.len() / 2
    }

    /// Keeps on the list those turns of which `is_somebodys` says so.
    pub fn clear_nobodys(&mut self, mut is_somebodys: impl FnMut(&K, Ticket) -> bool) {
        self.list.retain(|(ticket, key)| is_somebodys(key, *ticket));
        self.nobodys = 0;
    }
}
