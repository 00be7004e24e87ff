//! Every error of the crate, on one page. Each that refuses a message, an item or a map hands it back.

use std::fmt;

use thiserror::Error;

use crate::gate::Epoch;
use crate::policy::Class;
use crate::pool::Commit;

/// A message was not taken. It is inside, untouched.
#[derive(Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct DeliverError<M> {
    message: M,
    reason: Refusal,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The queue has been shut down: it will take none any more.
    #[error("the queue has been shut down")]
    Stopped,
    /// As much is under way as the queue's limits allow, or others wait for room already. Only calls that do not wait
    /// say so.
    #[error("the queue is full")]
    Full,
    /// The queue had no room in time. Only calls with a time limit say so.
    #[error("the queue had no room in time")]
    TimedOut,
    /// The queue is full, and the call came from inside one of its own callbacks: it might have waited for itself.
    #[error("the queue is full, and one of its own callbacks may not wait for it")]
    FromCallback,
}

impl From<AcquireError> for Refusal {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Full => Self::Full,
            AcquireError::TimedOut => Self::TimedOut,
            AcquireError::Closed => Self::Stopped,
        }
    }
}

impl<M> DeliverError<M> {
    pub(crate) fn new(message: M, reason: Refusal) -> Self {
        Self { message, reason }
    }

    /// Why it was refused.
    pub fn reason(&self) -> Refusal {
        self.reason
    }

    /// The message that was refused.
    pub fn into_message(self) -> M {
        self.message
    }
}

// By hand, so that a message need not be `Debug`, and is not printed by accident.
impl<M> fmt::Debug for DeliverError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliverError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// An item was not taken: the pool has been shut down. Key and item are inside, untouched.
#[derive(Error)]
#[error("the pool has been shut down")]
#[non_exhaustive]
pub struct SubmitError<K, I> {
    key: K,
    item: I,
}

impl<K, I> SubmitError<K, I> {
    pub(crate) fn new(key: K, item: I) -> Self {
        Self { key, item }
    }

    /// The key and the item that were refused.
    pub fn into_parts(self) -> (K, I) {
        (self.key, self.item)
    }
}

impl<K, I> fmt::Debug for SubmitError<K, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError").finish_non_exhaustive()
    }
}

/// A commit was not taken: the pool has been shut down. It is inside.
#[derive(Debug, Error)]
#[error("the pool has been shut down")]
#[non_exhaustive]
pub struct CommitError {
    commit: Commit,
}

impl CommitError {
    pub(crate) fn new(commit: Commit) -> Self {
        Self { commit }
    }

    /// What was refused.
    pub fn into_commit(self) -> Commit {
        self.commit
    }
}

/// A message did not enter its session: the gate has been stopped. It is inside, untouched.
#[derive(Error)]
#[error("the gate has been stopped")]
#[non_exhaustive]
pub struct ArriveError<M> {
    message: M,
}

impl<M> ArriveError<M> {
    pub(crate) fn new(message: M) -> Self {
        Self { message }
    }

    /// The message that was refused.
    pub fn into_message(self) -> M {
        self.message
    }
}

impl<M> fmt::Debug for ArriveError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArriveError").finish_non_exhaustive()
    }
}

/// A message cannot wait for its group: since its turn began, its session has been reset or dropped, or the gate
/// stopped. It is inside, untouched.
#[derive(Error)]
#[error("the session has ended, or has been reset")]
#[non_exhaustive]
pub struct WaitError<M> {
    message: M,
}

impl<M> WaitError<M> {
    pub(crate) fn new(message: M) -> Self {
        Self { message }
    }

    /// The message that was refused.
    pub fn into_message(self) -> M {
        self.message
    }
}

impl<M> fmt::Debug for WaitError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitError").finish_non_exhaustive()
    }
}

/// A map was not published. It is inside, untouched.
#[derive(Error)]
#[non_exhaustive]
pub enum PublishError<M> {
    /// One as new as it, or newer, has been: epochs never go back.
    #[error("epoch {epoch} is not later than {published}, which has been published")]
    #[non_exhaustive]
    Stale {
        /// The epoch that was refused.
        epoch: Epoch,
        /// The newest one.
        published: Epoch,
        /// The map that was refused.
        map: M,
    },
    /// The gate has been stopped.
    #[error("the gate has been stopped")]
    #[non_exhaustive]
    Stopped {
        /// The map that was refused.
        map: M,
    },
}

impl<M> PublishError<M> {
    /// The map that was refused.
    pub fn into_map(self) -> M {
        match self {
            Self::Stale { map, .. } | Self::Stopped { map } => map,
        }
    }
}

impl<M> fmt::Debug for PublishError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { epoch, published, .. } => f
                .debug_struct("Stale")
                .field("epoch", epoch)
                .field("published", published)
                .finish_non_exhaustive(),
            Self::Stopped { .. } => f.debug_struct("Stopped").finish_non_exhaustive(),
        }
    }
}

/// A queue or a pool could not be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A pool was asked to have no shards.
    #[error("a pool needs at least one shard")]
    NoShards,
    /// A pool was asked to have no threads.
    #[error("a shard needs at least one thread")]
    NoThreads,
    /// A pool was asked to have more than 65,536 threads, in all its shards together.
    #[error("a pool has at most 65536 threads")]
    TooManyThreads,
    /// The operating system would not start a thread. Those already started have been ended again.
    #[error("could not start a thread")]
    Thread(#[from] std::io::Error),
}

/// A pool could not be given another number of threads.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// It was asked to have none.
    #[error("a shard needs at least one thread")]
    NoThreads,
    /// It was asked to have more than 65,536, in all its shards together.
    #[error("a pool has at most 65536 threads")]
    TooManyThreads,
    /// The pool has been shut down.
    #[error("the pool has been shut down")]
    Stopped,
    /// The operating system would not start a thread.
    #[error("could not start a thread")]
    Thread(#[from] std::io::Error),
}

/// A queue or a pool could not be joined, a pool not be paused or drained, an event not be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The call came from inside a callback of the same queue or pool, and would have waited for itself.
    #[error("called from inside a callback of the same queue or pool")]
    FromCallback,
    /// The queue or the pool has been shut down: of what was asked for, or was to be waited for, nothing more will
    /// come.
    #[error("the queue or the pool has been shut down")]
    Stopped,
    /// A queue was asked to discard what it sends to itself.
    #[error("messages to oneself are never discarded")]
    NotAConnection,
}

/// A throttle gave no permit. Nothing is reserved, and nobody of this call stands in line any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// There is no room, or somebody waits already. Only calls that do not wait say so.
    #[error("the throttle is full")]
    Full,
    /// The time is over. Only calls with a time limit say so.
    #[error("the throttle had no room in time")]
    TimedOut,
    /// The throttle has been closed.
    #[error("the throttle has been closed")]
    Closed,
}

/// A share is nonsense, or is said twice. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShareError {
    /// A class was to have no more than nothing.
    #[error("a limit of 0 would never let anything start")]
    NothingAllowed,
    /// A class was to have neither a weight nor a reservation.
    #[error("neither weight nor reservation: nothing would ever start")]
    NothingGiven,
    /// A class was to have at least more than it was to have at most.
    #[error("the limit, {limit}, is below the reservation, {reservation}")]
    #[non_exhaustive]
    LimitBelowReservation {
        /// At most, in cost units a second.
        limit: u64,
        /// At least, in cost units a second.
        reservation: u64,
    },
    /// A class was given two shares.
    #[error("class {} has two shares", .0.0)]
    Twice(Class),
}
