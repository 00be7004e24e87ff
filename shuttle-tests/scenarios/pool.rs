//! A pool under submitters, pauses, drains and stops, whose items sometimes need two keys, and whose handlers sometimes keep
//! theirs for a disk, or commit. Its workers help none, some or all of the other shards, and poll or not: P1-P8, P11.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keylane::{Handler, KeyGuard, Lease, PoolHandle, PoolReport, ShardedThreadPool};

use super::ledger::Ledger;
use super::plan::{Plan, Trigger, trigger};
use crate::threads::{self, Plain, Receiver, Sender};

/// How big an execution is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub shards: usize,
    pub threads_per_shard: usize,
    pub submitters: usize,
    /// How many items each submitter submits.
    pub items: usize,
    pub keys: usize,
    pub controllers: usize,
    /// How often each controller pauses or drains.
    pub controls: usize,
}

/// An item may submit another, that one a third, and so on: what crosses a drain's looks at the shards.
const GENERATIONS: usize = 4;

impl Size {
    pub const SMALL: Self = Self {
        shards: 2,
        threads_per_shard: 2,
        submitters: 2,
        items: 3,
        keys: 3,
        controllers: 1,
        controls: 2,
    };

    pub const WIDE: Self = Self {
        shards: 3,
        threads_per_shard: 2,
        submitters: 4,
        items: 60,
        keys: 7,
        controllers: 2,
        controls: 6,
    };

    /// The main one, the stopper and the disk too.
    pub const fn threads(&self) -> usize {
        self.shards * self.threads_per_shard + self.submitters + self.controllers + 3
    }

    /// Without those that items submit.
    pub const fn messages(&self) -> usize {
        self.submitters * self.items
    }
}

/// What a key owns.
#[derive(Default)]
struct Account {
    occupied: AtomicBool,
    booked: Plain<Booked>,
}

#[derive(Default)]
struct Booked {
    /// By submitter: how many of its items are behind us.
    next: Vec<usize>,
    /// The latest beginning of a submit whose item has run.
    latest: usize,
}

/// What commits of one shard are told of.
#[derive(Default)]
struct Journal {
    occupied: AtomicBool,
    accepted: AtomicUsize,
    /// How many have run, and the latest beginning of a call whose commit has.
    written: Plain<(usize, usize)>,
}

struct World {
    size: Size,
    plan: Plan,
    ledger: Ledger,
    accounts: Box<[Account]>,
    journals: Box<[Journal]>,
    /// Pauses that are in force for certain.
    pauses: AtomicUsize,
    /// Whether any ever was.
    paused: AtomicBool,
}

struct Bank {
    world: Arc<World>,
    disk: Sender<(KeyGuard<usize, Item>, Item)>,
}

/// Work number `id`: of the first generation those of submitter 0, then of 1 and so on; then their children.
struct Item {
    id: usize,
    pool: PoolHandle<Bank>,
    answer: Option<Sender<()>>,
}

impl Handler for Bank {
    type Key = usize;
    type Item = Item;

    fn handle(&self, lease: Lease<'_, Self::Key, Self::Item>, item: Item) {
        let Self { world, disk } = self;
        let ledger = &world.ledger;
        ledger.callback();
        world.promise_not_paused();
        for &key in lease.keys() {
            let account = &world.accounts[key];
            ledger
                .promise(!account.occupied.swap(true, Ordering::Relaxed), "P3: one item of a key at a time");
            account.booked.with(|booked| world.book(booked, item.id));
        }
        threads::step();
        if threads::below(4) == 0 {
            world.commit(&item.pool, *lease);
        }
        let child = item.id + world.size.messages();
        if child < ledger.slots.len() && threads::below(2) == 0 {
            world.submit(&item.pool, child, None);
        }
        world.promise_not_paused();
        let panics = World::panics(item.id);
        if !panics && threads::below(3) == 0 {
            disk.send((lease.hold(), item)).expect("the disk turns while there is a handler");
            threads::step();
        } else {
            world.end(lease.keys(), &item);
        }
        world.promise_not_paused();
        ledger.callback();
        if panics {
            // Without the panic hook: shuttle's takes it for a failure.
            resume_unwind(Box::new("a handler panics"));
        }
    }
}

