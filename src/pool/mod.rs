//! `ShardedThreadPool`: a keyed executor. Items of one key run one at a time and in order; keys of a shard
//! share its workers; shards share nothing.
//!
//! ```text
//!   submit(key, item) ──hash(key)──▶ shard: inbox ──▶ baton { keyed policy } ──▶ Worker ──▶ Handler::handle
//!   pause, drain, shutdown ────────────────────────────▲ (take up every shard's baton)
//! ```
//!
//! The shape is that of Ceph's `ShardedThreadPool` and `OSD::ShardedOpWQ` (`common/WorkQueue.h`, `osd/OSD.h`,
//! Jewel), with the key in the place of the placement group.

mod builder;
mod control;
mod handle;
mod handler;
mod lease;
mod shard;
mod shared;
mod worker;

pub use builder::ShardedThreadPoolBuilder;
pub use control::PauseGuard;
pub use handle::{PoolHandle, PoolReport, ShardedThreadPool};
pub use handler::Handler;
pub use lease::{KeyGuard, Lease};
pub use worker::Worker;
