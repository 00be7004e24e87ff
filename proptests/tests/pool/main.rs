//! The real pool does, operation by operation, what the model allows: P1-P3, P6-P10, P12 as far as it can be
//! stepped, keys take turns, and classes go as the scheduler says.

mod chooser;
mod drain;
#[path = "../judged/mod.rs"]
mod judged;
mod ops;
mod real;
mod regressions;
mod submits;
mod twin;

use std::collections::BTreeMap;
use std::sync::Arc;

use keylane::{Handler, Lease, OnItemPanic, Overtakes, ShardedThreadPool, Step};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use chooser::Chooser;
use ops::{KEYS, Key, Op, SHARDS, THREADS};
use real::Real;

struct Machine;

/// What is fixed for a history. The pool chooses what runs next, so the model follows the real pool instead
/// of going ahead of it: see `Real`.
#[derive(Clone, Debug)]
struct Plan {
    shards: usize,
    threads_per_shard: usize,
    chooser: Chooser,
    passes: Overtakes,
    on_panic: OnItemPanic,
    /// Whether it ends by running everything, rather than by handing back.
    ends_well: bool,
}

impl ReferenceStateMachine for Machine {
    type State = Plan;
    type Transition = Op;

    fn init_state() -> BoxedStrategy<Plan> {
        let size = (1..=SHARDS, 1..=THREADS);
        (size, ops::chooser(), ops::passes(), ops::on_panic(), any::<bool>())
            .prop_map(|((shards, threads_per_shard), chooser, passes, on_panic, ends_well)| Plan {
                shards,
                threads_per_shard,
                chooser,
                passes,
                on_panic,
                ends_well,
            })
            .boxed()
    }

    fn transitions(_: &Plan) -> BoxedStrategy<Op> {
        ops::op()
    }

    fn apply(plan: Plan, _: &Op) -> Plan {
        plan
    }
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Arc<Real>;
    type Reference = Self;

    fn init_test(plan: &Plan) -> Arc<Real> {
        Real::new(plan, placement(plan.shards))
    }

    fn apply(real: Arc<Real>, _: &Plan, op: Op) -> Arc<Real> {
        real.act(&op);
        real.check_drains();
        real
    }

    fn teardown(real: Arc<Real>, plan: Plan) {
        if plan.ends_well {
            real.run_the_rest();
            real.check_drains();
        }
        real.end();
    }
}

/// Where a pool of so many shards puts each key: found by trying, on a pool of its own, since a key has the
/// same shard in every pool of that size.
fn placement(shards: usize) -> BTreeMap<Key, usize> {
    struct Nothing;
    impl Handler for Nothing {
        type Key = Key;
        type Item = ();
        fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, (): ()) {}
    }
    let builder = ShardedThreadPool::builder(Nothing).shards(shards).threads_per_shard(1);
    let (pool, mut workers) = builder.stepped().unwrap();
    let mut shard_of = |key| {
        pool.submit(key, ()).unwrap();
        workers.iter_mut().position(|worker| worker.step() == Step::Ran).expect("one of them has it")
    };
    (0..KEYS).map(|key| (Key(key), shard_of(Key(key)))).collect()
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        // Shrinking asks for a small program, not for the smallest.
        max_shrink_iters: if std::env::var_os("KEYLANE_MUTANT").is_some() { 0 } else { 20_000 },
        // In milliseconds: each step of shrinking a hang takes as long as a hang.
        max_shrink_time: 60_000,
        // A program that breaks a mutant is no regression.
        failure_persistence: match std::env::var_os("KEYLANE_MUTANT") {
            Some(_) => None,
            None => Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/pool.txt"
        )))),
        },
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_pool_does_what_the_model_allows(sequential 1..80 => Machine);
}
