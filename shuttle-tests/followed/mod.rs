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
#[allow(dead_code, reason = "plans here leave nothing to `NONE`")]
#[path = "../../specs/traces/src/pool/mod.rs"]
pub mod pool;
#[allow(dead_code, reason = "plans here leave nothing to `NONE`")]
#[path = "../../specs/traces/src/queue.rs"]
pub mod queue;
#[allow(dead_code, reason = "no trace is kept here")]
#[path = "../../specs/traces/src/trace.rs"]
mod trace;

/// See `specs/traces/src/threads.rs`.
mod threads {
    pub use shuttle::thread::spawn;
}

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::Result;
use keylane::Stop;
use keylane_twin::protocol::AtRest;

use crate::threads::below;
use trace::Trace;

/// What was followed.
#[derive(Debug, Default)]
pub struct Followed {
    pub schedules: usize,
    /// How often each was taken.
    pub actions: BTreeMap<String, usize>,
}

// shuttle's threads are all one of the system's.
std::thread_local! {
    static FOLLOWED: RefCell<Followed> = RefCell::default();
}

/// Returns, and forgets, what was followed since the last call on this thread.
pub fn take_followed() -> Followed {
    FOLLOWED.take()
}

/// With some of what a queue can be told to be.
pub fn follow_queue() {
    let plan = queue::Plan {
        connections: 4,
        messages: 4,
        locals: 3,
        priorities: 2,
        fast: is_so(),
        ordered: is_so(),
        limit: [0, 0, 1, 2][below(4)],
        resets: is_so(),
        discards: is_so(),
        stop: stop(),
    };
    follow(|| plan.tell(plan.run(0)));
}

/// With all of its controls.
pub fn follow_pool() {
    let plan = pool::Plan {
        shards: 2,
        workers: 2,
        keys: 3,
        submitters: 3,
        items: 3,
        children: 1,
        commits: 2,
        removals: 1,
        pausers: 1,
        drainers: 1,
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
fn follow<P: AtRest>(run: impl FnOnce() -> Result<Trace<P>>) {
    let module = P::MODULE;
    let trace = run().unwrap_or_else(|fault| panic!("{module} has no words for it: {fault:#}"));
    if let Err(rejected) = trace.replay() {
        let before = &trace.actions[rejected.after.saturating_sub(30)..rejected.after];
        panic!("it is none of {module}'s: {before:#?}\n{rejected}");
    }
    assert_eq!(trace.ends_well(), Ok(()), "it stops too early: {:#?}", trace.actions);
    FOLLOWED.with_borrow_mut(|followed| {
        followed.schedules += 1;
        for action in &trace.actions {
            let said = format!("{action:?}");
            let name = said.split([' ', '{', '(']).next().unwrap_or_default();
            *followed.actions.entry(name.to_owned()).or_default() += 1;
        }
    });
}
