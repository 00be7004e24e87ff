//! What is seen of a pool, as steps of it.

use super::shard::Core;
use super::{Action, How, Place, ShardedPool, State, index};
use crate::Id;
use crate::judge::{Judged, Known, Next, done};
use crate::protocol::Protocol;

/// What a pool is judged by: all that a run has of it. How often something is done is not limited.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Of the pool.
    pub shards: u8,
    /// Key 1 is in shard 1, key 2 in shard 2, and so on, round and round.
    pub keys: u8,
    /// How many are accepted at most. With the commits no more than 63.
    pub items: u8,
    /// The same.
    pub commits: u8,
    /// How many pauses there are.
    pub pausers: u8,
    /// How many drains there are.
    pub drainers: u8,
    /// Whether the first shutdown hands back what waits.
    pub hands_back: bool,
}

/// What is seen of a call. Items and commits have the names that the code has for them.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Part {
    /// An item is submitted.
    Submit {
        /// The item.
        name: u64,
        /// Its key.
        key: Id,
        /// How.
        how: Submitted,
        /// Whether it is taken.
        accepted: bool,
    },
    /// A commit is.
    Commit {
        /// The commit.
        name: u64,
        /// Where.
        shard: Id,
        /// Whether it is taken.
        accepted: bool,
    },
    /// The time of an item for later has come.
    Ripen {
        /// The item.
        name: u64,
    },
    /// What waits is removed.
    Remove {
        /// Of this key.
        key: Id,
        /// What comes back: in the order of its line, and then what was to come.
        removed: Vec<u64>,
    },
    /// A worker looks: until a handler begins, or the call returns.
    Step {
        /// Where.
        shard: Id,
        /// What it finds.
        seen: Found,
    },
    /// A handler has ended.
    Finish {
        /// The item or the commit.
        name: u64,
    },
    /// A pause.
    Pause {
        /// Whose it is.
        thread: Id,
        /// Whether it takes hold. It may be told not only when it begins.
        accepted: bool,
    },
    /// A pause, which has been let in, takes hold.
    Quiet {
        /// Whose it is.
        thread: Id,
    },
    /// A pause ends.
    Resume {
        /// Whose it was, if it has begun to end.
        thread: Option<Id>,
    },
    /// A drain begins: each shard knows of it.
    Drain {
        /// Whose it is.
        thread: Id,
    },
    /// And returns.
    Drained {
        /// Whose it is.
        thread: Id,
        /// Whether all has run that it waited for.
        well: bool,
    },
    /// Each shard is closed, and then stopped.
    Shutdown,
    /// The same once more, which hands back what waits: for a pool that was to run it.
    ShutdownBack,
    /// What comes back in the end.
    Leftovers {
        /// In no order: the specification has sets.
        left: Vec<u64>,
    },
}

/// How an item is submitted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Submitted {
    /// Behind the others of its key.
    Back,
    /// In front of them.
    Front,
    /// For later.
    Later,
    /// By the handler of a key.
    Inside(Id),
}

/// What a worker finds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Found {
    /// The handler of this item begins.
    Runs(u64),
    /// That of this commit does.
    Commits(u64),
    /// Nothing, for now.
    Idle,
    /// Nothing, ever again.
    Stopped,
}

type Nexts = Vec<Next<ShardedPool>>;

impl ShardedPool {
    /// One that may do all that is in the scope.
    pub fn judging(scope: &Scope) -> Self {
        Self {
            shards: scope.shards,
            keys: scope.keys,
            items: scope.items,
            fronts: u8::MAX,
            later: u8::MAX,
            children: u8::MAX,
            commits: scope.commits,
            pausers: scope.pausers,
            drainers: scope.drainers,
            how: if scope.hands_back { How::Back } else { How::Run },
            removals: u8::MAX,
        }
    }

    /// A step, if it can be taken: no more is seen of it than that.
    fn can(&self, known: &Known<State>, action: &Action, left: Vec<Part>) -> Nexts {
        self.goes(known, action, |_| Some(left))
    }

    fn submit(&self, known: &Known<State>, part: &Part) -> Nexts {
        let &Part::Submit { name, key, how, accepted } = part else { unreachable!("it is one") };
        let action = match how {
            Submitted::Back => Action::Submit { key },
            Submitted::Front => Action::SubmitFront { key },
            Submitted::Later => Action::SubmitAfter { key },
            Submitted::Inside(from) => Action::HandleSubmit { from, key },
        };
        match self.step(&known.state, &action) {
            Some(after) if accepted => {
                let item = (key, after.accepted);
                vec![(known.named(after, name, item), Vec::new())]
            }
            None if !accepted => done(known, known.state.is_closed(self.shard_of(key))),
            _ => Vec::new(),
        }
    }

