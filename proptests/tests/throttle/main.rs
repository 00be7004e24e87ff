//! The real throttle does, operation by operation, what the model says: D8.
//!
//! One thread: who waits is a future, polled when it is woken and not before, so a grant that nobody was told of is
//! seen. Calls from inside wakers are made as well.

mod real;

use keylane_proptests::Limits;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use real::Real;

struct Machine;

/// Something to do to a throttle. Whom it is done to is a number, taken modulo how many there are.
#[derive(Clone, Debug)]
pub enum Op {
    /// Do not wait.
    Try(u64),
    /// Begin to wait; when woken, try to have so much more.
    Arrive(u64, Option<u64>),
    /// With a time limit of zero: it gives up at once if it has to wait.
    Timeout(u64),
    /// Drop a permit.
    Release(usize),
    /// Drop a future, woken or not.
    Cancel(usize),
    /// Poll a future that has not been woken, with a new waker.
    PollAgain(usize),
    /// Other limits.
    SetLimits(Limits),
    /// Refuse everybody.
    Close,
}

fn bytes() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..8_u64, 1 => 8..20_u64, 1 => Just(u64::MAX), 1 => Just(u64::MAX - 3)]
}

fn limits() -> impl Strategy<Value = Limits> {
    let count = prop_oneof![2 => Just(None), 6 => (0..5_u64).prop_map(Some), 1 => Just(Some(u64::MAX))];
    let bytes = prop_oneof![2 => Just(None), 6 => (0..16_u64).prop_map(Some), 1 => Just(Some(u64::MAX))];
    (count, bytes).prop_map(|(count, bytes)| Limits { count, bytes })
}

impl ReferenceStateMachine for Machine {
    type State = Limits;
    type Transition = Op;

    fn init_state() -> BoxedStrategy<Limits> {
        limits().boxed()
    }

    fn transitions(_: &Limits) -> BoxedStrategy<Op> {
        prop_oneof![
            20 => bytes().prop_map(Op::Try),
            30 => (bytes(), prop::option::weighted(0.2, bytes())).prop_map(|(bytes, then)| Op::Arrive(bytes, then)),
            5 => bytes().prop_map(Op::Timeout),
            30 => any::<usize>().prop_map(Op::Release),
            10 => any::<usize>().prop_map(Op::Cancel),
            5 => any::<usize>().prop_map(Op::PollAgain),
            8 => limits().prop_map(Op::SetLimits),
            1 => Just(Op::Close),
        ]
        .boxed()
    }

    fn apply(limits: Limits, _: &Op) -> Limits {
        limits
    }
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Real;
    type Reference = Self;

    fn init_test(limits: &Limits) -> Real {
        Real::new(*limits)
    }

    fn apply(mut real: Real, _: &Limits, op: Op) -> Real {
        real.act(&op);
        real.check();
        real
    }

    fn teardown(real: Real, _: Limits) {
        real.end();
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        max_shrink_iters: if std::env::var_os("KEYLANE_MUTANT").is_some() { 0 } else { 20_000 },
        // A program that breaks a mutant is no regression.
        failure_persistence: match std::env::var_os("KEYLANE_MUTANT") {
            Some(_) => None,
            None => Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/throttle.txt"
        )))),
        },
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_throttle_does_what_the_model_says(sequential 1..80 => Machine);
}
