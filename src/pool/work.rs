//! What is submitted, on its way to a shard.

use core::time::Duration;

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
    pub(super) arrived: Option<Duration>,
    /// It is to be queued then, and not at once.
    pub(super) later: Option<Duration>,
}

/// One, or some that keep their order.
pub(super) enum Items<I> {
    One(Labelled<I>),
    Batch(Vec<Labelled<I>>),
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
            Items::Batch(_) => unreachable!("it was one"),
        }
    }

    /// What comes back of a batch that was refused.
    pub(super) fn batch_refused(self) -> SubmitError<K, Vec<I>> {
        match self.items {
            Items::One(_) => unreachable!("it was a batch"),
            Items::Batch(items) => {
                SubmitError::new(self.key, items.into_iter().map(|labelled| labelled.load.item).collect())
            }
        }
    }
}
