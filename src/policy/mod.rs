//! What runs next: ordinary single-threaded code, tested as such (here and in `proptests/`), run by whoever owns the
//! consuming end of an inbox or holds the baton. (One thing is shared: the books of [`Mclock`]'s clones, under a lock.)

mod ages;
mod backlog;
mod keyed;
mod order;
mod scheduler;
mod shares;
mod split_mix;

pub use ages::Ages;
pub use backlog::{Backlog, Picked};
pub use keyed::{End, Keyed, Place, Queued, Turn, Why};
pub use order::{Order, Overtakes, Weighted};
pub use scheduler::{Bands, Candidate, Class, Fifo, Mclock, Profile, Scheduler, Share};
pub use split_mix::Mixed;
