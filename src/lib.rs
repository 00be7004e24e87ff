//! The message-dispatch core of a storage server, model-checked.
//!
//! Three primitives, and what limits what is under way in them, after the message path of a Ceph OSD:
//!
//! * [`DispatchQueue`]: a connection's reader runs a message at once on its own thread or queues it by
//!   priority and connection; one thread dispatches the queue, another delivers what the program sends to
//!   itself.
//! * [`ShardedThreadPool`]: a keyed executor. Items of one key run one at a time and in order, on whichever
//!   worker of the key's shard is free.
//! * [`EpochGate`]: a session's messages wait, in order, for the epoch of the map that they need, and leave on
//!   the thread that publishes it, or that brings them.
//! * [`Throttle`]: permits for so many messages and bytes at once, first come, first served; to be waited for by
//!   threads, by tasks, or not at all.
//!
//! The first two come with threads of their own ([`DispatchQueueBuilder::start`], [`ShardedThreadPoolBuilder::start`])
//! or without, to be stepped by hand ([`DispatchQueueBuilder::stepped`], [`ShardedThreadPoolBuilder::stepped`]).
//! The gate has none.
//!
//! # How the crate is made
//!
//! Concurrency in four small protocols, policy in sequential code:
//!
//! | module | holds | checked by |
//! |---|---|---|
//! | `sync` | the only door to primitives, and the theorem why programs in its vocabulary are sequentially consistent | `tests/tidy.rs` |
//! | `lane` | the four protocols `Lane`, `Roster`, `Inbox`, `Baton`, with every atomic of the crate, and the argument for them | loom, every interleaving of each model |
//! | `policy` | what runs next: `Backlog` (an [`Order`]) and `Keyed` | proptest against naive models |
//! | `dispatch` | [`DispatchQueue`], from a lane for each connection, two inboxes and a backlog | loom and proptest |
//! | `pool` | [`ShardedThreadPool`], from an inbox, a baton and the keyed policy for each shard | loom and proptest |
//! | `throttle` | [`Throttle`], sequential code under one lock, and a bell or a waker for each that waits | loom and proptest |
//! | `watch` | who runs callbacks and items, since when, and whether that is too long; a lock for each place where they run | loom |
//! | `gate` | [`EpochGate`]: one mutex, sequential code under it, callbacks between two holds | loom and proptest |
//!
//! The guarantees D1-D12, P1-P14 and E1-E5, and what checks each of them, are in the README.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod clock;
mod context;
mod dispatch;
mod error;
mod gate;
mod inside;
mod lane;
mod policy;
mod pool;
mod stop;
mod sync;
#[cfg(any(feature = "testing", keylane_loom))]
pub mod testing;
mod throttle;
mod watch;
mod worker_thread;

pub use clock::{Clock, MonotonicClock};
#[cfg(feature = "sink")]
pub use dispatch::ConnectionSink;
pub use dispatch::{
    Callback, Connection, ConnectionId, Deliver, Delivered, DispatchLoop, DispatchQueue,
    DispatchQueueBuilder, Dispatcher, DispatcherChain, Event, Handled, Local, LocalLoop, LocalSnapshot,
    Message, Priority, QueueHandle, QueueReport, QueueSnapshot, QueuedSnapshot,
};
pub use error::{
    AcquireError, ArriveError, BuildError, CommitError, ControlError, DeliverError, PublishError, Refusal,
    ResizeError, ShareError, SubmitError, WaitError,
};
pub use gate::{Epoch, EpochGate, GateSession, Gatekeeper, SessionId, Turn};
pub use policy::{
    Bands, Candidate, Class, Fifo, Mclock, Order, Overtakes, Profile, Scheduler, Share, Weighted,
};
#[cfg(feature = "histograms")]
pub use pool::{ClassHistograms, Histograms};
pub use pool::{
    ClassSnapshot, Commit, CommitSnapshot, Handler, KeyGuard, Lease, PauseGuard, PoolHandle, PoolReport,
    PoolSnapshot, ShardSnapshot, ShardedThreadPool, ShardedThreadPoolBuilder, Task, Times, WatchSuspension,
    Worker, WorkerInfo,
};
pub use stop::{OnItemPanic, OnPanic, Step, Stop};
pub use throttle::{Acquire, Limits, Permit, Throttle, ThrottleSnapshot};
pub use watch::{Fatal, Patience, Running};

/// What threads do, step by step, for tests that hold it against the specifications in `specs/`. See `specs/traces/`.
#[cfg(feature = "trace")]
#[doc(hidden)]
pub mod trace {
    pub use crate::sync::recorder::{Note, UNNAMED, act_as, begin, end, record, took};
}

/// The protocols themselves, for the models, and what models and samplings set and read.
#[cfg(any(keylane_loom, keylane_shuttle))]
#[doc(hidden)]
pub mod internals {
    pub use crate::lane::*;
    pub use crate::sync::{Arc, Condvar, Deadline, Mutex, MutexGuard, Word, mark, model};
    pub use crate::watch::*;
}

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
