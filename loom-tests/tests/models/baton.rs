//! Does the baton pass from worker to worker with all that was written under it, and does no runnable item
//! wait while a worker sleeps?

use std::time::Duration;

use crate::harness::{Log, Model, Plain};
use keylane::internals::{Arc, Baton, Bell, Charge, Deadline, Inbox, Origin, Pushed, Seat, mark, model};
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
        who_polls_is_woken_like_who_sleeps(),
        one_polls_again_and_again(),
        two_sleepers_and_two_submitters(),
        a_sleeper_looks_out(),
        who_looks_out_is_woken_for_what_is_sooner(),
        somebody_looks_out_while_another_runs(),
        who_looks_out_is_woken_last(),
        due_against_submit(),
    ]
}

/// The smallest charge: numbers arrive in an inbox, each is an item, and a worker leaves when told to.
struct Numbers {
    inbox: Arc<Inbox<u32>>,
    waiting: Vec<u32>,
    /// Numbers from `LATER` on, by when they are due: soon after workers have looked so often, or, from `FAR` on, never.
    later: Vec<u32>,
    looks: usize,
    leave: bool,
}

const LATER: u32 = 10;
const FAR: u32 = 20;

impl Charge for Numbers {
    fn runnable(&mut self) -> usize {
        self.waiting.len()
    }

    fn take_in(&mut self, lie_down: bool) -> bool {
        let mut batch = Vec::new();
        let _ = self.inbox.take(&mut batch, lie_down);
        let arrived = !batch.is_empty();
        let (mut later, mut now): (Vec<_>, Vec<_>) = batch.into_iter().partition(|&number| number >= LATER);
        self.later.append(&mut later);
        self.later.sort_unstable();
        self.waiting.append(&mut now);
        arrived
    }

    fn due(&mut self) -> Option<Duration> {
        self.later.first().map(|&number| Duration::from_secs(number.into()))
    }

    fn deadline(&self, at: Duration) -> Deadline {
        if at < Duration::from_secs(FAR.into()) { Deadline::after(at) } else { Deadline::NEVER }
    }
}

impl Numbers {
    /// A worker looks: what was due later is due by now, if workers have looked often enough since it came.
    fn look(&mut self) -> Option<u32> {
        let due = self.later.iter().take_while(|&&number| number < FAR).count();
        self.looks -= usize::from(due > 0 && self.looks > 0);
        if self.looks == 0 {
            self.waiting.extend(self.later.drain(..due));
        }
        self.take_in(false);
        self.waiting.pop()
    }
}

struct Shard {
    inbox: Arc<Inbox<u32>>,
    baton: Baton<Numbers>,
    ran: Log<u32>,
}

impl Shard {
    fn new() -> Arc<Self> {
        let inbox = Arc::new(Inbox::default());
        let numbers = Numbers {
            inbox: Arc::clone(&inbox),
            waiting: Vec::new(),
            later: Vec::new(),
            looks: 1,
            leave: false,
        };
        Arc::new(Self { inbox, baton: Baton::new(numbers), ran: Log::new() })
    }

    fn submit(&self, number: u32) {
        match self.inbox.push(number, Origin::Outside).unwrap() {
            Pushed::OntoSleeper => self.baton.nudge(),
            Pushed::Quietly => mark("no wake needed"),
        }
    }

    /// Runs items until `total` have been run by all workers together, or sleeps.
    fn work(&self, total: usize) {
        let seat = Seat::default();
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
                None => numbers = self.baton.sleep(numbers, &seat),
            }
        }
    }

    /// Takes one item, sleeping until there is one, and never comes back.
    fn work_once(&self, seat: &Seat) {
        let mut numbers = self.baton.take_up();
        loop {
            if numbers.look().is_some() {
                return;
            }
            numbers = self.baton.sleep(numbers, seat);
        }
    }
}