impl World {
    /// The end of an item: of its handler, or of what that has left to the disk.
    fn end<'a>(&self, keys: impl Iterator<Item = &'a usize>, item: &Item) {
        for &key in keys {
            let account = &self.accounts[key];
            account.booked.with(|booked| booked.next.len());
            account.occupied.store(false, Ordering::Relaxed);
        }
        self.ledger.slots[item.id].run();
        if let Some(answer) = &item.answer {
            answer.send(()).expect("the submitter waits for it");
        }
    }

    /// Ends what handlers have left to it, one after the other.
    fn turn_the_disk(&self, work: &Receiver<(KeyGuard<usize, Item>, Item)>) {
        while let Ok((key, item)) = work.recv() {
            threads::step();
            self.end(key.keys(), &item);
            drop(key);
        }
    }

    fn panics(id: usize) -> bool {
        id % 5 == 1
    }

    fn promise_not_paused(&self) {
        let paused = self.pauses.load(Ordering::Relaxed) > 0;
        self.ledger.promise(!paused, "P6: nothing runs while the pool is paused");
    }

    /// P2, of what runs now against what has run.
    fn book(&self, booked: &mut Booked, id: usize) {
        let slot = &self.ledger.slots[id];
        self.ledger.promise(
            slot.ended() >= booked.latest,
            "P2: an item runs before those whose submit began after its own had returned",
        );
        booked.latest = booked.latest.max(slot.begun());
        self.in_order(booked, id);
    }

    /// P2, within one submitter.
    fn in_order(&self, booked: &mut Booked, id: usize) {
        if id >= self.size.messages() {
            return;
        }
        let (submitter, number) = (id / self.size.items, id % self.size.items);
        booked.next.resize(self.size.submitters, 0);
        self.ledger
            .promise(number >= booked.next[submitter], "P2: items of one submitter run in their order");
        booked.next[submitter] = number + 1;
    }

    /// P11.
    fn commit(self: &Arc<Self>, pool: &PoolHandle<Bank>, key: usize) {
        let shard = pool.shard_of(&key);
        let begun = threads::stamp();
        let ended = Arc::new(AtomicUsize::new(usize::MAX));
        let callback = {
            let (world, ended) = (Arc::clone(self), Arc::clone(&ended));
            move || {
                let Journal { occupied, written, .. } = &world.journals[shard];
                world.ledger.callback();
                world.promise_not_paused();
                world.ledger.promise(!occupied.swap(true, Ordering::Relaxed), "P11: one commit at a time");
                written.with(|(ran, latest)| {
                    let in_order = ended.load(Ordering::Relaxed) >= *latest;
                    world.ledger.promise(in_order, "P11: a commit runs before those whose call began later");
                    (*ran, *latest) = (*ran + 1, begun.max(*latest));
                });
                threads::step();
                occupied.store(false, Ordering::Relaxed);
                world.promise_not_paused();
            }
        };
        match pool.commit(&key, callback) {
            Ok(()) => {
                ended.store(threads::stamp(), Ordering::Relaxed);
                self.journals[shard].accepted.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => self.ledger.promise(self.ledger.is_stopping(), "P11: only a stopped pool refuses"),
        }
    }

    fn submit(&self, pool: &PoolHandle<Bank>, id: usize, answer: Option<Sender<()>>) {
        if threads::below(4) == 0 {
            return self.submit_together(pool, id, answer);
        }
        let key = threads::below(self.size.keys);
        self.ledger.hand_in(id, || match pool.submit(key, Item { id, pool: pool.clone(), answer }) {
            Ok(()) => true,
            Err(refused) => {
                let (came_back, item) = refused.into_parts();
                self.ledger.promise((came_back, item.id) == (key, id), "P1: what is refused comes back");
                false
            }
        });
    }

    fn submit_together(&self, pool: &PoolHandle<Bank>, id: usize, answer: Option<Sender<()>>) {
        let mut keys: Vec<usize> = (0..2).map(|_| threads::below(self.size.keys)).collect();
        let item = Item { id, pool: pool.clone(), answer };
        self.ledger.hand_in(id, || match pool.submit_together(keys.clone(), item) {
            Ok(()) => true,
            Err(refused) => {
                let (came_back, item) = refused.into_parts();
                keys.dedup();
                self.ledger.promise((came_back, item.id) == (keys, id), "P1: what is refused comes back");
                false
            }
        });
    }

    /// One thread's submits.
    fn submit_all(&self, pool: &PoolHandle<Bank>, submitter: usize, trigger: &Trigger) {
        for number in 0..self.size.items {
            self.plan.tick(trigger);
            let id = submitter * self.size.items + number;
            // If it may be stopped, some would never be answered.
            if self.plan.is_calm() && threads::below(2) == 0 {
                let (answer, answered) = threads::channel();
                self.submit(pool, id, Some(answer));
                // A forgotten one would wait for ever (P5).
                self.ledger.promise(answered.recv().is_ok(), "P1: what is accepted runs");
            } else {
                self.submit(pool, id, None);
            }
        }
    }

    fn control(&self, pool: &PoolHandle<Bank>) {
        for _ in 0..self.size.controls {
            if threads::below(2) == 0 { self.pause(pool) } else { self.drain(pool) }
        }
    }

    fn pause(&self, pool: &PoolHandle<Bank>) {
        let Ok(guard) = pool.pause() else {
            self.ledger.promise(self.ledger.is_stopping(), "P6: only a stopped pool refuses to pause");
            return;
        };
        self.paused.store(true, Ordering::Relaxed);
        self.pauses.fetch_add(1, Ordering::Relaxed);
        threads::step();
        if threads::below(2) == 0 {
            drop(pool.pause());
            threads::step();
        }
        self.pauses.fetch_sub(1, Ordering::Relaxed);
        drop(guard);
    }

    fn drain(&self, pool: &PoolHandle<Bank>) {
        let slots = &self.ledger.slots;
        let before: Vec<usize> = (0..self.size.messages()).filter(|&id| slots[id].was_accepted()).collect();
        if pool.drain().is_err() {
            self.ledger.promise(self.ledger.is_stopping(), "P7: only a stopped pool refuses to drain");
            return;
        }
        for root in before {
            for slot in (0..GENERATIONS).map(|generation| &slots[root + generation * self.size.messages()]) {
                self.ledger.promise(
                    slot.has_run() || !slot.was_accepted(),
                    "P7: drain waits for what was submitted before, and for its children",
                );
            }
        }
    }

    fn check(&self, report: PoolReport<usize, Item>) {
        for (key, item) in &report.leftovers {
            self.ledger.slots[item.id].hand_back();
            self.accounts[*key].booked.with(|booked| self.in_order(booked, item.id));
        }
        let may_be_left =
            self.plan.hands_back() || self.paused.load(Ordering::Relaxed) && !self.plan.is_calm();
        self.ledger
            .promise(report.leftovers.is_empty() || may_be_left, "P8: nothing is left that was to be run");
        let panics =
            (0..self.ledger.slots.len()).filter(|&id| Self::panics(id) && self.ledger.slots[id].has_run());
        self.ledger.promise(report.panics == panics.count(), "every handler that panicked is counted");
        let accepted: usize =
            self.journals.iter().map(|journal| journal.accepted.load(Ordering::Relaxed)).sum();
        let ran: usize = self.journals.iter().map(|journal| journal.written.with(|(ran, _)| *ran)).sum();
        self.ledger
            .promise(accepted == ran + report.commits.len(), "P11: each commit runs once or comes back");
        self.ledger.promise(report.commits.is_empty() || may_be_left, "P11: none comes back that was to run");
        drop(report);
        self.ledger.settle();
    }
}