    /// In the order in which it would be taken.
    fn is_what_waits(&self, known: &Known<State>, key: Id, removed: &[u64]) -> bool {
        let (line, mut later) = self.waiting(&known.state, key);
        let numbers = removed.iter().map(|name| known.names.get(name).map(|&(_, number)| number));
        let Some(numbers) = numbers.collect::<Option<Vec<_>>>() else { return false };
        let (first, last) = numbers.split_at(line.len().min(numbers.len()));
        let mut last = last.to_vec();
        last.sort_unstable();
        later.sort_unstable();
        first == line && last == later
    }

    /// Whether a worker could start something.
    fn has_work(&self, state: &State, shard: Id) -> bool {
        let core = state.taken_in(shard);
        let commit = core.commits.front().map(|&item| Action::PickCommit { shard, item });
        let first = |key: Id| core.keys[index(key)].line.front().map(|&item| Action::Pick { key, item });
        let of_shard = self.keys().filter(|&key| self.shard_of(key) == shard);
        let mut picks = of_shard.filter_map(first).chain(commit);
        picks.any(|action| self.step(state, &action).is_some())
    }

    fn is_over(&self, state: &State, shard: Id) -> bool {
        let core: &Core = &state.taken_in(shard);
        core.stop && core.waiting().next().is_none() && core.commits.is_empty()
    }

    fn looks(&self, known: &Known<State>, shard: Id, seen: Found) -> Nexts {
        let state = &known.state;
        match seen {
            Found::Runs(name) => {
                let Some(&(key, item)) = known.names.get(&name) else { return Vec::new() };
                match key != 0 && self.shard_of(key) == shard {
                    true => self.can(known, &Action::Pick { key, item }, Vec::new()),
                    false => Vec::new(),
                }
            }
            Found::Commits(name) => {
                let Some(&(_, item)) = known.names.get(&name) else { return Vec::new() };
                self.can(known, &Action::PickCommit { shard, item }, Vec::new())
            }
            Found::Idle => done(known, !self.has_work(state, shard) && !self.is_over(state, shard)),
            Found::Stopped => done(known, !self.has_work(state, shard) && self.is_over(state, shard)),
        }
    }

    fn pause(&self, known: &Known<State>, thread: Id) -> Nexts {
        let left = vec![Part::Quiet { thread }];
        match known.state.control(thread).0 {
            Place::Idle => self.can(known, &Action::Pause { thread }, left),
            Place::Pauses => self.can(known, &Action::PauseMark { thread }, left),
            Place::Quiets => self.can(known, &Action::PauseWait { thread }, left),
            Place::Sleeps => self.can(known, &Action::WaitHear { thread }, left),
            Place::Paused => done(known, true),
            _ => Vec::new(),
        }
    }

    fn resume(&self, known: &Known<State>, thread: Option<Id>) -> Nexts {
        let place = |thread| known.state.control(thread).0;
        let Some(thread) = thread else {
            // All pauses are alike: any of them.
            let paused = self.pausers().filter(|&thread| place(thread) == Place::Paused);
            let begin = |thread| {
                let left = vec![Part::Resume { thread: Some(thread) }];
                self.can(known, &Action::Resume { thread }, left)
            };
            return paused.flat_map(begin).collect();
        };
        match place(thread) {
            Place::Resumes => {
                let left = vec![Part::Resume { thread: Some(thread) }];
                self.can(known, &Action::ResumeMark { thread }, left)
            }
            place => done(known, place == Place::Done),
        }
    }

    fn drain(&self, known: &Known<State>, thread: Id) -> Nexts {
        let left = vec![Part::Drain { thread }];
        match known.state.control(thread).0 {
            Place::Idle => self.can(known, &Action::Drain { thread }, left),
            Place::Drains => self.can(known, &Action::DrainMark { thread }, left),
            _ => done(known, true),
        }
    }

    fn drained(&self, known: &Known<State>, thread: Id, well: bool) -> Nexts {
        let left = vec![Part::Drained { thread, well }];
        match known.state.control(thread).0 {
            Place::Empties => self.can(known, &Action::DrainWait { thread }, left),
            Place::Sleeps => self.can(known, &Action::WaitHear { thread }, left),
            Place::Looks => self.can(known, &Action::DrainLook { thread }, left),
            Place::Drained => done(known, well),
            Place::Refused => done(known, !well),
            _ => Vec::new(),
        }
    }

