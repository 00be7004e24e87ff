//! Which class of work is next, among those of which an item could start.

mod bands;
mod fifo;
mod mclock;

use core::time::Duration;
use std::fmt::Debug;

pub use bands::Bands;
pub use fifo::Fifo;
pub use mclock::{Mclock, Profile, Share};

/// A kind of work: client, recovery, scrub. What a number means is the [`Scheduler`]'s to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u8);

/// A class of which an item could start now, and that item: of the class's keys that neither run nor are held, the one
/// whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The class.
    pub class: Class,
    /// What the item costs, in whatever the shares are counted in.
    pub cost: u64,
    /// When it was submitted, by the pool's clock; means nothing if the scheduler [does not ask](Scheduler::asks_the_time).
    pub arrived: Duration,
}

/// Decides, for one shard, which class is next. Within a class the keys take turns, whatever the scheduler.
///
/// Ordinary sequential code: a shard's scheduler is called under that shard's lock, so it should be quick; it must not
/// panic, and must not call the pool. [`Fifo`] is what a pool has unless told otherwise.
///
/// For each item that starts, a pool calls [`may_start`](Self::may_start) of each class that has a candidate,
/// [`choose`](Self::choose) among those that may, unless one of them has been passed over too often and goes by force, and
/// then [`charge`](Self::charge).
pub trait Scheduler: Debug + Send + 'static {
    /// The line in which items of `class` wait. Items of one key and one line start in the order in which they were
    /// submitted (P2); for the scheduler the line is their class. Each class has its own unless this says otherwise. Must
    /// always say the same.
    fn line(&self, class: Class) -> Class {
        class
    }

    /// Whether times matter: if not, the pool's clock is not read for it, and the times that it is told mean nothing.
    fn asks_the_time(&self) -> bool {
        false
    }

    /// Whether the candidate may start now; if not, from when on it may if nothing else happens (P10). That must be later
    /// than `now`: it is not asked again before.
    ///
    /// # Errors
    /// The time.
    fn may_start(&self, candidate: &Candidate, now: Duration) -> Result<(), Duration> {
        let _ = (candidate, now);
        Ok(())
    }

    /// Which of `candidates` is next: all of them may start, there is at least one, and they are by rising class.
    fn choose(&mut self, candidates: &[Candidate], now: Duration) -> Class;

    /// `taken` starts, chosen or by force. `candidates` are those it was taken from, itself among them.
    fn charge(&mut self, taken: &Candidate, candidates: &[Candidate], now: Duration) {
        let _ = (taken, candidates, now);
    }
}
