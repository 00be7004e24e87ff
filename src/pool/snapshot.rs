//! Figures about a pool that always add up: each shard counts under its baton, which submits and workers take anyway.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::clock::Moment;
use crate::policy::{Ages, Class};
use crate::pool::histograms::{Kept, Wanted};

/// What has become of the items of a pool: see [`PoolHandle::snapshot`](crate::PoolHandle::snapshot).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSnapshot {
    /// By number. Each is of one moment; they are not of the same one.
    pub shards: Vec<ShardSnapshot>,
    /// Whether the pool was built with a [clock](crate::ShardedThreadPoolBuilder::clock), or with what needs one (a scheduler
    /// that asks the time, histograms). Otherwise nothing has an age and nothing takes time.
    pub has_clock: bool,
}

/// The items of one shard. Of one moment, and so `accepted` is `to_come` and `waiting` and `running` and `ran` and `removed`
/// and `handed_back` together; and each of these but `to_come` and `waiting` together is the sum of what the classes say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardSnapshot {
    /// Items that got in.
    pub accepted: u64,
    /// How many of these are to be queued later.
    pub to_come: u64,
    /// How many are queued.
    pub waiting: u64,
    /// How many run: handlers that have not returned.
    pub running: u64,
    /// Handlers that have come to their end, those included that panicked.
    pub ran: u64,
    /// How many of these panicked.
    pub panicked: u64,
    /// Items that were removed.
    pub removed: u64,
    /// Items that come back at the end, or have.
    pub handed_back: u64,
    /// Keys that are poisoned.
    pub poisoned: u64,
    /// Since when the oldest item has waited that is queued and has not started, if there is one and the pool has a clock.
    /// What was to be queued later counts from when it was.
    pub oldest: Option<Duration>,
    /// Completion callbacks. Of these too `accepted` is `waiting` and `running` and `ran` and `handed_back` together.
    pub commits: CommitSnapshot,
    /// Workers that the shard has. (Once the pool has been shut down they still count, though they end.)
    pub workers: usize,
    /// How many of these sleep. What the others do: run an item or a commit, look for one, or are about to.
    pub asleep: usize,
    /// How often a worker was woken.
    pub wakes: u64,
    /// By rising class; only those of which there have been items.
    pub classes: Vec<ClassSnapshot>,
}

/// The completion callbacks of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommitSnapshot {
    /// Those that got in.
    pub accepted: u64,
    /// How many of these wait.
    pub waiting: u64,
    /// How many run: one, or none.
    pub running: u64,
    /// Those that are over, those included that panicked.
    pub ran: u64,
    /// Those that come back at the end, or have.
    pub handed_back: u64,
}

/// The items of one class, in one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassSnapshot {
    /// The class that [`Handler::class`](crate::Handler::class) says, whatever line the scheduler has for it.
    pub class: Class,
    /// Items that got in.
    pub accepted: u64,
    /// How many of these wait, or are to be queued later.
    pub waiting: u64,
    /// How many run.
    pub running: u64,
    /// Handlers that have come to their end.
    pub ran: u64,
    /// Items that were removed.
    pub removed: u64,
    /// Items that come back at the end, or have.
    pub handed_back: u64,
    /// How long items waited until they started. All zero if the pool has no clock.
    pub wait: Times,
    /// How long their handlers ran.
    pub run: Times,
}

/// How long something took, each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// How often it was timed.
    pub count: u64,
    /// All times together.
    pub total: Duration,
    /// The longest.
    pub max: Duration,
}

impl Times {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.total = self.total.saturating_add(time);
        self.max = self.max.max(time);
    }

    /// The arithmetic mean; zero if there was none.
    pub fn mean(&self) -> Duration {
        let nanoseconds = self.total.as_nanos().checked_div(u128::from(self.count)).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

impl PoolSnapshot {
    /// All shards together, as if they were one; what is of several moments then.
    pub fn total(&self) -> ShardSnapshot {
        self.shards.iter().fold(ShardSnapshot::default(), |total, shard| total.and(shard))
    }
}

impl ShardSnapshot {
    /// Workers that are inside of a handler or of a commit. These and those `asleep` are never more than `workers`: what is
    /// left is about to run something, or to sleep.
    pub fn busy(&self) -> u64 {
        self.running + self.commits.running
    }

    fn and(mut self, other: &Self) -> Self {
        for (mine, theirs) in [
            (&mut self.accepted, other.accepted),
            (&mut self.to_come, other.to_come),
            (&mut self.waiting, other.waiting),
            (&mut self.running, other.running),
            (&mut self.ran, other.ran),
            (&mut self.panicked, other.panicked),
            (&mut self.removed, other.removed),
            (&mut self.handed_back, other.handed_back),
            (&mut self.poisoned, other.poisoned),
            (&mut self.wakes, other.wakes),
            (&mut self.commits.accepted, other.commits.accepted),
            (&mut self.commits.waiting, other.commits.waiting),
            (&mut self.commits.running, other.commits.running),
            (&mut self.commits.ran, other.commits.ran),
            (&mut self.commits.handed_back, other.commits.handed_back),
        ] {
            *mine += theirs;
        }
        self.oldest = self.oldest.max(other.oldest);
        self.workers += other.workers;
        self.asleep += other.asleep;
        let mut classes: BTreeMap<Class, ClassSnapshot> =
            std::mem::take(&mut self.classes).into_iter().map(|class| (class.class, class)).collect();
        for theirs in &other.classes {
            let empty = ClassSnapshot { class: theirs.class, ..ClassSnapshot::default() };
            classes.entry(theirs.class).or_insert(empty).add(theirs);
        }
        self.classes = classes.into_values().collect();
        self
    }
}

impl ClassSnapshot {
    fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.accepted, other.accepted),
            (&mut self.waiting, other.waiting),
            (&mut self.running, other.running),
            (&mut self.ran, other.ran),
            (&mut self.removed, other.removed),
            (&mut self.handed_back, other.handed_back),
        ] {
            *mine += theirs;
        }
        for (mine, theirs) in [(&mut self.wait, other.wait), (&mut self.run, other.run)] {
            mine.count += theirs.count;
            mine.total = mine.total.saturating_add(theirs.total);
            mine.max = mine.max.max(theirs.max);
        }
    }
}

