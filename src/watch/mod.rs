//! Who runs a callback, since when, and whether that is too long.
//!
//! Each place where callbacks run one at a time has a [`Station`]: the dispatch thread, the local thread, each connection,
//! each worker of a pool. What runs there is noted under a lock of its own, which nobody else wants but who looks. Who
//! looks is the watch thread, once in a grace period or when something that runs will be due, and whoever asks for a
//! snapshot. So nothing has to be woken when a callback begins: what begins after a look cannot be due before the next.
//! But for two things, which wake the watch thread: a callback whose grace is shorter than any before it, from when on looks
//! come that often; and one that goes on, after a suspension during which somebody looked
//! (`docs/decisions/0020-a-grace-that-waits.md`).

mod alarm;
mod current;
mod station;
mod watch_loop;
mod watchman;

pub use alarm::{Alarm, Alarms, Fatal, Patience, Running};
pub use station::{Station, Suspension};
pub use watch_loop::WatchLoop;
pub use watchman::Watchman;
