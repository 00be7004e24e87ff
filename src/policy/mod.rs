//! What runs next: ordinary single-threaded code, tested as such (here and in `proptests/`), run by whoever owns the
//! consuming end of an inbox or holds the baton.

mod ages;
mod backlog;
mod keyed;
mod order;
mod shares;
mod split_mix;

pub use ages::Ages;
pub use backlog::{Backlog, Picked};
pub use keyed::Keyed;
pub use order::{Order, Overtakes, Weighted};
