//! Which pool's handler this thread is inside of, and for which generation of work.
//!
//! Two uses. What a handler submits belongs to the generation of the item it runs, so that a drain which
//! waits for the item waits for its children too, wherever they land (Ceph's drain did not). And a call that
//! waits for the handlers of its own pool is refused instead of waiting for itself.

use std::cell::RefCell;

use crate::sync::thread_local;

/// Counts drains. An item belongs to the generation in which it was submitted.
pub(super) type Generation = u64;

/// Tells pools apart: an address that is unique while the pool exists.
pub(super) type PoolId = usize;

thread_local! {
    /// Innermost last: a handler may step another pool.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static INSIDE: RefCell<Vec<(PoolId, Generation)>> = RefCell::new(Vec::new());
}

/// Marks this thread as inside a handler until dropped.
pub(super) struct Inside(());

impl Inside {
    pub(super) fn enter(pool: PoolId, generation: Generation) -> Self {
        INSIDE.with(|inside| inside.borrow_mut().push((pool, generation)));
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with(|inside| inside.borrow_mut().pop());
    }
}

/// The generation of the item of `pool` that this thread is running, if it is.
pub(super) fn current(pool: PoolId) -> Option<Generation> {
    INSIDE.with(|inside| {
        inside.borrow().iter().rev().find(|(inside, _)| *inside == pool).map(|&(_, generation)| generation)
    })
}