/// What a shard counts, under its baton.
#[derive(Debug)]
pub(super) struct Tally {
    /// By rising class.
    pub(super) classes: Vec<Counted>,
    pub(super) wanted: Wanted,
    pub(super) panicked: u64,
    pub(super) commits: CommitSnapshot,
    /// Of what is queued.
    ages: Ages,
}

/// What a shard counts of one class.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) figures: ClassSnapshot,
    pub(super) kept: Kept,
}

impl Tally {
    /// Nothing yet, and the histograms that are wanted of it.
    pub(super) fn new(wanted: Wanted) -> Self {
        let commits = CommitSnapshot::default();
        Self { classes: Vec::new(), wanted, panicked: 0, commits, ages: Ages::default() }
    }

    /// An item has got in.
    pub(super) fn accept(&mut self, class: Class) {
        let class = self.figures(class);
        class.accepted += 1;
        class.waiting += 1;
    }

    /// It is queued, from that moment on if anybody looked at the clock.
    pub(super) fn queue(&mut self, since: Option<Duration>) {
        self.ages.arrive(since.map(Moment::at));
    }

    /// It is not queued any more, since it has started or otherwise.
    pub(super) fn unqueue(&mut self, since: Option<Duration>) {
        self.ages.leave(since.map(Moment::at));
    }

    /// It starts, after so long if that is known.
    pub(super) fn start(&mut self, class: Class, waited: Option<Duration>) {
        let Counted { figures, kept } = self.class(class);
        figures.waiting -= 1;
        figures.running += 1;
        if let Some(waited) = waited {
            figures.wait.add(waited);
            kept.wait(waited);
        }
    }

    /// It has run, for so long if that is known.
    pub(super) fn finish(&mut self, class: Class, took: Option<Duration>) {
        let Counted { figures, kept } = self.class(class);
        figures.running -= 1;
        figures.ran += 1;
        if let Some(took) = took {
            figures.run.add(took);
            kept.run(took);
        }
    }

    /// It has been removed.
    pub(super) fn remove(&mut self, class: Class) {
        let class = self.figures(class);
        class.waiting -= 1;
        class.removed += 1;
    }

    /// It will not run.
    pub(super) fn hand_back(&mut self, class: Class) {
        let class = self.figures(class);
        class.waiting -= 1;
        class.handed_back += 1;
    }

    fn figures(&mut self, class: Class) -> &mut ClassSnapshot {
        &mut self.class(class).figures
    }

    #[inline]
    fn class(&mut self, class: Class) -> &mut Counted {
        // Almost always the only one.
        let is_first = self.classes.first().is_some_and(|first| first.figures.class == class);
        let place = if is_first { 0 } else { self.place(class) };
        &mut self.classes[place]
    }

    fn place(&mut self, class: Class) -> usize {
        self.classes.binary_search_by_key(&class, |known| known.figures.class).unwrap_or_else(|place| {
            let figures = ClassSnapshot { class, ..ClassSnapshot::default() };
            self.classes.insert(place, Counted { figures, kept: self.wanted.begin() });
            place
        })
    }

    /// All of it, where so many are to come later and so many keys are poisoned.
    pub(super) fn snapshot(&self, to_come: usize, poisoned: usize, now: Option<Duration>) -> ShardSnapshot {
        let sum =
            |of: fn(&ClassSnapshot) -> u64| self.classes.iter().map(|class| of(&class.figures)).sum::<u64>();
        let to_come = to_come as u64;
        let oldest = self.ages.oldest().zip(now).map(|(oldest, now)| oldest.age(Moment::at(now)));
        ShardSnapshot {
            accepted: sum(|class| class.accepted),
            to_come,
            waiting: sum(|class| class.waiting) - to_come,
            running: sum(|class| class.running),
            ran: sum(|class| class.ran),
            panicked: self.panicked,
            removed: sum(|class| class.removed),
            handed_back: sum(|class| class.handed_back),
            poisoned: poisoned as u64,
            oldest,
            commits: self.commits,
            workers: 0,
            asleep: 0,
            wakes: 0,
            classes: self.classes.iter().map(|class| class.figures.clone()).collect(),
        }
    }
}
