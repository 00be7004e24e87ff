//! Runs of `ShardedThreadPool`: threads that submit, workers, and controls, and what that is in `ShardedPool.tla`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use keylane::trace::{act_as, record, took};
use keylane::{Handler, Lease, PoolHandle, ShardedThreadPool, Stop};
use keylane_twin::sharded_pool::{self, Action};

use crate::note::{Note, Story, Then};
use crate::pace::Pace;
use crate::trace::Trace;

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

/// An item: its number among those that were made, and how many more its handler is to submit.
#[derive(Clone, Copy)]
struct Item {
    number: u64,
    children: u8,
}

/// What a push is about: how, which key, and which item; or which item's handler does it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum How {
    Back = 1,
    Front = 2,
    Commit = 3,
}

fn about(how: How, key: u64, number: u64) -> u64 {
    (how as u64) << 48 | key << 32 | number
}

struct Callbacks {
    plan: Plan,
    pace: Pace,
    made: Made,
}

impl Handler for Callbacks {
    type Key = Key;
    type Item = Item;

    fn handle(&self, lease: Lease<'_, Key, Item>, item: Item) {
        took(&(), "begin", item.number);
        self.pace.pause();
        if item.children > 0 {
            let pool: PoolHandle<Self> = lease.pool();
            let key = self.plan.draw(&pool, &self.pace);
            let child = self.made.another(item.children - 1);
            took(&(), "submits", about(How::Back, key.number.into(), child.number));
            let _ = pool.submit(key, child);
        }
    }
}

/// A key, and what makes it go to the shard that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    number: u8,
    salt: u32,
}

impl Plan {
    fn draw(self, pool: &PoolHandle<Callbacks>, pace: &Pace) -> Key {
        self.key(pool, 1 + pace.below(self.keys))
    }

    /// As in the specification, so is it here: key 1 goes to the first shard.
    fn key(self, pool: &PoolHandle<Callbacks>, number: u8) -> Key {
        let shard = usize::from((number - 1) % self.shards);
        let mut keys = (0..).map(|salt| Key { number, salt });
        keys.find(|key| pool.shard_of(key) == shard).expect("a hash goes everywhere")
    }

    fn drainer(self, number: u8) -> u8 {
        self.pausers + number
    }

    fn stopper(self) -> u8 {
        self.pausers + self.drainers
    }

    /// Threads that are no controls come after them.
    fn others(self) -> u8 {
        self.stopper() + 1
    }

    fn accepted(self) -> u8 {
        self.submitters * self.items * (1 + self.children)
    }

    /// In the words of `specs/models/`.
    pub fn constants(self) -> String {
        let list = |words: Vec<String>| format!("{{{}}}", words.join(", "));
        let names = |count: u8, name: &str| list((0..count).map(|at| format!("\"{name}{at}\"")).collect());
        let keys = list((1..=self.keys).map(|key| key.to_string()).collect());
        let how = if self.stop == Stop::HandBack { "back" } else { "run" };
        let all = self.accepted();
        format!(
            "ShardCount = {}\nKeys = {keys}\nItems = {all}\nFronts = {all}\nLater = 0\nChildren = {all}\nCommits = {}\n\
             Pausers = {}\nDrainers = {}\nStopper = \"stopper\"\nHow = \"{how}\"\nRemovals = {}\nNobody = \"nobody\"\n",
            self.shards,
            self.commits,
            names(self.pausers, "pauser"),
            names(self.drainers, "drainer"),
            self.removals,
        )
    }

