//! The only door to concurrency primitives.
//!
//! Nothing else in the crate may name `std::sync`, `std::thread`, `parking_lot`, `crossbeam_utils`, `loom`
//! or `shuttle` (`tests/tidy.rs` fails if it does), and this module offers only the vocabulary in which programs are
//! sequentially consistent by construction: see `README.md` beside this file for the rules V1-V5, the
//! theorem and its proof.
//!
//! | here | is | natively | under `keylane_loom` | under `keylane_shuttle` |
//! |---|---|---|---|---|
//! | [`Word`] | an atomic word of AcqRel read-modify-writes, plus hints | `AtomicUsize`, cache-padded | loom's, hints chosen by the model | shuttle's, hints drawn |
//! | [`Mutex`] | blocking lock, no `try_lock`, no poisoning | parking_lot | loom's | shuttle's |
//! | [`Condvar`] | one waiter, always with a predicate | parking_lot | loom's | shuttle's, and spurious wake-ups |
//! | [`Deadline`] | after which a wait may give up | std's `Instant` | a wait with one gives up at every moment, or never | given up at a moment that is drawn |
//! | [`Monotonic`] | a clock for reports | std's `Instant` | std's, and no model asks it | std's |
//! | [`thread`], [`thread_local!`] | spawn with a name, join, who am I (and to the system); thread-private state | std | loom's | shuttle's |
//! | [`Arc`] | lifetimes only: no decision rests on a count | std | std | std |
//! | [`mark`] | names a branch that was taken | nothing, unless a test listens | recorded for the model | recorded for the sampling |
//! | `took`, `taking` | [writes down](recorder) who has taken which step, if the feature `trace` is on; never asked by the core | std's lock | std's lock | std's lock |
//! | [`Unseen`], [`Witness`] | what checkers of `testing` write down; never in the core | std's lock | std's lock, and a step that orders nothing | not there |
//!
//! There is no cell: all shared data lives inside a `Mutex`, so the crate needs no `unsafe` at all.

#[cfg(all(keylane_loom, not(feature = "loom")))]
compile_error!(
    "`--cfg keylane_loom` is set, but keylane's feature `loom` is off. Who wants to model-check code that uses keylane \
     adds to Cargo.toml:\n\n    [target.'cfg(keylane_loom)'.dependencies]\n    keylane = { version = \"0.1\", features = \
     [\"loom\"] }\n\n(see keylane::testing). Who does not removes the cfg from RUSTFLAGS."
);

#[cfg(keylane_loom)]
#[path = "loom/mod.rs"]
mod imp;
#[cfg(keylane_shuttle)]
#[path = "shuttle.rs"]
mod imp;
#[cfg(not(any(keylane_loom, keylane_shuttle)))]
#[path = "native.rs"]
mod imp;
mod monotonic;
#[cfg(feature = "trace")]
pub mod recorder;
#[cfg(not(feature = "trace"))]
#[path = "no_recorder.rs"]
pub mod recorder;
#[cfg(any(feature = "testing", keylane_loom))]
mod witness;

pub use self::monotonic::Monotonic;
pub(crate) use self::recorder::{taking, took};
#[cfg(feature = "trace")]
pub(crate) use imp::SIMULATED;
pub(crate) use imp::thread_local;
pub use imp::{Condvar, Deadline, Mutex, MutexGuard, Word, mark, thread};
pub use std::sync::Arc;

#[cfg(any(feature = "testing", keylane_loom))]
pub use self::witness::{Unseen, Witness};
#[cfg(any(feature = "testing", keylane_loom))]
pub use imp::note;
#[cfg(all(feature = "testing", not(any(keylane_loom, keylane_shuttle))))]
pub use imp::on_mark;

#[cfg(any(keylane_loom, keylane_shuttle))]
pub use imp::model;
