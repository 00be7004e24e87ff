//! Runs of `ShardedThreadPool`: threads that submit, workers, and controls, and what that is in `ShardedPool.tla`.

mod teller;

use anyhow::Result;
use keylane::trace::{act_as, record, took};
use keylane::{Handler, Lease, PoolHandle, ShardedThreadPool, Stop};
use keylane_twin::sharded_pool;

use self::teller::Teller;
use super::note::{Note, Story, Then};
use super::pace::{Chance, Pace};
use super::threads::spawn;
use super::trace::Trace;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many shards.
    pub shards: u8,
    /// How many workers each of them has.
    pub workers: u8,
    /// How many keys: one goes to the first shard, the next to the second, and so on.
    pub keys: u8,
    /// How many threads submit,
    pub submitters: u8,
    /// and how many items each of them.
    pub items: u8,
    /// How often a handler submits an item itself, in a chain.
    pub children: u8,
    /// How many commits there are.
    pub commits: u8,
    /// How often what a key has is taken back.
    pub removals: u8,
    /// How many threads pause the pool, once each.
    pub pausers: u8,
    /// How many drain it, once each.
    pub drainers: u8,
    /// How it is shut down.
    pub stop: Stop,
}

/// An item: a number that no other has, and how many more its handler is to submit.
#[derive(Clone, Copy)]
struct Item {
    number: u64,
    children: u8,
}

impl Item {
    /// The one with this number of a thread.
    fn new(thread: u8, number: u8, children: u8) -> Self {
        Self { number: u64::from(thread) << 16 | u64::from(number) << 8, children }
    }

    /// The one that its handler submits.
    fn child(self) -> Self {
        Self { number: self.number + 1, children: self.children - 1 }
    }
}

/// What a thread is about to push, as a note has it.
#[derive(Clone, Copy)]
pub(crate) enum About {
    Back { key: u8, number: u64 },
    Front { key: u8, number: u64 },
    Commit { number: u64 },
}

impl About {
    pub(crate) fn code(self) -> u64 {
        let (how, key, number) = match self {
            Self::Back { key, number } => (0, key, number),
            Self::Front { key, number } => (1, key, number),
            Self::Commit { number } => (2, 0, number),
        };
        how << 48 | u64::from(key) << 32 | number
    }

    fn of(code: u64) -> Self {
        let (key, number) = ((code >> 32) as u8, code & u64::from(u32::MAX));
        match code >> 48 {
            0 => Self::Back { key, number },
            1 => Self::Front { key, number },
            _ => Self::Commit { number },
        }
    }
}

/// A key, and what makes it go to the shard that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    number: u8,
    salt: u32,
}

struct Callbacks {
    plan: Plan,
    chance: Chance,
}

impl Handler for Callbacks {
    type Key = Key;
    type Item = Item;

    fn handle(&self, lease: Lease<'_, Key, Item>, item: Item) {
        took(&(), "begin", item.number);
        let mut pace = self.chance.pace(item.number);
        pace.pause();
        if item.children > 0 {
            let pool = lease.pool();
            let (key, child) = (self.plan.draw(&pool, &mut pace), item.child());
            took(&(), "submits", About::Back { key: key.number, number: child.number }.code());
            // A pool that is shut down refuses it.
            let _ = pool.submit(key, child);
        }
        took(&(), "end", 0);
    }
}

impl Plan {
    /// A worker, and nothing but an end.
    pub const NONE: Self = Self {
        shards: 1,
        workers: 1,
        keys: 1,
        submitters: 0,
        items: 0,
        children: 0,
        commits: 0,
        removals: 0,
        pausers: 0,
        drainers: 0,
        stop: Stop::RunRemaining,
    };

    fn draw(self, pool: &PoolHandle<Callbacks>, pace: &mut Pace) -> Key {
        self.key(pool, 1 + pace.below(self.keys))
    }

    /// As in the specification, so is it here: key 1 goes to the first shard.
    fn key(self, pool: &PoolHandle<Callbacks>, number: u8) -> Key {
        let shard = usize::from((number - 1) % self.shards);
        let mut keys = (0..).map(|salt| Key { number, salt });
        keys.find(|key| pool.shard_of(key) == shard).expect("a hash goes everywhere")
    }

    /// Controls are numbered as in the twin: who pauses, then who drains,
    fn drainer(self, number: u8) -> u8 {
        self.pausers + number
    }

    /// then who shuts down.
    fn stopper(self) -> u8 {
        self.pausers + self.drainers
    }

    /// How many items there are at most.
    fn most(self) -> u8 {
        self.submitters * self.items * (1 + self.children)
    }

