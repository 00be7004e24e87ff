//! All the concurrency of the crate: four small protocols and nothing else.
//!
//! | type | one sentence |
//! |---|---|
//! | [`Lane`] | a producer's own word: it says whether the producer is inside a fast callback, how many of its queued messages are through, and whether it has been closed |
//! | [`Roster`] | the lanes of one queue, so that all of them can be closed at once and the last visitor awaited |
//! | [`Inbox`] | where messages arrive: a vector under a short lock, whose state says whether its consumer is asleep and whether it is closed; and a flag beside it, for a consumer that is busy |
//! | [`Baton`] | the right to run a shard's policy, and the bench of the workers that sleep meanwhile |
//!
//! and [`Bell`], the one place where a thread sleeps. Every atomic operation of keylane is in `lane.rs` or in `news.rs`, the flag.
//! The argument why this is right is in `README.md` beside this file.

mod baton;
mod bell;
mod inbox;
#[expect(clippy::module_inception, reason = "the folder is the family, the file is the type")]
mod lane;
mod news;
mod roster;

pub use baton::{Baton, Charge, Hold, Seat};
pub use bell::Bell;
pub use inbox::{Inbox, KEPT, Origin, Pushed, Taken, Tally};
pub use lane::{Entry, Lane, Pending};
pub use roster::Roster;
