//! Whose turn it is: the keys of a class among themselves, and the classes of a shard.
//!
//! Which class is next is the scheduler's choice, so the model is told what the scheduler was asked and what it said
//! ([`Asked`]), and judges both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use keylane::Class;

use super::item::line_of;
use super::{ItemId, PoolModel, Violation};

/// What a scheduler was asked before a start, or before a worker found nothing to start, and what it said.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The candidates that it lets start now, by class. (For a scheduler the line is the class.)
    pub may: BTreeMap<Class, ItemId>,
    /// Those that it does not.
    pub may_not: BTreeMap<Class, ItemId>,
    /// Its choice, if it had one.
    pub chosen: Option<Class>,
}

impl<K: Clone + Ord + Debug> PoolModel<K> {
    /// As [`start`](Self::start), where the scheduler was asked.
    ///
    /// # Errors
    /// The guarantee that this breaks.
    pub fn start_chosen(&mut self, id: ItemId, asked: &Asked) -> Result<(), Violation> {
        let shard = self.shard(id);
        self.may_start(id)?;
        self.was_asked_rightly(shard, asked)?;
        let class = self.line(id);
        if asked.may.get(&class) != Some(&id) {
            return Err(Violation::NotChosen);
        }
        self.is_next(shard, class, asked)?;
        self.start(id)?;
        for &other in asked.may.keys().filter(|&&other| other != class) {
            *self.passed.entry((shard, other)).or_default() += 1;
        }
        self.passed.remove(&(shard, class));
        self.settle();
        Ok(())
    }

    /// A worker of `shard` has found nothing to start, although something waits: the scheduler was asked, and let none start.
    ///
    /// # Errors
    /// What is wrong with that.
    pub fn rest(&self, shard: usize, asked: &Asked) -> Result<(), Violation> {
        self.was_asked_rightly(shard, asked)?;
        match asked.may.first_key_value() {
            Some((&class, _)) => Err(Violation::PassedOver(class)),
            None => Ok(()),
        }
    }

    /// The candidates are an item of each class that has one which could start, and its turn.
    fn was_asked_rightly(&self, shard: usize, asked: &Asked) -> Result<(), Violation> {
        let candidates: BTreeMap<_, _> = asked.may.iter().chain(&asked.may_not).collect();
        let could_start = self.could_start(shard);
        let classes: BTreeSet<_> = could_start.iter().map(|&id| self.line(id)).collect();
        if !candidates.keys().copied().eq(&classes) {
            return Err(Violation::Candidates);
        }
        for (&&class, &&id) in &candidates {
            if self.line(id) != class || !could_start.contains(&id) {
                return Err(Violation::Candidates);
            }
            self.takes_its_turn(id, &could_start)?;
        }
        Ok(())
    }

    /// The class is the scheduler's choice; unless one has been passed over as often as it may be: then the one is next that
    /// has been so most often.
    fn is_next(&self, shard: usize, class: Class, asked: &Asked) -> Result<(), Violation> {
        let passed = |class: Class| self.passed.get(&(shard, class)).copied().unwrap_or(0);
        if asked.may.len() == 1 {
            return Ok(());
        }
        let most = asked.may.keys().copied().max_by_key(|&class| passed(class)).expect("itself is one");
        match self.passes {
            Some(times) if passed(most) >= times => match passed(class) == passed(most) {
                true => Ok(()),
                false => Err(Violation::PassedOver(most)),
            },
            _ if asked.chosen == Some(class) => Ok(()),
            _ => Err(Violation::NotChosen),
        }
    }

    /// No key has two turns in a class while another of the class and shard has one, and could start now. (A turn that comes
    /// while the key is ready lasts while it is busy with another class.)
    pub(super) fn takes_its_turn(&self, id: ItemId, could_start: &[ItemId]) -> Result<(), Violation> {
        let (key, line) = (&self.items[id].key, self.line(id));
        let of_line = self.items.iter().filter(|item| item.key == *key && self.line(item.id) == line);
        let last_turn = of_line.filter_map(|item| item.started).max();
        for &rival in could_start.iter().filter(|&&rival| self.line(rival) == line) {
            let rivals_key = &self.items[rival].key;
            let turn = self.turns.get(&(rivals_key.clone(), line));
            if rivals_key != key && turn.is_some_and(|&turn| last_turn > Some(turn)) {
                return Err(Violation::SecondTurn(rival));
            }
        }
        Ok(())
    }

    /// Something has happened: lines in which something waits, and whose keys are free, have turns; and a class of which
    /// nothing waits has not been passed over.
    pub(super) fn settle(&mut self) {
        self.now += 1;
        let busy: BTreeSet<&K> =
            self.items.iter().filter(|item| item.has_the_key()).map(|item| &item.key).collect();
        let lines = self.schedulers.last().expect("there is one");
        let waiting: BTreeSet<(K, Class)> = self
            .items
            .iter()
            .filter(|item| item.is_queued())
            .map(|item| (item.key.clone(), line_of(lines, item.class)))
            .collect();
        self.turns.retain(|line, _| waiting.contains(line));
        for line in &waiting {
            if !busy.contains(&line.0) && !self.poisoned.contains(&line.0) {
                self.turns.entry(line.clone()).or_insert(self.now);
            }
        }
        let shard_of = &self.shard_of;
        self.passed.retain(|&(shard, class), _| {
            waiting.iter().any(|(key, of_key)| shard_of[key] == shard && *of_key == class)
        });
    }
}
