//! Is a sampled schedule a behaviour of the specification? The plans of `specs/traces/`, large, with shuttle's threads: what
//! they write down is said over again as actions, and the functions of `specs/twin/` follow it, with all laws.
//!
//! Each function here is one execution. It draws what the plan leaves open, runs it, and fails if the twin does not follow.

#[path = "../../specs/traces/src/baton/mod.rs"]
pub mod baton;
#[path = "../../specs/traces/src/gate.rs"]
pub mod gate;
#[path = "../../specs/traces/src/inbox.rs"]
pub mod inbox;
#[path = "../../specs/traces/src/note.rs"]
mod note;
mod pace;
#[path = "../../specs/traces/src/pool/mod.rs"]
pub mod pool;
#[path = "../../specs/traces/src/queue.rs"]
pub mod queue;
#[path = "../../specs/traces/src/trace.rs"]
mod trace;

/// See `specs/traces/src/threads.rs`.
mod threads {
    pub use shuttle::thread::{JoinHandle, spawn};

    pub const SIMULATED: bool = true;
}

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::Result;
use keylane::Stop;
use keylane_twin::protocol::Protocol;

use crate::threads::below;
use trace::Trace;

std::thread_local! {
    static TAKEN: RefCell<BTreeMap<String, usize>> = const { RefCell::new(BTreeMap::new()) };
}

/// Returns, and forgets, how often each action was taken in what was followed since the last call on this thread.
pub fn taken() -> BTreeMap<String, usize> {
    TAKEN.take()
}

/// With some of what a queue can be told to be. (Not with limits and what discards, both: the specification gives room back in
/// the step that discards, the code in steps after it, and a shutdown may come between.)
pub fn follow_queue() {
    let limit = [0, 0, 1, 2][below(4)];
    let plan = queue::Plan {
        connections: 4,
        messages: 4,
        locals: 3,
        priorities: 2,
        fast: is_so(),
        ordered: is_so(),
        limit,
        resets: limit == 0 && is_so(),
        discards: limit == 0 && is_so(),
        stop: stop(),
    };
    follow(|| plan.tell(plan.run(0)));
}

/// With all of its controls. (Not with commits and drains, both: a drain waits for commits too, which the specification does
/// not know.)
pub fn follow_pool() {
    let commits = [0, 2][below(2)];
    let plan = pool::Plan {
        shards: 2,
        workers: 2,
        keys: 3,
        submitters: 3,
        items: 3,
        children: 1,
        commits,
        removals: 1,
        pausers: 1,
        drainers: u8::from(commits == 0),
        stop: stop(),
    };
    follow(|| plan.tell(plan.run(0)));
}

/// To be stopped, or not.
pub fn follow_gate() {
    let plan = gate::Plan { sessions: 4, messages: 4, epochs: 3, groups: 2, publishers: 3, ends: is_so() };
    follow(|| plan.tell(plan.run(0)));
}

/// With pauses, or without.
pub fn follow_baton() {
    let pauses = [0, 0, 1, 3][below(4)];
    let plan = baton::Plan {
        workers: 4,
        keys: 4,
        submitters: 4,
        items: 3,
        pauses,
        stops_paused: pauses > 0 && is_so(),
    };
    follow(|| plan.tell(plan.run(0)));
}

/// Many who send.
pub fn follow_inbox() {
    let plan = inbox::Plan { producers: 8, messages: 3 };
    follow(|| plan.tell(plan.run(0)));
}

fn is_so() -> bool {
    below(2) == 0
}

fn stop() -> Stop {
    if is_so() { Stop::HandBack } else { Stop::RunRemaining }
}

/// What this schedule has made of it is what the plan says, and a behaviour of that.
fn follow<P: Protocol>(run: impl FnOnce() -> Result<Trace<P>>) {
    let module = P::MODULE;
    let trace = run().unwrap_or_else(|fault| panic!("{module} has no words for it: {fault:#}"));
    if let Err(rejected) = trace.replay() {
        let before = &trace.actions[rejected.after.saturating_sub(30)..rejected.after];
        panic!("it is none of {module}'s: {before:#?}\n{rejected}");
    }
    TAKEN.with_borrow_mut(|taken| {
        for action in &trace.actions {
            let said = format!("{action:?}");
            let name = said.split([' ', '{', '(']).next().unwrap_or_default();
            *taken.entry(name.to_owned()).or_default() += 1;
        }
    });
}
