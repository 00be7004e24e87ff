//! [`Backlog`](super::Backlog) by definition: one list, searched from end to end, and each overtaking
//! counted.

use std::cmp::Reverse;
use std::collections::HashMap;

/// What waits, in the order of arrival.
#[derive(Debug)]
pub struct Naive {
    strict_from: u8,
    /// How often an item may be overtaken, if that has a bound.
    most: Option<u64>,
    /// Counts arrivals and turns alike, so that either can be said to be before the other.
    now: u64,
    waiting: Vec<Waiting>,
    /// When a source last had its turn within a priority.
    last_turn: HashMap<(u8, u8), u64>,
}

/// One that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub item: u32,
    pub priority: u8,
    pub source: u8,
    arrived: u64,
    overtaken: u64,
}

impl Naive {
    pub fn new(strict_from: u8, most: Option<u64>) -> Self {
        Self { strict_from, most, now: 0, waiting: Vec::new(), last_turn: HashMap::new() }
    }

    pub fn push(&mut self, priority: u8, source: u8, item: u32) {
        self.now += 1;
        self.waiting.push(Waiting { item, priority, source, arrived: self.now, overtaken: 0 });
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether something of that priority and source does.
    pub fn waits(&self, priority: u8, source: u8) -> bool {
        self.waiting.iter().any(|one| (one.priority, one.source) == (priority, source))
    }

    /// What must be picked now, because it has been overtaken as often as it may be. All are asked, not the
    /// oldest alone.
    pub fn overdue(&self) -> Option<&Waiting> {
        let most = self.most?;
        let overdue: Vec<_> = self.waiting.iter().filter(|one| one.overtaken >= most).collect();
        assert!(overdue.iter().all(|one| one.overtaken == most), "no bound is exceeded: {overdue:?}");
        overdue.first().copied()
    }

    /// What may be picked now: one of the strict band, or one for each priority of the weighted band.
    pub fn allowed(&self) -> Vec<&Waiting> {
        if let Some(overdue) = self.overdue() {
            return vec![overdue];
        }
        let mut turns: Vec<_> = (0..=u8::MAX).rev().filter_map(|priority| self.turn(priority)).collect();
        if turns.first().is_some_and(|highest| highest.priority >= self.strict_from) {
            turns.truncate(1);
        }
        turns
    }

    /// Whose turn it is in `priority`: the source that has waited longest for one, since it had its last one,
    /// or since it came (back) if that was later. And of that source, the oldest.
    fn turn(&self, priority: u8) -> Option<&Waiting> {
        let oldest = |one: &&Waiting| {
            self.waiting
                .iter()
                .filter(|other| (other.priority, other.source) == (priority, one.source))
                .all(|other| other.arrived >= one.arrived)
        };
        let last_turn = |one: &Waiting| {
            self.last_turn.get(&(priority, one.source)).copied().unwrap_or(0).max(one.arrived)
        };
        let one_of_each = self.waiting.iter().filter(|one| one.priority == priority).filter(oldest);
        one_of_each.min_by_key(|one| last_turn(one))
    }

    /// Picks `item`.
    pub fn pick(&mut self, item: u32) {
        let at = self.waiting.iter().position(|one| one.item == item).expect("it waits");
        let picked = self.waiting.remove(at);
        self.waiting[..at].iter_mut().for_each(|older| older.overtaken += 1);
        self.now += 1;
        self.last_turn.insert((picked.priority, picked.source), self.now);
    }

    /// Discards all of `source`, and tells what that was.
    pub fn discard(&mut self, source: u8) -> Vec<u32> {
        let (mut gone, left): (Vec<_>, _) = self.waiting.drain(..).partition(|one| one.source == source);
        self.waiting = left;
        gone.sort_by_key(|one| (Reverse(one.priority), one.arrived));
        gone.into_iter().map(|one| one.item).collect()
    }
}
