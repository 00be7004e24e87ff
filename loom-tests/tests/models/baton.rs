//! Does the baton pass from worker to worker with all that was written under it, and does no runnable item
//! wait while a worker sleeps?

use crate::harness::{Log, Model, Plain};
use keylane::internals::{Arc, Baton, Charge, Inbox, Origin, Pushed, mark, model};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        hand_over_between_two_workers(),
        submit_against_sleep(),
        submit_against_spurious_wakes(),
        one_item_wakes_one_of_two(),
        two_sleepers_and_two_items(),
        two_spurious_sleepers_and_two_items(),
        two_sleepers_and_two_submitters(),
    ]
}

/// The smallest charge: numbers arrive in an inbox, each is an item, and a worker leaves when told to.
struct Numbers {
    inbox: Arc<Inbox<u32>>,
    waiting: Vec<u32>,
    leave: bool,
}

impl Charge for Numbers {
    fn runnable(&self) -> usize {
        self.waiting.len()
    }

    fn take_in(&mut self, lie_down: bool) -> bool {
        let mut batch = Vec::new();
        let _ = self.inbox.take(&mut batch, lie_down);
        let arrived = !batch.is_empty();
        self.waiting.append(&mut batch);
        arrived
    }
}

struct Shard {
    inbox: Arc<Inbox<u32>>,
    baton: Baton<Numbers>,
    ran: Log<u32>,
}

impl Shard {
    fn new(workers: usize) -> Arc<Self> {
        let inbox = Arc::new(Inbox::default());
        let numbers = Numbers { inbox: Arc::clone(&inbox), waiting: Vec::new(), leave: false };
        Arc::new(Self { inbox, baton: Baton::new(numbers, workers), ran: Log::new() })
    }

    fn submit(&self, number: u32) {
        match self.inbox.push(number, Origin::Outside).unwrap() {
            Pushed::OntoSleeper => self.baton.nudge(),
            Pushed::Quietly => mark("no wake needed"),
        }
    }

    /// Runs items until `total` have been run by all workers together, or sleeps.
    fn work(&self, worker: usize, total: usize) {
        let mut ran = 0;
        let mut numbers = self.baton.take_up();
        loop {
            numbers.take_in(false);
            match numbers.waiting.pop() {
                Some(number) => {
                    drop(numbers);
                    self.ran.add(number);
                    ran += 1;
                    numbers = self.baton.take_up();
                    if ran == total {
                        numbers.leave = true;
                        numbers.wake_all();
                    }
                }
                None if numbers.leave => return,
                None => numbers = self.baton.sleep(numbers, worker),
            }
        }
    }

    /// Takes one item, sleeping until there is one, and never comes back.
    fn work_once(&self, worker: usize) {
        let mut numbers = self.baton.take_up();
        loop {
            numbers.take_in(false);
            if numbers.waiting.pop().is_some() {
                return;
            }
            numbers = self.baton.sleep(numbers, worker);
        }
    }
}

/// What one holder wrote, the next one sees; two never hold it at once.
fn hand_over_between_two_workers() -> Model {
    Model::new("hand_over_between_two_workers", "P4", 2).iterations(9).reaches(&[]).scenario(|| {
        let shard = Shard::new(2);
        let cell = Arc::new(Plain::new(0));
        let turn = |shard: &Shard, cell: &Plain<u32>| {
            let hold = shard.baton.take_up();
            cell.set(cell.get() + 1);
            drop(hold);
        };
        let other = {
            let (shard, cell) = (Arc::clone(&shard), Arc::clone(&cell));
            thread::spawn(move || turn(&shard, &cell))
        };
        turn(&shard, &cell);
        turn(&shard, &cell);
        other.join().unwrap();
        assert_eq!(cell.get(), 3);
    })
}

/// One worker, one item: submitted before it sleeps, while it lies down, or after.
fn submit_against_sleep() -> Model {
    Model::new("submit_against_sleep", "P5", 2)
        .iterations(15)
        .reaches(&["slept", "rung before sleep", "no wake needed", "arrived while settling"])
        .scenario(submit_against_sleep_scenario)
}

/// The same, with sleeps that end for no reason.
fn submit_against_spurious_wakes() -> Model {
    Model::new("submit_against_spurious_wakes", "P5", 2)
        .iterations(90)
        .spurious_wakes(2)
        .reaches(&["slept", "woke for no reason"])
        .scenario(submit_against_sleep_scenario)
}

fn submit_against_sleep_scenario() {
    let shard = Shard::new(1);
    {
        let shard = Arc::clone(&shard);
        thread::spawn(move || shard.submit(1));
    }
    shard.work(0, 1);
    assert_eq!(shard.ran.take(), [1]);
}

/// Two workers that sleep, or are about to, and one item: it wakes one of them, never both. Wakes are
/// min(new runnable items, sleepers), counted where they are made.
fn one_item_wakes_one_of_two() -> Model {
    Model::new("one_item_wakes_one_of_two", "P5", 3)
        .iterations(34_153)
        .reaches(&["slept", "rung before sleep", "no wake needed", "woken for an item"])
        .scenario(|| {
            let before = model::times("woken for an item");
            let shard = Shard::new(2);
            let workers: Vec<_> = (0..2)
                .map(|worker| {
                    let shard = Arc::clone(&shard);
                    thread::spawn(move || shard.work(worker, 1))
                })
                .collect();
            shard.submit(1);
            for worker in workers {
                worker.join().unwrap();
            }
            assert_eq!(shard.ran.take(), [1]);
            assert!(model::times("woken for an item") - before <= 1, "one item, one wake");
        })
}

/// Two workers and two items, submitted one after the other; a worker that has got an item never comes back.
/// If one worker were woken for both, the other would sleep for ever, and loom would say so: what Ceph lost
/// when it notified one waiter on empty -> non-empty (PR 28832, mended by 34363).
fn two_sleepers_and_two_items() -> Model {
    Model::new("two_sleepers_and_two_items", "P5", 3)
        .iterations(29_903)
        .reaches(&["slept", "rung before sleep", "no wake needed", "arrived while settling"])
        .scenario(two_sleepers_and_two_items_scenario)
}

/// The same, with sleeps that end for no reason.
fn two_spurious_sleepers_and_two_items() -> Model {
    Model::new("two_spurious_sleepers_and_two_items", "P5", 3)
        .iterations(91_569)
        .spurious_wakes(1)
        .reaches(&["slept", "woke for no reason"])
        .scenario(two_sleepers_and_two_items_scenario)
}

fn two_sleepers_and_two_items_scenario() {
    let shard = Shard::new(2);
    for worker in 0..2 {
        let shard = Arc::clone(&shard);
        thread::spawn(move || shard.work_once(worker));
    }
    shard.submit(0);
    shard.submit(1);
}

/// Two submitters, one item each, and two workers that each take one: the same without an order between the
/// submits.
fn two_sleepers_and_two_submitters() -> Model {
    Model::new("two_sleepers_and_two_submitters", "P5", 4)
        .iterations(161_531)
        .reaches(&["slept", "rung before sleep", "no wake needed", "arrived while settling"])
        .bounded(5)
        .scenario(|| {
            let shard = Shard::new(2);
            for worker in 0..2 {
                let shard = Arc::clone(&shard);
                thread::spawn(move || shard.work_once(worker));
            }
            {
                let shard = Arc::clone(&shard);
                thread::spawn(move || shard.submit(0));
            }
            shard.submit(1);
        })
}
