//! `Throttle`: permits for so many messages and so many bytes at once, first come, first served (D8).
//!
//! ```text
//!   acquire, acquire_timeout ──▶ ┌───────────── State, under one lock ─┐ ──▶ a bell ──▶ the thread that waits
//!   acquire_async ─────────────▶ │ limits   out   line of who waits    │ ──▶ a waker ─▶ the task that waits
//!   try_acquire ───────────────▶ └────────▲────────────────────────────┘
//!                                         └── Permit::drop, set_limits, close, and whoever leaves the line
//! ```
//!
//! `README.md` beside this file has the states, the steps and the races. The shape is that of Ceph's `Throttle`
//! (`common/Throttle.h`, Jewel), with an owned permit in the place of `put`, and two limits in one line.

mod acquire;
mod limits;
mod permit;
mod shared;
mod state;
#[expect(clippy::module_inception, reason = "the type of that name")]
mod throttle;
mod wake;

pub use acquire::Acquire;
pub use limits::Limits;
pub use permit::Permit;
pub(crate) use permit::Returns;
pub use state::ThrottleSnapshot;
pub use throttle::Throttle;
