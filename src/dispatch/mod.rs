//! `DispatchQueue`: a connection's reader runs a message at once or queues it; one thread dispatches the
//! queue, another delivers what the program sends to itself.
//!
//! ```text
//!   Connection::deliver ──fast──▶ Dispatcher::fast_dispatch, on the caller's thread   (lane: entered)
//!          └──queued──▶ inbox ──▶ DispatchLoop: priorities, round robin ──▶ Dispatcher::dispatch
//!   Local::send ──▶ local inbox ──▶ LocalLoop ──fast──▶ Dispatcher::fast_dispatch
//!                                       └──queued──▶ inbox (as ConnectionId::LOCAL)
//! ```
//!
//! Discards and events come through the same inbox, in one order with the messages of all connections, and only the
//! dispatch loop acts on them. So there is no moment between a discard and its event; what a connection queued before
//! is before it, what it queues later is after it; and whatever ends a connection consumes it, so that it is ended once
//! and used no more.
//!
//! The shape is that of Ceph's `DispatchQueue` (`msg/DispatchQueue.{h,cc}`, Jewel): `ms_dispatch` and
//! `ms_local` are its two threads.

mod callback;
mod chain;
mod connection;
mod deliver;
mod dispatch_loop;
mod dispatcher;
mod event;
mod known;
mod local;
mod message;
#[cfg(feature = "metrics")]
mod metrics;
mod queue;
mod shared;
#[cfg(feature = "sink")]
mod sink;
mod snapshot;

pub use callback::Callback;
pub use chain::DispatcherChain;
pub use connection::{Connection, Delivered};
pub use deliver::Deliver;
pub use dispatch_loop::DispatchLoop;
pub use dispatcher::{Dispatcher, Handled};
pub use event::Event;
pub use local::{Local, LocalLoop};
pub use message::{ConnectionId, Message, Priority};
pub use queue::{DispatchQueue, DispatchQueueBuilder, QueueHandle, QueueReport};
#[cfg(feature = "sink")]
pub use sink::ConnectionSink;
pub use snapshot::{LocalSnapshot, QueueSnapshot, QueuedSnapshot};
