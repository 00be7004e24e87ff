//! What the pools have to do, and whether they have done it.

use std::iter;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// One item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// From 0 on, without gaps.
    pub key: u32,
    /// The how manieth of its key it is, from 0 on.
    pub number: u32,
}

/// Items in the order in which they are submitted: the same for all contenders.
#[derive(Debug)]
pub struct Load {
    /// All of them.
    pub items: Vec<Item>,
    /// How many items each key has.
    pub totals: Vec<u32>,
}

impl Load {
    /// Numbers the items of each of so many keys.
    pub fn new(keys: u32, sequence: impl IntoIterator<Item = u32>) -> Self {
        let mut totals = vec![0; keys as usize];
        let number = |key: u32| {
            let total = &mut totals[key as usize];
            *total += 1;
            Item { key, number: *total - 1 }
        };
        let items = sequence.into_iter().map(number).collect();
        Self { items, totals }
    }
}

/// What every contender does with an item: looks whether it is its turn, and spins.
///
/// One number for each key tells it all. It is the number of the item whose turn it is, so an item that is out of order, runs a
/// second time, or runs beside another of its key finds a wrong one; and the last item of a key is the last that the key runs,
/// so nothing that all threads share is written but for each key's last.
#[derive(Debug)]
pub struct Work {
    keys: Box<[Key]>,
    spins: u64,
    /// Keys that are not done.
    left: AtomicUsize,
    verdict: Sender<Verdict>,
}

/// It has a cache line to itself, as an object of its own would.
#[derive(Debug)]
#[repr(align(64))]
struct Key {
    next: AtomicU32,
    total: u32,
}

/// How it came out.
type Verdict = Result<(), OutOfTurn>;

/// What nobody may do.
#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct OutOfTurn {
    item: Item,
    expected: u32,
}

/// For whoever waits for the work to be done.
#[derive(Debug)]
pub struct Done(Receiver<Verdict>);

impl Done {
    /// Waits until the last item is done.
    ///
    /// # Panics
    /// If an item ran that was not the next of its key.
    pub fn wait(&self) {
        self.0.recv().expect("whoever runs items has the other end").expect("each item once, and in order");
    }
}

impl Work {
    /// Items that spin for so long.
    pub fn new(load: &Load, each: Duration) -> (Self, Done) {
        let key = |total: &u32| Key { next: AtomicU32::new(0), total: *total };
        let left = load.totals.iter().filter(|total| **total > 0).count();
        let (verdict, done) = channel();
        let keys = load.totals.iter().map(key).collect();
        (Self { keys, spins: spins(each), left: AtomicUsize::new(left), verdict }, Done(done))
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Runs an item.
    pub fn run(&self, item: Item) {
        let key = &self.keys[item.key as usize];
        let expected = key.next.load(Ordering::Relaxed);
        spin(self.spins);
        if item.number != expected || key.next.load(Ordering::Relaxed) != expected {
            self.tell(Err(OutOfTurn { item, expected }));
            return;
        }
        key.next.store(expected + 1, Ordering::Relaxed);
        if expected + 1 == key.total && self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.tell(Ok(()));
        }
    }

    /// Looks once more, when no thread is left that could run anything.
    ///
    /// # Panics
    /// If items are missing, or ran after the last one.
    pub fn check(&self, done: &Done) {
        assert!(self.keys.iter().all(|key| key.next.load(Ordering::Relaxed) == key.total), "each item once");
        assert!(done.0.try_recv().is_err(), "nothing runs after the last item");
    }

    fn tell(&self, verdict: Verdict) {
        // Nobody listens any more where something else has gone wrong.
        let _ = self.verdict.send(verdict);
    }
}

/// So many steps, none of which can begin before the one before it has ended, nor be left out.
fn spin(steps: u64) {
    let step = |state: u64| state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
    std::hint::black_box((0..steps).fold(steps, |state, _| std::hint::black_box(step(state))));
}

/// How many steps take so long, on a processor that has nothing else to do.
fn spins(each: Duration) -> u64 {
    static NANOSECONDS: LazyLock<f64> = LazyLock::new(|| {
        const STEPS: u64 = 100_000;
        let time = || {
            let began = Instant::now();
            spin(STEPS);
            began.elapsed()
        };
        let fastest = iter::repeat_with(time).take(30).min().expect("some");
        fastest.as_nanos() as f64 / STEPS as f64
    });
    if each.is_zero() { 0 } else { (each.as_nanos() as f64 / *NANOSECONDS) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two keys, of two items each, run in this order.
    fn run(order: [usize; 4]) {
        let load = Load::new(2, [0, 1, 0, 1]);
        let (work, done) = Work::new(&load, Duration::ZERO);
        order.into_iter().for_each(|place| work.run(load.items[place]));
        done.wait();
        work.check(&done);
    }

    #[test]
    fn keys_may_overtake_each_other() {
        run([0, 1, 2, 3]);
        run([1, 3, 0, 2]);
    }

    #[test]
    #[should_panic(expected = "in order")]
    fn items_of_a_key_may_not() {
        run([0, 3, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "each item once")]
    fn nor_run_twice() {
        run([0, 0, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "after the last item")]
    fn nor_after_the_last() {
        let load = Load::new(1, [0]);
        let (work, done) = Work::new(&load, Duration::ZERO);
        work.run(load.items[0]);
        done.wait();
        work.run(load.items[0]);
        work.check(&done);
    }
}
