//! What can be done to a gate, from outside and from inside its callbacks: one small language for both.

use proptest::prelude::*;

/// Sessions in use at a time.
pub const SLOTS: usize = 3;
/// Groups in use.
pub const GROUPS: u8 = 3;

/// Something to do to a gate.
#[derive(Clone, Debug)]
pub enum Op {
    /// Open a session, and drop the one that was there.
    Open(usize),
    /// Drop a session.
    Close(usize),
    Arrive(usize, Letter),
    Reset(usize),
    /// Publish the epoch that is so far from the newest one.
    Publish(i64),
    /// A group is there, and the gate is told.
    Appear(u8),
    /// It is gone again.
    Vanish(u8),
    Stop,
    /// Unwind out of the callback. Only in scripts.
    Panic,
}

/// A message to be.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The epoch it needs, from the newest one on.
    pub needs: i64,
    pub group: u8,
    /// Whether its callback looks for the group before it carries out the script, or after.
    pub looks_first: bool,
    /// What its callback does, in its first turn.
    pub script: Vec<Op>,
}

/// A transition of the machine.
pub fn op() -> BoxedStrategy<Op> {
    prop_oneof![
        6 => slot().prop_map(Op::Open),
        2 => slot().prop_map(Op::Close),
        30 => arrive(2),
        2 => slot().prop_map(Op::Reset),
        12 => (-1..3_i64).prop_map(Op::Publish),
        8 => group().prop_map(Op::Appear),
        4 => group().prop_map(Op::Vanish),
        1 => Just(Op::Stop),
    ]
    .boxed()
}

fn arrive(depth: u32) -> impl Strategy<Value = Op> {
    let letter = (-1..3_i64, group(), any::<bool>(), script(depth));
    let letter =
        letter.prop_map(|(needs, group, looks_first, script)| Letter { needs, group, looks_first, script });
    (slot(), letter).prop_map(|(slot, letter)| Op::Arrive(slot, letter))
}

fn script(depth: u32) -> BoxedStrategy<Vec<Op>> {
    let Some(below) = depth.checked_sub(1) else {
        return Just(Vec::new()).boxed();
    };
    let inside = prop_oneof![
        10 => arrive(below),
        3 => slot().prop_map(Op::Open),
        2 => slot().prop_map(Op::Close),
        2 => slot().prop_map(Op::Reset),
        8 => (-1..3_i64).prop_map(Op::Publish),
        8 => group().prop_map(Op::Appear),
        4 => group().prop_map(Op::Vanish),
        1 => Just(Op::Stop),
        2 => Just(Op::Panic),
    ];
    prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(inside, 1..4)].boxed()
}

fn slot() -> impl Strategy<Value = usize> {
    0..SLOTS
}

fn group() -> impl Strategy<Value = u8> {
    0..GROUPS
}
