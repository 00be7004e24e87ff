//! What is submitted, on its way to a shard.

use core::time::Duration;

use crate::clock::Moment;
use crate::context::Context;
use crate::error::SubmitError;
use crate::inside::Generation;
use crate::policy::{Class, End};

/// What arrives at a shard.
pub(super) enum Arrival<K, I> {
    Work(Work<K, I>),
    Commit(Commit),
}

/// A completion callback.
pub(super) struct Commit {
    pub(super) callback: Callback,
    /// The generation of the item whose handler brought this, if one did.
    pub(super) parent: Option<Generation>,
}

/// What is to be run once, on whatever thread.
pub(super) type Callback = Box<dyn FnOnce() + Send>;

/// What is submitted at once.
pub(super) struct Work<K, I> {
    pub(super) key: K,
    pub(super) items: Items<I>,
    pub(super) end: End,
    /// The generation of the item whose handler submitted this, if one did.
    pub(super) parent: Option<Generation>,
    /// When it was submitted, if somebody looked at the clock.
    pub(super) arrived: Option<Moment>,
}

/// What is submitted together. One is what nearly all submits bring, and what they bring moves from one processor to another:
/// so what else there may be must not make it larger.
pub(super) enum Items<I> {
    One(Labelled<I>),
    /// They keep their order.
    Batch(Box<[Labelled<I>]>),
    /// To be queued then, and not at once.
    Later(Box<(Labelled<I>, Duration)>),
}

/// An item, and what its handler's type says of it.
#[derive(Debug)]
pub(super) struct Labelled<I> {
    pub(super) load: Load<I>,
    pub(super) class: Class,
    pub(super) cost: u64,
}

/// An item and the span in which it was submitted. They part where no lock is held: who made the span is told of its end.
#[derive(Debug)]
pub(super) struct Load<I> {
    pub(super) item: I,
    pub(super) context: Context,
}

impl<K, I> Work<K, I> {
    /// What comes back of one item that was refused.
    pub(super) fn refused(self) -> SubmitError<K, I> {
        match self.items {
            Items::One(Labelled { load, .. }) => SubmitError::new(self.key, load.item),
            Items::Later(later) => SubmitError::new(self.key, later.0.load.item),
            Items::Batch(_) => unreachable!("it was one"),
        }
    }

    /// What comes back of a batch that was refused.
    pub(super) fn batch_refused(self) -> SubmitError<K, Vec<I>> {
        match self.items {
            Items::One(_) | Items::Later(_) => unreachable!("it was a batch"),
            Items::Batch(items) => {
                SubmitError::new(self.key, items.into_iter().map(|labelled| labelled.load.item).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It moves from the processor that submits to the one that runs it, and that costs more than the rest.
    #[test]
    fn what_arrives_is_small() {
        assert!(size_of::<Arrival<u64, u64>>() <= 56 + size_of::<Context>());
    }
}
