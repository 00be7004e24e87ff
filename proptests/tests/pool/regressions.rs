//! Programs that once found something. They are written down, since a seed names another program as soon as the strategies
//! change.

use keylane::{Class, OnItemPanic, Overtakes, Stop};
use proptest_state_machine::StateMachineTest;

use crate::chooser::Chooser;
use crate::ops::Op::{Drain, Panic, Pause, Resume, Shutdown, Step};
use crate::ops::{Job, Key, Op, Order};
use crate::{Machine, Plan};

fn submit(key: u8, script: Vec<Op>) -> Op {
    Op::Submit(Order { key: Key(key), job: Job { class: Class(0), script } })
}

fn runs(shards: usize, program: Vec<Op>) {
    let plan = Plan {
        shards,
        threads_per_shard: 2,
        chooser: Chooser::Fifo,
        passes: Overtakes::default(),
        on_panic: OnItemPanic::Isolate,
        ends_well: false,
    };
    let real = Machine::init_test(&plan);
    let real = program.into_iter().fold(real, |real, op| Machine::apply(real, &plan, op));
    Machine::teardown(real, plan);
}

/// It said so while the other worker ran a key behind which an item waited.
#[test]
fn a_worker_that_says_stopped_too_early() {
    let mut program = vec![submit(0, vec![]), submit(6, vec![]), submit(6, vec![])];
    program.push(submit(0, vec![submit(0, vec![])]));
    program.extend([Step(0), Step(0), Step(0), submit(3, vec![Step(1)]), Step(0), submit(3, vec![])]);
    program.extend([Resume, Step(0), Shutdown(Stop::RunRemaining), submit(0, vec![]), Step(2)]);
    program.extend([submit(0, vec![]), submit(0, vec![]), submit(0, vec![])]);
    runs(1, program);
}

#[test]
fn a_drain_among_steps_in_handlers() {
    let behind = submit(2, vec![Step(0), submit(2, vec![])]);
    let mut program = vec![Step(0), Step(1), submit(3, vec![]), Step(2)];
    program.extend([submit(2, vec![Step(1), submit(6, vec![])]), Resume, submit(1, vec![])]);
    program.extend([submit(2, vec![submit(5, vec![]), Panic, behind]), Step(0), Drain, Step(2), Resume]);
    program.extend([submit(5, vec![Panic, Step(4)]), submit(6, vec![]), submit(1, vec![]), Step(5)]);
    program.extend([Resume, Step(3), Step(3), Step(1), submit(0, vec![Step(1)]), Pause, Resume, Step(1)]);
    program.extend([Step(4), submit(2, vec![]), Step(0), submit(6, vec![]), Step(1), Step(2), Drain]);
    runs(2, program);
}
