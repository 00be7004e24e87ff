//! What keylane promises, as plain sequential programs.
//!
//! * [`QueueModel`] is `DispatchQueue`: deterministic, so every operation has exactly one allowed outcome.
//! * [`PoolModel`] is `ShardedThreadPool`: it does not choose, it says which choices are allowed and objects
//!   to any other, its scheduler's included.
//! * [`ThrottleModel`] is `Throttle`: deterministic again, for who is served next is no choice.
//! * [`GateModel`] is `EpochGate`: it does not choose which session is delivered first.
//!
//! The books of D1 and P1 are kept by `keylane::testing::Conservation`: whatever was accepted has exactly one fate.
//!
//! They are written from the text of the guarantees and know nothing of the implementation: no inboxes, no
//! rotation, one list that is searched from end to end. `tests/` drives the real types against them; they
//! serve as well as the sequential specification of a linearizability check. The page is `README.md`.

mod gate_model;
pub mod history;
mod pool_model;
mod queue_model;
mod throttle_model;

pub use gate_model::{Arrival, GateModel, Publishing};
pub use pool_model::{Asked, DrainId, Drained, ItemId, Lines, Moment, PoolModel, Stepped, Violation};
pub use queue_model::{Delivery, Dispatching, Passing, Posted, QueueModel, Taken};
pub use throttle_model::{RequestId, Standing, ThrottleModel};

/// The few types of keylane's that the models speak of.
pub use keylane::{Class, Event, Limits, OnItemPanic, Overtakes, Priority, Stop};
