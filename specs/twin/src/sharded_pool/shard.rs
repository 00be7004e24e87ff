//! What a shard knows, and how it takes in what has arrived.

use std::collections::VecDeque;

use super::index;
use crate::Id;
use crate::ids::Ids;

/// What a shard knows, under its baton.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Core {
    /// `line`, `later` and `busy`, by key: of all keys, though only some are this shard's.
    pub(super) keys: Vec<Key>,
    pub(super) commits: VecDeque<Id>,
    pub(super) committing: Ids,
    /// The generation that it is in.
    pub(super) now: u8,
    pub(super) pauses: u8,
    pub(super) stop: bool,
    pub(super) stranded: Ids,
    /// Controls. What they wait for need not be said: the same each time.
    pub(super) waiters: Ids,
}

/// What a shard knows of a key.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Key {
    pub(super) line: VecDeque<Id>,
    pub(super) later: Ids,
    /// The item that runs, or 0.
    pub(super) busy: Id,
}

/// What has arrived: an item or a commit.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Arrival {
    pub(super) kind: Kind,
    /// Its key, or 0.
    pub(super) key: Id,
    /// Its number: of the items, or of the commits.
    pub(super) item: Id,
    /// The item whose handler has submitted it, or 0.
    pub(super) parent: Id,
    /// What was to come yet when it came.
    pub(super) early: Ids,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Kind {
    Back,
    Front,
    Later,
    Commit,
}

impl Key {
    /// Items that wait or are to come.
    pub(super) fn waiting(&self) -> impl Iterator<Item = Id> {
        self.line.iter().copied().chain(self.later.iter())
    }

    fn running(&self) -> Option<Id> {
        (self.busy != 0).then_some(self.busy)
    }

    fn queue_what_is_due(&mut self, early: Ids, due: &[Id]) {
        for &item in due.iter().filter(|&&item| !early.has(item)) {
            if self.later.has(item) {
                self.later.remove(item);
                self.line.push_back(item);
            }
        }
    }
}

impl Core {
    pub(super) fn new(keys: u8) -> Self {
        Self {
            keys: vec![Key::default(); keys.into()],
            commits: VecDeque::new(),
            committing: Ids::NONE,
            now: 1,
            pauses: 0,
            stop: false,
            stranded: Ids::NONE,
            waiters: Ids::NONE,
        }
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = Id> {
        self.keys.iter().flat_map(Key::waiting)
    }

    /// What a drain waits for: items, and commits.
    pub(super) fn alive(&self) -> impl Iterator<Item = Id> {
        let items = self.keys.iter().flat_map(|key| key.waiting().chain(key.running()));
        items.chain(self.commits.iter().copied()).chain(self.committing.iter())
    }

    pub(super) fn may_start(&self) -> bool {
        self.pauses == 0
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.committing.is_empty() && self.keys.iter().all(|key| key.busy == 0)
    }

    /// Whether something is to come no more, but has not queued up.
    pub(super) fn has_due(&self, early: Ids) -> bool {
        self.keys.iter().any(|key| key.later.iter().any(|item| !early.has(item)))
    }

    /// In the order in which their times have come: by key and not all in one, as they meet nowhere.
    fn queue_what_is_due(&mut self, early: Ids, due: &[Id]) {
        self.keys.iter_mut().for_each(|key| key.queue_what_is_due(early, due));
    }

    /// Takes in what has arrived, in its order, and what is due. What came later than something was due comes behind it:
    /// all know what was early yet when they came.
    pub(super) fn take_in(&mut self, arrived: &[Arrival], unripe: Ids, due: &[Id]) {
        for &Arrival { kind, key, item, early, .. } in arrived {
            self.queue_what_is_due(early, due);
            match kind {
                Kind::Back => self.keys[index(key)].line.push_back(item),
                Kind::Front => self.keys[index(key)].line.push_front(item),
                Kind::Later => self.keys[index(key)].later.insert(item),
                Kind::Commit => self.commits.push_back(item),
            }
        }
        self.queue_what_is_due(unripe, due);
    }
}