    /// In the words of `specs/models/`.
    pub fn constants(self) -> String {
        let set = |words: Vec<String>| format!("{{{}}}", words.join(", "));
        let names =
            |count: u8, name: &str| set((1..=count).map(|number| format!("{name}{number}")).collect());
        let keys = set((1..=self.keys).map(|key| key.to_string()).collect());
        let how = if self.stop == Stop::HandBack { "back" } else { "run" };
        let all = self.most();
        format!(
            "ShardCount = {}\nKeys = {keys}\nItems = {all}\nFronts = {all}\nLater = 0\nChildren = {all}\nCommits = {}\n\
             Pausers = {}\nDrainers = {}\nStopper = stopper\nHow = \"{how}\"\nRemovals = {}\nNobody = nobody\n",
            self.shards,
            self.commits,
            names(self.pausers, "p"),
            names(self.drainers, "d"),
            self.removals,
        )
    }

    /// Runs it, and writes down what happens.
    pub fn run(self, seed: u64) -> Vec<Note> {
        let notes = record(|| {
            let chance = Chance::new(seed);
            let (pool, workers) = ShardedThreadPool::builder(Callbacks { plan: self, chance })
                .shards(self.shards.into())
                .threads_per_shard(self.workers.into())
                .stepped()
                .expect("there are some");
            let mut others = Vec::new();
            for number in 0..self.submitters {
                let pool = pool.clone();
                others.push(spawn(move || self.submit(&pool, number, &mut chance.pace(number.into()))));
            }
            if self.commits + self.removals > 0 {
                let (pool, number) = (pool.clone(), self.submitters);
                others.push(spawn(move || self.commit_and_remove(&pool, number, chance)));
            }
            for number in 0..self.pausers {
                let pool = pool.clone();
                others.push(spawn(move || {
                    act_as(number.into());
                    let mut pace = chance.pace(number.into());
                    pace.pauses();
                    let guard = pool.pause();
                    pace.pause();
                    drop(guard);
                }));
            }
            for number in 0..self.drainers {
                let (pool, number) = (pool.clone(), self.drainer(number).into());
                others.push(spawn(move || {
                    act_as(number);
                    chance.pace(number).pauses();
                    // Refused, if something was handed back.
                    let _ = pool.drain();
                }));
            }
            let mut threads = Vec::new();
            for mut worker in workers {
                threads.push(spawn(move || {
                    worker.run();
                    worker
                }));
            }
            let number = self.stopper().into();
            act_as(number);
            chance.pace(number).pauses();
            pool.shutdown(self.stop);
            let workers = threads.into_iter().map(|thread| thread.join().expect("nobody panics"));
            let workers = workers.collect();
            took(&(), "joins", 0);
            pool.reclaim(workers);
            others.into_iter().for_each(|thread| thread.join().expect("nobody panics"));
        });
        notes.into_iter().map(Note::from).collect()
    }

    fn submit(self, pool: &PoolHandle<Callbacks>, thread: u8, pace: &mut Pace) {
        for number in 0..self.items {
            pace.pause();
            let key = self.draw(pool, pace);
            let item = Item::new(thread, number, pace.below(self.children + 1));
            let refused = if pace.below(3) == 0 {
                took(&(), "submits", About::Front { key: key.number, number: item.number }.code());
                pool.submit_front(key, item).is_err()
            } else {
                took(&(), "submits", About::Back { key: key.number, number: item.number }.code());
                pool.submit(key, item).is_err()
            };
            if refused {
                return;
            }
        }
    }

    fn commit_and_remove(self, pool: &PoolHandle<Callbacks>, thread: u8, chance: Chance) {
        let mut pace = chance.pace(thread.into());
        for turn in 0..self.commits.max(self.removals) {
            pace.pauses();
            let key = self.draw(pool, &mut pace);
            if turn < self.removals {
                took(&(), "removes", key.number.into());
                pool.remove(&key);
            }
            if turn < self.commits {
                let number = Item::new(thread, turn, 0).number;
                took(&(), "submits", About::Commit { number }.code());
                let callback = move || {
                    took(&(), "begin", number);
                    chance.pace(number).pause();
                    took(&(), "end", 0);
                };
                if pool.commit(&key, callback).is_err() {
                    return;
                }
            }
        }
    }

    /// What happened, in the words of the specification.
    ///
    /// # Errors
    /// If a note has no place there.
    pub fn tell(self, notes: Vec<Note>) -> Result<Trace<sharded_pool::ShardedPool>> {
        // A shutdown closes the inboxes in the order of the shards.
        let closed = notes.iter().filter(|note| note.what == "close");
        let inboxes = closed.map(|note| note.at).take(self.shards.into()).collect();
        let mut teller = Teller::new(inboxes, self.most());
        for (note, then) in Story::new(notes).until_joined() {
            teller.hear(note, then)?;
        }
        Ok(Trace { constants: self.constants(), actions: teller.actions })
    }
}
