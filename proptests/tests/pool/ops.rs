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
        30 => submit(2),
        30 => step(),
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

fn step() -> impl Strategy<Value = Op> {
    (0..SHARDS * THREADS).prop_map(Op::Step)
}

fn script(depth: u32) -> BoxedStrategy<Vec<Op>> {
    let Some(below) = depth.checked_sub(1) else {
        return Just(Vec::new()).boxed();
    };
    let inside = prop_oneof![
        10 => submit(below),
        10 => step(),
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
