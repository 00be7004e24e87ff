//! Who runs a callback, since when, and whether that is too long.
//!
//! Each place where callbacks run one at a time has a [`Station`]: the dispatch thread, the local thread, each connection.
//! What runs there is noted under a lock of its own, which nobody else wants but who looks. Who looks is the watch
//! thread, once in a grace period or when something that runs will be due, and whoever asks for a snapshot. So nothing
//! has to be woken when a callback begins: what begins after a look cannot be due before the next.

mod station;
mod watch_loop;
mod watchman;

pub use station::Station;
pub use watch_loop::WatchLoop;
pub use watchman::{Report, Running, Watchman};
