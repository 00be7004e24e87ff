//! What runs next: ordinary single-threaded code, tested as such (here and in `proptests/`), run by whoever owns
//! the consuming end of an inbox or holds the baton.

#[allow(dead_code, reason = "wired by the dispatch loop next")]
mod backlog;
mod keyed;
#[allow(dead_code, reason = "wired by the dispatch loop next")]
mod order;
mod rotation;
#[allow(dead_code, reason = "wired by the dispatch loop next")]
mod shares;
#[allow(dead_code, reason = "wired by the dispatch loop next")]
mod split_mix;
mod strict;

#[allow(unused_imports, reason = "wired by the dispatch loop next")]
pub use backlog::Backlog;
pub use keyed::Keyed;
#[allow(unused_imports, reason = "wired by the dispatch loop next")]
pub use order::{Order, Overtakes, Weighted};
pub use rotation::Rotation;
pub use strict::Strict;
