//! What runs next: ordinary single-threaded code, tested as such (`proptests/`), run by whoever owns the
//! consuming end of an inbox or holds the baton.

// Wired by the dispatch loop next.
#[allow(dead_code)]
mod backlog;
mod keyed;
// Wired by the dispatch loop next.
#[allow(dead_code)]
mod order;
mod rotation;
#[allow(dead_code)]
mod shares;
#[allow(dead_code)]
mod split_mix;
mod strict;

#[allow(unused_imports)]
pub use backlog::Backlog;
pub use keyed::Keyed;
#[allow(unused_imports)]
pub use order::{Order, Overtakes, Weighted};
pub use rotation::Rotation;
pub use strict::Strict;
