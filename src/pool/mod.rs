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
mod commits;
mod control;
mod crew;
mod handle;
mod handler;
mod histograms;
mod later;
mod lease;
mod lives;
#[cfg(feature = "metrics")]
mod metrics;
mod shard;
mod shared;
mod snapshot;
mod task;
mod together;
mod work;
mod worker;

pub use builder::ShardedThreadPoolBuilder;
pub use control::PauseGuard;
pub use crew::WorkerInfo;
pub use handle::{Commit, PoolHandle, PoolReport, ShardedThreadPool};
pub use handler::Handler;
#[cfg(feature = "histograms")]
pub use histograms::{ClassHistograms, Histograms};
pub use lease::{KeyGuard, Lease};
pub use snapshot::{ClassSnapshot, CommitSnapshot, PoolSnapshot, ShardSnapshot, Times};
pub use task::{Task, WatchSuspension};
pub use worker::Worker;
