//! Is each interleaving a behaviour of the specification? The plans of `specs/traces/`, small, with loom's threads: what they
//! write down is said over again as actions, and the functions of `specs/twin/` follow it, with all laws.

extern crate keylane_loom as keylane;
// Half of a search's time.
use keylane_loom_stacks as _;

#[path = "../../traces/src/baton/mod.rs"]
mod baton;
#[path = "../../traces/src/gate.rs"]
mod gate;
#[path = "../../traces/src/inbox.rs"]
mod inbox;
#[path = "../../traces/src/note.rs"]
mod note;
#[path = "../../traces/src/pace.rs"]
mod pace;
#[path = "../../traces/src/pool/mod.rs"]
mod pool;
#[path = "../../traces/src/queue.rs"]
mod queue;
#[allow(dead_code, reason = "nothing is written to files here")]
#[path = "../../traces/src/trace.rs"]
mod trace;

/// See `specs/traces/src/threads.rs`.
mod threads {
    pub use loom::thread::spawn;

    pub const SIMULATED: bool = true;
}

use anyhow::Result;
use keylane::Stop;
use keylane::testing::Model;
use keylane_twin::protocol::AtRest;
use libtest_mimic::{Arguments, Trial};
use trace::Trace;

const GATE: gate::Plan =
    gate::Plan { sessions: 1, messages: 2, epochs: 1, groups: 0, publishers: 1, ends: true };

const QUEUE: queue::Plan =
    queue::Plan { connections: 1, messages: 1, stop: Stop::HandBack, ..queue::Plan::NONE };

const BATON: baton::Plan =
    baton::Plan { workers: 1, keys: 1, submitters: 1, items: 1, pauses: 0, stops_paused: false };

const POOL: pool::Plan = pool::Plan { submitters: 1, items: 1, ..pool::Plan::NONE };

fn models() -> Vec<Model> {
    let inbox = |producers, messages| {
        let plan = inbox::Plan { producers, messages };
        move || plan.tell(plan.run(0))
    };
    let gate = |plan: gate::Plan| move || plan.tell(plan.run(1));
    let queue = |seed, plan: queue::Plan| move || plan.tell(plan.run(seed));
    let baton = |plan: baton::Plan| move || plan.tell(plan.run(0));
    let pool = |seed, plan: pool::Plan| move || plan.tell(plan.run(seed));
    vec![
        follows("inbox_one_producer", "D1 D2 D11", 3, inbox(1, 2)).iterations(23_111),
        follows("inbox_two_producers", "D1 D2 D11", 4, inbox(2, 1)).bounded(3).iterations(10_952),
        follows("gate_publish_and_stop", "E1 E2 E4 E5", 3, gate(GATE)).iterations(1_354),
        follows("gate_group", "E1 E2 E4", 3, gate(gate::Plan { groups: 1, ends: false, ..GATE }))
            .iterations(8_189),
        follows("gate_group_and_stop", "E1 E2 E4 E5", 3, gate(gate::Plan { groups: 1, ..GATE }))
            .iterations(52_893),
        follows("baton_item", "P5 P8", 3, baton(BATON)).iterations(24_682),
        follows(
            "baton_stop_in_a_pause",
            "P5 P6 P8",
            3,
            baton(baton::Plan { pauses: 1, stops_paused: true, ..BATON }),
        )
        .iterations(36_336),
        follows("baton_pause", "P5 P6 P8", 3, baton(baton::Plan { pauses: 1, ..BATON }))
            .bounded(4)
            .iterations(11_195),
        follows("baton_two_workers", "P5 P8", 4, baton(baton::Plan { workers: 2, ..BATON }))
            .bounded(3)
            .iterations(45_128),
        follows("pool_hand_back", "P1 P8", 3, pool(0, pool::Plan { stop: Stop::HandBack, ..POOL }))
            .iterations(24_622),
        follows("pool_child", "P1 P2 P8", 3, pool(2, pool::Plan { children: 2, ..POOL })).iterations(39_157),
        follows(
            "pool_commit_and_removal",
            "P1 P8 P9 P11",
            3,
            pool(0, pool::Plan { submitters: 0, commits: 1, removals: 1, ..POOL }),
        )
        .iterations(73_677),
        follows("pool_pause", "P6 P8", 3, pool(0, pool::Plan { submitters: 0, pausers: 1, ..POOL }))
            .iterations(47_424),
        follows("pool_drain", "P7 P8", 4, pool(2, pool::Plan { drainers: 1, children: 1, ..POOL }))
            .bounded(3)
            .iterations(62_623),
        follows("queue_back", "D1 D2 D10 D11", 3, queue(0, QUEUE)).iterations(273_397),
        follows("queue_run", "D1 D2 D10 D11", 3, queue(0, queue::Plan { stop: Stop::RunRemaining, ..QUEUE }))
            .bounded(4)
            .iterations(4_619),
        follows("queue_fast", "D1 D5 D10", 3, queue(0, queue::Plan { fast: true, ..QUEUE }))
            .iterations(27_708),
        follows(
            "queue_ordered",
            "D1 D5 D10",
            3,
            queue(3, queue::Plan { fast: true, ordered: true, messages: 2, ..QUEUE }),
        )
        .bounded(4)
        .iterations(8_361),
        follows("queue_limit", "D1 D8 D10", 3, queue(0, queue::Plan { limit: 1, messages: 2, ..QUEUE }))
            .bounded(4)
            .iterations(35_036),
        follows("queue_reset", "D1 D7 D9", 3, queue(0, queue::Plan { resets: true, ..QUEUE }))
            .bounded(4)
            .iterations(17_815),
        follows("queue_discard", "D1 D7", 3, queue(0, queue::Plan { discards: true, ..QUEUE }))
            .bounded(4)
            .iterations(6_548),
        follows(
            "queue_to_oneself",
            "D1 D6 D10",
            4,
            queue(0, queue::Plan { connections: 0, locals: 1, ..QUEUE }),
        )
        .bounded(3)
        .iterations(25_678),
    ]
}

/// Each interleaving of what `run` runs is what it says, a behaviour of that, and comes to its end.
fn follows<P: AtRest>(
    name: &str,
    guarantees: &'static str,
    threads: usize,
    run: impl Fn() -> Result<Trace<P>> + Send + Sync + 'static,
) -> Model {
    Model::new(name, guarantees, threads).scenario(move || {
        let trace = run().unwrap_or_else(|fault| panic!("{fault:#}"));
        if let Err(rejected) = trace.replay() {
            panic!("{:#?}\n{rejected}", &trace.actions[..rejected.after]);
        }
        assert_eq!(trace.ends_well(), Ok(()), "it stops too early: {:#?}", trace.actions);
    })
}

fn main() {
    let explored = models().into_iter().map(|model| {
        Trial::test(model.name().to_owned(), move || {
            model.check();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), explored.collect()).exit();
}