    /// Runs it, and writes down what happens.
    pub fn run(self, seed: u64) -> Vec<Note> {
        let notes = record(|| {
            let pace = Pace::new(seed);
            let made = Made::default();
            let callbacks = Callbacks { plan: self, pace: pace.clone(), made: made.clone() };
            let (pool, workers) = ShardedThreadPool::builder(callbacks)
                .shards(self.shards.into())
                .threads_per_shard(self.workers.into())
                .stepped()
                .expect("there are some");
            std::thread::scope(|scope| {
                let mut other = (self.others()..).map(u64::from);
                let mut next = || other.next().expect("there are many");
                for _ in 0..self.submitters {
                    let (me, pool, made, pace) = (next(), pool.clone(), made.clone(), pace.clone());
                    scope.spawn(move || {
                        act_as(me);
                        self.submit(&pool, &made, &pace);
                    });
                }
                let (me, clerk, calm) = (next(), pool.clone(), pace.clone());
                scope.spawn(move || {
                    act_as(me);
                    self.commit_and_remove(&clerk, &calm);
                });
                let workers: Vec<_> = workers
                    .into_iter()
                    .map(|mut worker| {
                        let me = next();
                        scope.spawn(move || {
                            act_as(me);
                            worker.run();
                            worker
                        })
                    })
                    .collect();
                let mut controls = Vec::new();
                for pauser in 0..self.pausers {
                    let (pool, pace) = (pool.clone(), pace.clone());
                    controls.push(scope.spawn(move || {
                        act_as(pauser.into());
                        pace.pauses();
                        let guard = pool.pause();
                        pace.pause();
                        drop(guard);
                    }));
                }
                for drainer in 0..self.drainers {
                    let (pool, pace) = (pool.clone(), pace.clone());
                    controls.push(scope.spawn(move || {
                        act_as(self.drainer(drainer).into());
                        pace.pauses();
                        let _ = pool.drain();
                    }));
                }
                act_as(self.stopper().into());
                pace.pauses();
                pool.shutdown(self.stop);
                let workers = workers.into_iter().map(|worker| worker.join().expect("nobody panics")).collect();
                for control in controls {
                    control.join().expect("nobody panics");
                }
                took(&(), "joins", 0);
                pool.reclaim(workers);
            });
        });
        notes.into_iter().map(Note::from).collect()
    }

    fn submit(self, pool: &PoolHandle<Callbacks>, made: &Made, pace: &Pace) {
        for _ in 0..self.items {
            pace.pause();
            let key = self.draw(pool, pace);
            let item = made.another(pace.below(self.children + 1));
            let refused = if pace.below(3) == 0 {
                took(&(), "submits", about(How::Front, key.number.into(), item.number));
                pool.submit_front(key, item).is_err()
            } else {
                took(&(), "submits", about(How::Back, key.number.into(), item.number));
                pool.submit(key, item).is_err()
            };
            if refused {
                return;
            }
        }
    }

    fn commit_and_remove(self, pool: &PoolHandle<Callbacks>, pace: &Pace) {
        for turn in 0..self.commits.max(self.removals) {
            pace.pauses();
            let key = self.draw(pool, pace);
            if turn < self.removals {
                took(&(), "removes", about(How::Back, key.number.into(), 0));
                pool.remove(&key);
            }
            if turn < self.commits {
                let calm = pace.clone();
                took(&(), "submits", about(How::Commit, key.number.into(), 0));
                let _ = pool.commit(&key, move || calm.pause());
            }
        }
    }

    /// What happened, in the words of the specification.
    ///
    /// # Errors
    /// If a note has no place there.
    pub fn tell(self, notes: Vec<Note>) -> Result<Trace<sharded_pool::ShardedPool>> {
        let mut teller = Teller { plan: self, actions: Vec::new(), accepted: HashMap::new(), threads: HashMap::new() };
        for (note, then) in Story::new(notes).notes() {
            if note.what == "joins" {
                // Taking back shuts down once more.
                break;
            }
            teller.hear(note, then)?;
        }
        Ok(Trace { constants: self.constants(), actions: teller.actions })
    }
}

/// Says notes over again as actions.
struct Teller {
    plan: Plan,
    actions: Vec<Action>,
    /// By the number that it was made with: the number of an item in the order of acceptance.
    accepted: HashMap<u64, u8>,
    threads: HashMap<u64, Thread>,
}

