//! Is each interleaving a behaviour of the specification? The plans of `specs/traces/`, small, with loom's threads: what they
//! write down is said over again as actions, and the functions of `specs/twin/` follow it, with all laws.

#[path = "../../../specs/traces/src/baton/mod.rs"]
mod baton;
#[path = "../../../specs/traces/src/gate.rs"]
mod gate;
#[path = "../../../specs/traces/src/inbox.rs"]
mod inbox;
#[path = "../../../specs/traces/src/note.rs"]
mod note;
#[path = "../../../specs/traces/src/pace.rs"]
mod pace;
#[path = "../../../specs/traces/src/pool/mod.rs"]
mod pool;
#[path = "../../../specs/traces/src/queue.rs"]
mod queue;
#[path = "../../../specs/traces/src/trace.rs"]
mod trace;

/// See `specs/traces/src/threads.rs`.
mod threads {
    pub use loom::thread::{JoinHandle, spawn};

    pub const SIMULATED: bool = true;
}

use anyhow::Result;
use keylane::Stop;
use keylane_twin::protocol::Protocol;

use crate::harness::Model;
use trace::Trace;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    let mut models = Vec::new();
    for messages in [1, 2] {
        let plan = inbox::Plan { producers: 1, messages };
        models.push(follows(&format!("inbox1{messages}"), "D1 D2 D11", 3, move || plan.tell(plan.run(0))));
    }
    let plan = inbox::Plan { producers: 2, messages: 1 };
    models.push(follows(&format!("inbox2"), "D1 D2 D11", 3, move || plan.tell(plan.run(0))));

    let one = gate::Plan { sessions: 1, messages: 2, epochs: 1, groups: 0, publishers: 1, ends: true };
    models.push(follows("gate_with_a_publisher_and_a_stop", "E1 E2 E4 E5", 3, move || one.tell(one.run(1))));
    let groups = gate::Plan { groups: 1, ends: false, ..one };
    models.push(follows("gate_with_a_group", "E1 E2 E4", 3, move || groups.tell(groups.run(1))));
    let groups = gate::Plan { groups: 1, ends: true, ..one };
    models.push(follows("gate_with_a_group_ends", "E1 E2 E4", 3, move || groups.tell(groups.run(1))));
    let groups = gate::Plan { sessions: 2, messages: 1, ..one };
    models.push(follows("gate_with_2", "E1 E2 E4", 3, move || groups.tell(groups.run(1))));

    let plain = baton::Plan { workers: 1, keys: 1, submitters: 1, items: 1, pauses: 0, stops_paused: false };
    for (n, p) in [
        plain,
        baton::Plan { submitters: 0, workers: 2, ..plain },
        baton::Plan { submitters: 0, pauses: 1, workers: 1, ..plain },
        baton::Plan { submitters: 0, pauses: 1, workers: 2, ..plain },
        baton::Plan { pauses: 1, ..plain },
        baton::Plan { pauses: 1, stops_paused: true, ..plain },
        baton::Plan { workers: 2, ..plain },
    ]
    .into_iter()
    .enumerate()
    {
        models.push(follows(&format!("baton{n}"), "P5 P8", 3, move || p.tell(p.run(0))));
    }
    let plain = queue::Plan {
        connections: 1,
        messages: 1,
        locals: 0,
        priorities: 1,
        fast: false,
        ordered: false,
        limit: 0,
        resets: false,
        discards: false,
        stop: Stop::HandBack,
    };
    for (n, p) in [
        plain,
        queue::Plan { connections: 0, locals: 1, ..plain },
        queue::Plan { stop: Stop::RunRemaining, ..plain },
        queue::Plan { fast: true, ordered: true, ..plain },
        queue::Plan { limit: 1, messages: 2, ..plain },
        queue::Plan { messages: 2, resets: true, ..plain },
    ]
    .into_iter()
    .enumerate()
    {
        models.push(follows(&format!("queue{n}"), "P5 P8", 3, move || p.tell(p.run(0))));
    }
    let plain = pool::Plan {
        shards: 1,
        workers: 1,
        keys: 1,
        submitters: 1,
        items: 1,
        children: 0,
        commits: 0,
        removals: 0,
        pausers: 0,
        drainers: 0,
        stop: Stop::RunRemaining,
    };
    for (n, p) in [
        plain,
        pool::Plan { stop: Stop::HandBack, ..plain },
        pool::Plan { children: 1, ..plain },
        pool::Plan { submitters: 0, commits: 1, removals: 1, ..plain },
        pool::Plan { drainers: 1, ..plain },
        pool::Plan { pausers: 1, ..plain },
        pool::Plan { submitters: 0, pausers: 1, ..plain },
        pool::Plan { submitters: 0, drainers: 1, ..plain },
    ]
    .into_iter()
    .enumerate()
    {
        models.push(follows(&format!("pool{n}"), "P5 P8", 3, move || p.tell(p.run(0))));
    }
    models
}

/// Each interleaving of what `run` runs is what it says, and a behaviour of that.
fn follows<P: Protocol>(
    name: &str,
    guarantees: &'static str,
    threads: usize,
    run: impl Fn() -> Result<Trace<P>> + Send + Sync + 'static,
) -> Model {
    Model::new(format!("traces.{name}"), guarantees, threads).scenario(move || {
        let trace = run().unwrap_or_else(|fault| panic!("{fault:#}"));
        if let Err(rejected) = trace.replay() {
            panic!("{:#?}\n{rejected}", &trace.actions[..rejected.after]);
        }
    })
}
