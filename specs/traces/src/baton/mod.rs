//! Runs of one shard of `ShardedThreadPool`: workers that sleep and are woken, and what that is in `Baton.tla`.

mod teller;

use anyhow::Result;
use keylane::trace::{act_as, record, took};
use keylane::{Handler, Lease, PoolHandle, ShardedThreadPool, Stop};
use keylane_twin::baton;

pub use self::teller::Teller;
use super::note::{Note, Story, Then};
use super::pace::{Chance, Pace};
use super::threads::spawn;
use super::trace::Trace;

/// What is run. (Nothing of it is for later: a shard that takes in what has arrived looks at the clock too, and somebody may push,
/// or the clock go on, in between. In the specification that is one step.)
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many workers there are.
    pub workers: u8,
    /// How many keys.
    pub keys: u8,
    /// How many threads submit,
    pub submitters: u8,
    /// and how many items each of them.
    pub items: u8,
    /// How often the pool is paused, without waiting.
    pub pauses: u8,
    /// Whether it is shut down from inside the last of these.
    pub stops_paused: bool,
}

struct Callbacks(Chance);

impl Handler for Callbacks {
    type Key = u8;
    type Item = ();

    fn handle(&self, key: Lease<'_, u8, ()>, (): ()) {
        took(&(), "begin", (*key).into());
        self.0.pace((*key).into()).pause();
    }
}

impl Plan {
    fn submitter(self, number: u8) -> u8 {
        self.workers + number
    }

    fn boss(self) -> u8 {
        self.workers + self.submitters
    }

    /// In the words of `specs/models/`.
    pub fn constants(self) -> String {
        let set = |count: u8, name: &str| {
            format!(
                "{{{}}}",
                (1..=count).map(|number| format!("{name}{number}")).collect::<Vec<_>>().join(", ")
            )
        };
        format!(
            "Workers = {}\nSubmitters = {}\nBoss = boss\nKeys = {}\nItems = {}\nLater = 0\nTimes = 0\nClockRuns = TRUE\n\
             Pauses = {}\nMayStop = TRUE\nNobody = nobody\n",
            set(self.workers, "w"),
            set(self.submitters, "s"),
            set(self.keys, "k"),
            self.submitters * self.items,
            self.pauses,
        )
    }

    /// Runs it, and writes down what happens.
    pub fn run(self, seed: u64) -> Vec<Note> {
        let notes = record(|| {
            let chance = Chance::new(seed);
            let (pool, workers) = ShardedThreadPool::builder(Callbacks(chance))
                .shards(1)
                .threads_per_shard(self.workers.into())
                .stepped()
                .expect("there are some");
            let mut submitters = Vec::new();
            for number in 0..self.submitters {
                let (pool, number) = (pool.clone(), self.submitter(number).into());
                submitters.push(spawn(move || {
                    act_as(number);
                    self.submit(&pool, &mut chance.pace(number));
                }));
            }
            let mut threads = Vec::new();
            for (number, mut worker) in (0..).zip(workers) {
                threads.push(spawn(move || {
                    act_as(number);
                    worker.run();
                    worker
                }));
            }
            act_as(self.boss().into());
            let mut pace = chance.pace(self.boss().into());
            let mut guard = None;
            for _ in 0..self.pauses {
                drop(guard.take());
                pace.pauses();
                guard = pool.pause_new().ok();
                pace.pauses();
            }
            let guard = guard.filter(|_| self.stops_paused);
            pace.pauses();
            pool.shutdown(Stop::RunRemaining);
            let workers = threads.into_iter().map(|thread| thread.join().expect("nobody panics"));
            let workers = workers.collect();
            took(&(), "joins", 0);
            drop(guard);
            pool.reclaim(workers);
            submitters.into_iter().for_each(|thread| thread.join().expect("nobody panics"));
        });
        notes.into_iter().map(Note::from).collect()
    }

    fn submit(self, pool: &PoolHandle<Callbacks>, pace: &mut Pace) {
        for _ in 0..self.items {
            pace.pauses();
            let key = pace.below(self.keys);
            took(&(), "submits", key.into());
            if pool.submit(key, ()).is_err() {
                return;
            }
        }
    }

    /// What happened, in the words of the specification.
    ///
    /// # Errors
    /// If a note has no place there.
    pub fn tell(self, notes: Vec<Note>) -> Result<Trace<baton::Baton>> {
        let mut teller = Teller::new(self.workers, self.boss());
        for (note, then) in Story::new(notes).until_joined() {
            teller.hear(note, then)?;
        }
        Ok(Trace { constants: self.constants(), actions: teller.actions })
    }
}
