//! What can be done to a pool, from outside and from inside its handlers: one small language for both.

use core::time::Duration;

use keylane::{Class, OnItemPanic, Overtakes, Stop};
use proptest::prelude::*;

use crate::chooser::Chooser;

/// What items are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u8);

/// Keys in use. A few for each shard: what matters is how they meet.
pub const KEYS: u8 = 7;
/// Classes in use, from 0.
pub const CLASSES: u8 = 4;
/// The most shards, and the most workers of a shard.
pub const SHARDS: usize = 3;
pub const THREADS: usize = 2;

/// Something to do to a pool.
#[derive(Clone, Debug)]
pub enum Op {
    Submit(Order),
    /// In front of the others.
    SubmitFront(Order),
    /// After so many seconds.
    SubmitAfter(u32, Order),
    /// Several of one key at once.
    SubmitBatch {
        key: Key,
        front: bool,
        jobs: Vec<Job>,
    },
    Remove(Key),
    DrainKey(Key),
    /// Keep the key beyond the end of the handler. Only in scripts.
    Hold,
    /// Let go of a key that is held, one of them.
    Release(usize),
    /// Put an item back, in front of the others, by who holds the key.
    PutBack(usize, Class),
    /// Let a poisoned key go on.
    Heal(Key),
    /// Step one of the workers; in a handler, another worker runs something at the same time.
    Step(usize),
    /// The clock moves on by so many seconds.
    Advance(u32),
    SetScheduler(Chooser),
    Pause,
    /// Drop a pause guard.
    Resume,
    Drain,
    Shutdown(Stop),
    /// Unwind out of the handler. Only in scripts.
    Panic,
}

/// An item to be.
#[derive(Clone, Debug)]
pub struct Order {
    pub key: Key,
    pub job: Job,
}

/// What an item is.
#[derive(Clone, Debug)]
pub struct Job {
    pub class: Class,
    /// What its handler does.
    pub script: Vec<Op>,
}

/// Times are whole numbers of it.
pub const fn second() -> Duration {
    Duration::from_secs(1)
}

thread_local! {
    /// Made once: it is asked for at each operation, and takes longer to make than to use.
    static OP: BoxedStrategy<Op> = any_op();
}

/// A transition of the machine.
pub fn op() -> BoxedStrategy<Op> {
    OP.with(BoxedStrategy::clone)
}

fn any_op() -> BoxedStrategy<Op> {
    prop_oneof![
        25 => submit(2),
        10 => submit_otherwise(2),
        8 => submit_after(2),
        30 => step(),
        8 => advance(),
        2 => key().prop_map(Op::Remove),
        2 => key().prop_map(Op::DrainKey),
        8 => (0..4_usize).prop_map(Op::Release),
        3 => put_back(),
        3 => key().prop_map(Op::Heal),
        2 => chooser().prop_map(Op::SetScheduler),
        3 => Just(Op::Pause),
        5 => Just(Op::Resume),
        2 => Just(Op::Drain),
        1 => stop().prop_map(Op::Shutdown),
    ]
    .boxed()
}

fn key() -> impl Strategy<Value = Key> {
    (0..KEYS).prop_map(Key)
}

/// Half of all items are of class 0.
fn class() -> impl Strategy<Value = Class> {
    prop_oneof![Just(Class(0)), (0..CLASSES).prop_map(Class)]
}

fn job(depth: u32) -> impl Strategy<Value = Job> {
    (class(), script(depth)).prop_map(|(class, script)| Job { class, script })
}

fn order(depth: u32) -> impl Strategy<Value = Order> {
    (key(), job(depth)).prop_map(|(key, job)| Order { key, job })
}

fn submit(depth: u32) -> impl Strategy<Value = Op> {
    order(depth).prop_map(Op::Submit)
}

fn submit_after(depth: u32) -> impl Strategy<Value = Op> {
    (0..5_u32, order(depth)).prop_map(|(seconds, order)| Op::SubmitAfter(seconds, order))
}

fn submit_otherwise(depth: u32) -> impl Strategy<Value = Op> {
    let front = order(depth).prop_map(Op::SubmitFront);
    let jobs = prop::collection::vec(job(depth), 0..4);
    let batch =
        (key(), any::<bool>(), jobs).prop_map(|(key, front, jobs)| Op::SubmitBatch { key, front, jobs });
    prop_oneof![front, batch]
}

fn put_back() -> impl Strategy<Value = Op> {
    (0..4_usize, class()).prop_map(|(number, class)| Op::PutBack(number, class))
}

fn step() -> impl Strategy<Value = Op> {
    (0..SHARDS * THREADS).prop_map(Op::Step)
}

fn advance() -> impl Strategy<Value = Op> {
    (1..4_u32).prop_map(Op::Advance)
}

fn script(depth: u32) -> BoxedStrategy<Vec<Op>> {
    let Some(below) = depth.checked_sub(1) else {
        // An item whose handler does nothing else may still panic.
        return prop_oneof![9 => Just(Vec::new()), 1 => Just(vec![Op::Panic])].boxed();
    };
    let inside = prop_oneof![
        10 => submit(below),
        5 => submit_otherwise(below),
        3 => submit_after(below),
        10 => step(),
        2 => advance(),
        6 => Just(Op::Hold),
        2 => (0..4_usize).prop_map(Op::Release),
        1 => put_back(),
        1 => key().prop_map(Op::Heal),
        1 => chooser().prop_map(Op::SetScheduler),
        1 => key().prop_map(Op::Remove),
        1 => key().prop_map(Op::DrainKey),
        3 => Just(Op::Panic),
        1 => Just(Op::Pause),
        1 => Just(Op::Drain),
        1 => stop().prop_map(Op::Shutdown),
    ];
    prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(inside, 1..4)].boxed()
}

fn stop() -> impl Strategy<Value = Stop> {
    prop_oneof![Just(Stop::RunRemaining), Just(Stop::HandBack)]
}

/// Which scheduler a pool has.
pub fn chooser() -> impl Strategy<Value = Chooser> {
    let ranked =
        (0..CLASSES, any::<bool>()).prop_map(|(merged, rations)| Chooser::Ranked { merged, rations });
    prop_oneof![1 => Just(Chooser::Fifo), 3 => ranked]
}

/// How often a class may be passed over.
pub fn passes() -> impl Strategy<Value = Overtakes> {
    prop_oneof![3 => (0..4_u64).prop_map(Overtakes::AtMost), 1 => Just(Overtakes::Unbounded)]
}

/// What a panic does. (That a thread ends is for threads.)
pub fn on_panic() -> impl Strategy<Value = OnItemPanic> {
    prop_oneof![
        3 => Just(OnItemPanic::Isolate),
        3 => Just(OnItemPanic::PoisonKey),
        1 => Just(OnItemPanic::Stop),
    ]
}