/// One execution.
pub fn run(size: Size) {
    let world = Arc::new(World {
        size,
        plan: Plan::draw(size.messages()),
        ledger: Ledger::new(GENERATIONS * size.messages()),
        accounts: (0..size.keys).map(|_| Account::default()).collect(),
        journals: (0..size.shards).map(|_| Journal::default()).collect(),
        pauses: AtomicUsize::new(0),
        paused: AtomicBool::new(false),
    });
    let (disk, left_to_it) = threads::channel();
    let pool = ShardedThreadPool::builder(Bank { world: Arc::clone(&world), disk })
        .shards(size.shards)
        .threads_per_shard(size.threads_per_shard)
        .help(threads::below(size.shards))
        .spin([0, 2][threads::below(2)])
        .start()
        .expect("threads can be started");
    let disk = {
        let world = Arc::clone(&world);
        threads::spawn(move || world.turn_the_disk(&left_to_it))
    };
    let (trigger, listener) = trigger();

    let mut threads = Vec::new();
    for submitter in 0..size.submitters {
        let (world, pool, trigger) = (Arc::clone(&world), pool.handle(), trigger.clone());
        threads.push(threads::spawn(move || world.submit_all(&pool, submitter, &trigger)));
    }
    drop(trigger);
    for _ in 0..size.controllers {
        let (world, pool) = (Arc::clone(&world), pool.handle());
        threads.push(threads::spawn(move || world.control(&pool)));
    }
    {
        let (world, pool) = (Arc::clone(&world), pool.handle());
        threads.push(threads::spawn(move || {
            while let Ok(stop) = listener.recv() {
                world.ledger.stop(|| pool.shutdown(stop));
            }
        }));
    }
    for thread in threads {
        thread.join().expect("no thread of the scenario panics");
    }
    if world.plan.is_calm() {
        // Nobody will ever wake a worker that was forgotten: the drain would wait for ever.
        world.drain(&pool);
    }
    let report = world.ledger.stop(|| pool.join()).expect("joined from outside");
    world.ledger.join();
    // The handler is gone with the workers, and with it who brings work.
    disk.join().expect("the disk does not panic");
    // All that handlers wrote is visible to whoever has joined.
    world.accounts.iter().for_each(|account| account.booked.with(|booked| booked.latest = 0));
    world.check(report);
}
