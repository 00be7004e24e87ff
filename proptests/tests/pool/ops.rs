//! What can be done to a pool, from outside and from inside its handlers: one small language for both.

use keylane::Stop;
use proptest::prelude::*;

/// What items are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u8);

/// Keys in use. A few for each shard: what matters is how they meet.
pub const KEYS: u8 = 7;
/// The most shards, and the most workers of a shard.
pub const SHARDS: usize = 3;
pub const THREADS: usize = 2;

/// Something to do to a pool.
#[derive(Clone, Debug)]
pub enum Op {
    Submit(Order),
    /// In front of the others.
    SubmitFront(Order),
    /// Several of one key at once.
    SubmitBatch {
        key: Key,
        front: bool,
        scripts: Vec<Vec<Op>>,
    },
    Remove(Key),
    DrainKey(Key),
    /// Keep the key beyond the end of the handler. Only in scripts.
    Hold,
    /// Let go of a key that is held, one of them.
    Release(usize),
    /// Put an item back, in front of the others, by who holds the key.
    PutBack(usize),
    /// Step one of the workers; in a handler, another worker runs something at the same time.
    Step(usize),
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
    /// What its handler does.
    pub script: Vec<Op>,
}

/// A transition of the machine.
pub fn op() -> BoxedStrategy<Op> {
    prop_oneof![
        25 => submit(2),
        10 => submit_otherwise(2),
        30 => step(),
        2 => (0..KEYS).prop_map(|key| Op::Remove(Key(key))),
        2 => (0..KEYS).prop_map(|key| Op::DrainKey(Key(key))),
        8 => (0..4_usize).prop_map(Op::Release),
        3 => (0..4_usize).prop_map(Op::PutBack),
        3 => Just(Op::Pause),
        5 => Just(Op::Resume),
        2 => Just(Op::Drain),
        1 => stop().prop_map(Op::Shutdown),
    ]
    .boxed()
}

fn submit(depth: u32) -> impl Strategy<Value = Op> {
    ((0..KEYS).prop_map(Key), script(depth)).prop_map(|(key, script)| Op::Submit(Order { key, script }))
}

fn submit_otherwise(depth: u32) -> impl Strategy<Value = Op> {
    let key = || (0..KEYS).prop_map(Key);
    let front = (key(), script(depth)).prop_map(|(key, script)| Op::SubmitFront(Order { key, script }));
    let scripts = prop::collection::vec(script(depth), 0..4);
    let batch = (key(), any::<bool>(), scripts).prop_map(|(key, front, scripts)| Op::SubmitBatch {
        key,
        front,
        scripts,
    });
    prop_oneof![front, batch]
}

fn step() -> impl Strategy<Value = Op> {
    (0..SHARDS * THREADS).prop_map(Op::Step)
}

fn script(depth: u32) -> BoxedStrategy<Vec<Op>> {
    let Some(below) = depth.checked_sub(1) else {
        return Just(Vec::new()).boxed();
    };
    let inside = prop_oneof![
        10 => submit(below),
        5 => submit_otherwise(below),
        10 => step(),
        6 => Just(Op::Hold),
        2 => (0..4_usize).prop_map(Op::Release),
        1 => (0..4_usize).prop_map(Op::PutBack),
        1 => (0..KEYS).prop_map(|key| Op::Remove(Key(key))),
        1 => (0..KEYS).prop_map(|key| Op::DrainKey(Key(key))),
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
