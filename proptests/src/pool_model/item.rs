//! An item, and which of two comes first (P2, P10).

use core::time::Duration;
use std::collections::BTreeMap;

use keylane::Class;

/// The line in which items of each class wait, as a scheduler has it. A class that is not here has its own.
pub type Lines = BTreeMap<Class, Class>;

/// A moment in the life of a pool: they are counted.
pub type Moment = u64;

/// The line of a class.
pub fn line_of(lines: &Lines, class: Class) -> Class {
    lines.get(&class).copied().unwrap_or(class)
}

/// Every item that was ever accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Item<K> {
    /// Items are numbered in the order of acceptance.
    pub id: usize,
    pub key: K,
    pub class: Class,
    /// The item whose handler submitted it.
    pub parent: Option<usize>,
    pub place: Place,
    /// When it was submitted, or was to be, by the pool's clock.
    pub arrived: Duration,
    /// How many schedulers there had been when it came to stand in its line.
    pub since_scheduler: usize,
    pub started: Option<Moment>,
    pub ended: Option<Moment>,
    /// Whether its key is kept beyond its end.
    pub held: bool,
    /// When it was found that it will never run.
    pub handed_back: Option<Moment>,
    /// Whether it has been told of as a leftover.
    pub reclaimed: bool,
    pub removed: bool,
}

/// What decides about an item's place in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Submitted in front.
    Front(Moment),
    Back(Moment),
    /// Submitted for later. Of two the one that is due sooner goes first.
    Later {
        /// By the pool's clock.
        due: Duration,
        /// Since when it is due, and stands in its line. Until then it is to come, and stands nowhere.
        since: Option<Moment>,
    },
}

impl Place {
    /// The moment at which it came to stand behind all that was there. What was submitted for later: when it was due, as if
    /// it were submitted then. What was submitted in front stands as if it had been there before all others, the last one
    /// first.
    pub fn moment(self) -> i64 {
        let at = |moment: Moment| i64::try_from(moment).expect("moments are few");
        match self {
            Self::Front(moment) => -at(moment),
            Self::Back(moment) => at(moment),
            Self::Later { since, .. } => since.map_or(i64::MAX, at),
        }
    }

    /// When it was to be queued, if that was for later.
    pub fn due(self) -> Option<Duration> {
        match self {
            Self::Later { due, .. } => Some(due),
            Self::Front(_) | Self::Back(_) => None,
        }
    }
}

impl<K: Eq> Item<K> {
    /// Whether it might still start, now or later.
    pub fn waits(&self) -> bool {
        self.started.is_none() && self.handed_back.is_none() && !self.removed
    }

    /// Whether it was submitted for later, and never became due.
    pub fn is_to_come(&self) -> bool {
        matches!(self.place, Place::Later { since: None, .. })
    }

    /// Whether it waits in its line.
    pub fn is_queued(&self) -> bool {
        self.waits() && !self.is_to_come()
    }

    pub fn runs(&self) -> bool {
        self.started.is_some() && self.ended.is_none()
    }

    /// Whether its key may not go on.
    pub fn has_the_key(&self) -> bool {
        self.runs() || self.held
    }

    /// Whether `other` must wait for it, both being queued: they are of one key, it stands before the other, and they have
    /// been in one line for as long as both were queued. (A scheduler that parts them lets either go first, and what it
    /// has parted nobody puts in order again.)
    pub fn precedes(&self, other: &Self, schedulers: &[Lines]) -> bool {
        let together = |lines: &Lines| line_of(lines, self.class) == line_of(lines, other.class);
        let both_since = self.since_scheduler.max(other.since_scheduler);
        self.key == other.key
            && self.stands_before(other)
            && schedulers[both_since.saturating_sub(1)..].iter().all(together)
    }

    fn stands_before(&self, other: &Self) -> bool {
        match (self.place, other.place) {
            // Of those due at one time, the one submitted first.
            (Place::Later { due, .. }, Place::Later { due: others, .. }) => {
                (due, self.id) < (others, other.id)
            }
            _ => self.place.moment() < other.place.moment(),
        }
    }
}