    fn shutdown(&self, known: &Known<State>) -> Nexts {
        let left = vec![Part::Shutdown];
        match known.state.control(self.stopper()).0 {
            Place::Idle => self.can(known, &Action::Shutdown, left),
            Place::Closes => self.can(known, &Action::ShutdownClose, left),
            Place::Stops => self.can(known, &Action::ShutDownMark, left),
            place => done(known, place == Place::Done),
        }
    }

    fn comes_back(known: &Known<State>, left: &[u64]) -> bool {
        let numbers = left.iter().map(|name| known.names.get(name).map(|&(_, number)| number));
        let Some(mut numbers) = numbers.collect::<Option<Vec<_>>>() else { return false };
        numbers.sort_unstable();
        let mut stranded: Vec<_> = known.state.core.iter().flat_map(|core| core.stranded.iter()).collect();
        stranded.sort_unstable();
        numbers == stranded
    }
}

impl Judged for ShardedPool {
    type Part = Part;

    fn take(&self, known: &Known<State>, part: &Part) -> Nexts {
        let state = &known.state;
        match *part {
            Part::Submit { .. } => self.submit(known, part),
            Part::Commit { name, shard, accepted } => match self.step(state, &Action::Commit { shard }) {
                Some(after) if accepted => {
                    let commit = (0, self.items + after.committed);
                    vec![(known.named(after, name, commit), Vec::new())]
                }
                None if !accepted => done(known, state.is_closed(shard)),
                _ => Vec::new(),
            },
            Part::Ripen { name } => match known.names.get(&name) {
                Some(&(_, item)) => self.can(known, &Action::Ripen { item }, Vec::new()),
                None => Vec::new(),
            },
            Part::Remove { key, ref removed } if self.is_what_waits(known, key, removed) => {
                self.can(known, &Action::Remove { key }, Vec::new())
            }
            Part::Remove { .. } => Vec::new(),
            Part::Step { shard, seen } => self.looks(known, shard, seen),
            Part::Finish { name } => match known.names.get(&name) {
                Some(&(0, item)) => {
                    let mut shards = self.shards();
                    let shard = shards.find(|&shard| state.core[index(shard)].committing.has(item));
                    let finish = |shard| self.can(known, &Action::FinishCommit { shard, item }, Vec::new());
                    shard.map(finish).unwrap_or_default()
                }
                Some(&(key, item)) if self.running(state, key) == Some(item) => {
                    self.can(known, &Action::Finish { key }, Vec::new())
                }
                _ => Vec::new(),
            },
            Part::Pause { thread, accepted: true } => self.pause(known, thread),
            // It looks as soon as it has the lock of the controls, and shutdowns have that until they are over.
            Part::Pause { thread, .. } => {
                let refused = self.step(state, &Action::Pause { thread }).is_none();
                done(known, refused && state.is_stopped(1))
            }
            Part::Quiet { thread } => self.pause(known, thread),
            Part::Resume { thread } => self.resume(known, thread),
            Part::Drain { thread } => self.drain(known, thread),
            Part::Drained { thread, well } => self.drained(known, thread, well),
            Part::Shutdown => self.shutdown(known),
            Part::ShutdownBack => {
                let nothing_waits = self.shards().all(|shard| {
                    let core = state.taken_in(shard);
                    core.waiting().next().is_none() && core.commits.is_empty()
                });
                done(known, nothing_waits && state.control(self.stopper()).0 == Place::Done)
            }
            Part::Leftovers { ref left } => done(known, Self::comes_back(known, left)),
        }
    }

    fn otherwise(part: &Part) -> Vec<Part> {
        match part.clone() {
            Part::Submit { name, key, how, accepted } => {
                vec![Part::Submit { name, key, how, accepted: !accepted }]
            }
            Part::Commit { name, shard, accepted } => {
                vec![Part::Commit { name, shard, accepted: !accepted }]
            }
            Part::Remove { key, mut removed } => {
                if removed.pop().is_none() {
                    removed.push(u64::MAX);
                }
                vec![Part::Remove { key, removed }]
            }
            Part::Step { shard, seen } => {
                let all = [Found::Idle, Found::Stopped, Found::Runs(u64::MAX), Found::Commits(u64::MAX)]
                    .into_iter();
                all.filter(|&other| other != seen).map(|seen| Part::Step { shard, seen }).collect()
            }
            Part::Pause { thread, accepted } => vec![Part::Pause { thread, accepted: !accepted }],
            Part::Drained { thread, well } => vec![Part::Drained { thread, well: !well }],
            Part::Leftovers { mut left } => {
                if left.pop().is_none() {
                    left.push(u64::MAX);
                }
                vec![Part::Leftovers { left }]
            }
            _ => Vec::new(),
        }
    }
}
