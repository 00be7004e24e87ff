//! The protocols of `specs/` once more, as functions: `step(state, action)` says what comes of an action, or that it cannot
//! be taken. The same names, the same laws, and the same number of states; millions of them in seconds.
//!
//! Each module here is the module of its name there, action by action; read that one first. What is the use of saying it
//! twice? A function can be asked: whether a recorded step of the code is one of the specification's (`specs/traces/`), whether what
//! was seen of its calls can have come of these steps (`judge`), and about sizes that take the other checkers ten times as long.
//! And who makes a mistake in one of the two changes a count.

pub mod constants;
#[cfg(feature = "explore")]
pub mod explore;
pub mod ids;
pub mod judge;
pub mod protocol;

pub mod abstract_bell;
pub mod abstract_queue;
pub mod baton;
pub mod bell;
pub mod dispatch_queue;
pub mod epoch_gate;
pub mod inbox;
pub mod keyed_executor;
pub mod sharded_pool;

/// A thread, a key, a message's number: counted from 0 where `specs/models/` has names, else as there.
pub type Id = u8;

/// The guard of an action: `when(...)?`.
pub(crate) fn when(is_so: bool) -> Option<()> {
    is_so.then_some(())
}
