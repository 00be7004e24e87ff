//! The real gate does, operation by operation, what the model allows: E1-E5.

#[path = "../judged/mod.rs"]
mod judged;
mod ops;
mod real;
mod twin;

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use ops::Op;
use real::Real;

struct Machine;

impl ReferenceStateMachine for Machine {
    /// The gate chooses which session is delivered first, so the model follows it: see `Real`.
    type State = ();
    type Transition = Op;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions((): &()) -> BoxedStrategy<Op> {
        ops::op()
    }

    fn apply((): (), _: &Op) {}
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Arc<Real>;
    type Reference = Self;

    fn init_test((): &()) -> Arc<Real> {
        Real::new()
    }

    fn apply(real: Arc<Real>, (): &(), op: Op) -> Arc<Real> {
        real.do_alone(&op);
        real
    }

    fn teardown(real: Arc<Real>, (): ()) {
        real.end();
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        // Shrinking asks for a small program, not for the smallest.
        max_shrink_iters: if std::env::var_os("KEYLANE_MUTANT").is_some() { 0 } else { 20_000 },
        // A program that breaks a mutant is no regression.
        failure_persistence: match std::env::var_os("KEYLANE_MUTANT") {
            Some(_) => None,
            None => Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/gate.txt"
        )))),
        },
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_gate_does_what_the_model_allows(sequential 1..60 => Machine);
}
