//! What runs next: ordinary single-threaded code, tested as such (`proptests/`), run by whoever owns the
//! consuming end of an inbox or holds the baton.

mod keyed;
mod rotation;
mod strict;

pub use keyed::Keyed;
pub use rotation::Rotation;
pub use strict::Strict;