/// What is known of a thread.
#[derive(Default)]
struct Thread {
    /// What it pushes next.
    about: u64,
    /// What it runs: a key's item, or a commit of a shard.
    runs: Option<u8>,
    /// What the next look at an inbox belongs to.
    section: Option<Action>,
}

impl Teller {
    fn hear(&mut self, note: Note, then: Then<'_>) -> Result<()> {
        let by = note.thread as u8;
        let is_control = by < self.plan.others();
        let thread = self.threads.entry(note.thread).or_default();
        let (key, number) = ((thread.about >> 32) as u8, thread.about & u64::from(u32::MAX));
        let shard = (key.max(1) - 1) % self.plan.shards + 1;
        let action = match note.what {
            "submits" => {
                thread.about = note.value;
                return Ok(());
            }
            "removes" => {
                thread.section = Some(Action::Remove { key: (note.value >> 32) as u8 });
                return Ok(());
            }
            "push" if thread.about >> 48 == How::Commit as u64 => Action::Commit { shard },
            "push" => {
                let item = self.accepted.len() as u8 + 1;
                self.accepted.insert(number, item);
                match thread.runs {
                    Some(parent) => Action::HandleSubmit { parent, key },
                    None if thread.about >> 48 == How::Front as u64 => Action::SubmitFront { key },
                    None => Action::Submit { key },
                }
            }
            // What a worker takes in and does not begin stays where it is, in the specification's eyes.
            "take" if is_control || thread.section.is_some() => match thread.section.take() {
                Some(action) => action,
                None => return Ok(()),
            },
            "take" => match self.begins(then)? {
                Some(action) => {
                    let runs = match &action {
                        Action::Pick { key } => *key,
                        Action::PickCommit { shard } => *shard,
                        _ => bail!("a worker begins an item or a commit"),
                    };
                    self.threads.entry(note.thread).or_default().runs = Some(runs);
                    action
                }
                None => return Ok(()),
            },
            "finish" => Action::Finish { key: thread.runs.take().context("nothing runs")? },
            "finish_commit" => Action::FinishCommit { shard: thread.runs.take().context("nothing runs")? },
            // Refused, it marks nothing.
            "pause_all" if then.clone().next().is_some_and(|next| next.what == "pause") => {
                Action::Pause { thread: by }
            }
            "pause" => Action::PauseMark { thread: by },
            "resume_all" => Action::Resume { thread: by },
            "resume" => Action::ResumeMark { thread: by },
            "drain" => Action::Drain { thread: by },
            "end_generation" => {
                thread.section = Some(Action::DrainMark { thread: by });
                return Ok(());
            }
            "wait" if by < self.plan.pausers => Action::PauseWait { thread: by },
            "wait" => Action::DrainWait { thread: by },
            "hear" if is_control => Action::WaitHear { thread: by },
            "look" => Action::DrainLook { thread: by },
            "shutdown" => Action::Shutdown,
            "close" => Action::ShutdownClose,
            "shut_down" => {
                thread.section = Some(Action::ShutDownMark);
                return Ok(());
            }
            // How workers sleep is `Baton`'s business; what was refused is nowhere; the rest has been told of.
            "take_lie_down" | "hear" | "ring" | "refuse" | "begin" | "remove" | "pick" | "pick_commit" | "pause_all" => {
                return Ok(());
            }
            other => bail!("what is {other}?"),
        };
        self.actions.push(action);
        Ok(())
    }

    /// What a worker that looks at an inbox then begins.
    fn begins(&self, mut then: Then<'_>) -> Result<Option<Action>> {
        todo!()
    }
}

/// How many items have been made.
#[derive(Clone, Default)]
struct Made(Arc<AtomicU64>);

impl Made {
    fn another(&self, children: u8) -> Item {
        // ORDERING: Relaxed. They only have to differ.
        Item { number: 1 + self.0.fetch_add(1, Ordering::Relaxed), children }
    }
}