/// What one holder wrote, the next one sees; two never hold it at once.
fn hand_over_between_two_workers() -> Model {
    Model::new("hand_over_between_two_workers", "P4", 2).iterations(9).reaches(&[]).scenario(|| {
        let shard = Shard::new();
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
    let shard = Shard::new();
    {
        let shard = Arc::clone(&shard);
        thread::spawn(move || shard.submit(1));
    }
    shard.work(1);
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
            let shard = Shard::new();
            let workers: Vec<_> = (0..2)
                .map(|_| {
                    let shard = Arc::clone(&shard);
                    thread::spawn(move || shard.work(1))
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
    let shard = Shard::new();
    for _ in 0..2 {
        let shard = Arc::clone(&shard);
        thread::spawn(move || shard.work_once(&Seat::default()));
    }
    shard.submit(0);
    shard.submit(1);
}

/// Two workers that look once whether they have been woken, before they sleep: a wake that they saw does not count again.
fn who_polls_is_woken_like_who_sleeps() -> Model {
    Model::new("who_polls_is_woken_like_who_sleeps", "P5", 3)
        .iterations(92_916)
        .reaches(&["rung while polling", "rung before sleep", "slept", "no wake needed"])
        .scenario(|| {
            let shard = Shard::new();
            for _ in 0..2 {
                let shard = Arc::clone(&shard);
                thread::spawn(move || shard.work_once(&Seat::new(1)));
            }
            shard.submit(0);
            shard.submit(1);
        })
}

/// One worker that polls twice, and takes one item after the other.
fn one_polls_again_and_again() -> Model {
    Model::new("one_polls_again_and_again", "P5", 2)
        .iterations(521)
        .reaches(&["rung while polling", "rung before sleep", "slept", "no wake needed"])
        .scenario(|| {
            let shard = Shard::new();
            let worker = {
                let shard = Arc::clone(&shard);
                thread::spawn(move || {
                    let seat = Seat::new(2);
                    (0..2).for_each(|_| shard.work_once(&seat));
                })
            };
            (0..2).for_each(|number| shard.submit(number));
            worker.join().unwrap();
        })
}

/// Two submitters, one item each, and two workers that each take one: the same without an order between the
/// submits.
fn two_sleepers_and_two_submitters() -> Model {
    Model::new("two_sleepers_and_two_submitters", "P5", 4)
        .iterations(161_531)
        .reaches(&["slept", "rung before sleep", "no wake needed", "arrived while settling"])
        .bounded(5)
        .scenario(|| {
            let shard = Shard::new();
            for _ in 0..2 {
                let shard = Arc::clone(&shard);
                thread::spawn(move || shard.work_once(&Seat::default()));
            }
            {
                let shard = Arc::clone(&shard);
                thread::spawn(move || shard.submit(0));
            }
            shard.submit(1);
        })
}

/// An item that is due later, and a worker or two that each take one item and never come back. Nobody else wakes them: one
/// has to look by itself, when it is due.
fn a_sleeper_looks_out() -> Model {
    Model::new("a_sleeper_looks_out", "P5 P10", 3)
        .iterations(41_855)
        .reaches(&["on the lookout", "woken to look out", "gave up", "got up by itself"])
        .scenario(|| {
            let shard = Shard::new();
            for _ in 0..2 {
                let shard = Arc::clone(&shard);
                thread::spawn(move || shard.work_once(&Seat::default()));
            }
            shard.submit(LATER);
            shard.submit(LATER + 1);
        })
}

/// Two items that are due later, one of them never; it comes first, so a worker may sleep for ever when the other comes.
fn who_looks_out_is_woken_for_what_is_sooner() -> Model {
    Model::new("who_looks_out_is_woken_for_what_is_sooner", "P10", 2)
        .iterations(132)
        .reaches(&["on the lookout", "woken to look out", "slept", "gave up"])
        .scenario(|| {
            let shard = Shard::new();
            let worker = {
                let shard = Arc::clone(&shard);
                thread::spawn(move || shard.work_once(&Seat::default()))
            };
            shard.submit(FAR);
            shard.submit(LATER);
            worker.join().unwrap();
        })
}

/// The worker that looks out is woken for an item, which takes until the one that is due has been run: so the other worker
/// has to look out instead.
fn somebody_looks_out_while_another_runs() -> Model {
    Model::new("somebody_looks_out_while_another_runs", "P5 P10", 3)
        .iterations(10_948)
        .reaches(&["on the lookout", "woken for an item", "gave up", "got up by itself"])
        .scenario(|| {
            let shard = Shard::new();
            shard.submit(LATER);
            late_while_another_runs(&shard);
            shard.submit(1);
        })
}

/// The same, where the first sleeps before it knows of anything: who looks out lies down after it, and is woken after it all
/// the same; or, if it is woken, nobody believes any more that it looks out.
fn who_looks_out_is_woken_last() -> Model {
    Model::new("who_looks_out_is_woken_last", "P5 P10", 3)
        .iterations(2_113)
        .bounded(3)
        .reaches(&["on the lookout", "woken to look out", "woken for an item", "gave up"])
        .scenario(|| {
            let shard = Shard::new();
            shard.baton.take_up().looks = 3;
            late_while_another_runs(&shard);
            shard.submit(LATER);
            shard.submit(1);
        })
}

/// Two workers that take one item each. What is not late takes until what is late has run.
fn late_while_another_runs(shard: &Arc<Shard>) {
    let due_has_run = Arc::new(Bell::new());
    for _ in 0..2 {
        let (shard, due_has_run) = (Arc::clone(shard), Arc::clone(&due_has_run));
        thread::spawn(move || {
            let seat = Seat::default();
            let mut numbers = shard.baton.take_up();
            let number = loop {
                match numbers.look() {
                    Some(number) => break number,
                    None => numbers = shard.baton.sleep(numbers, &seat),
                }
            };
            drop(numbers);
            if number >= LATER {
                due_has_run.ring();
            } else {
                due_has_run.wait();
            }
        });
    }
}

/// One worker, whose sleep ends by itself while it is being woken: its bell may ring late, and wakes it once more for
/// nothing. Whatever comes afterwards finds it asleep or up.
fn due_against_submit() -> Model {
    Model::new("due_against_submit", "P5 P10", 2)
        .iterations(20_841)
        .reaches(&["got up by itself", "gave up", "woken in time", "woken for an item", "rung before sleep"])
        .scenario(|| {
            let shard = Shard::new();
            let worker = {
                let shard = Arc::clone(&shard);
                thread::spawn(move || {
                    // One seat: a bell that rings late is heard at the next sleep.
                    let seat = Seat::default();
                    for _ in 0..3 {
                        shard.work_once(&seat);
                    }
                })
            };
            shard.submit(LATER);
            shard.submit(1);
            shard.submit(2);
            worker.join().unwrap();
        })
}
