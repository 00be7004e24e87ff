//! Which callbacks this thread is inside of.
//!
//! Two uses. A call that would wait for the callback that makes it is refused instead. And what a pool's
//! handler submits belongs to the generation of the item it runs, so that a drain which waits for the item
//! waits for its children too, wherever they land (Ceph's drain did not).

use std::cell::RefCell;

use crate::sync::thread_local;

/// Tells queues and pools apart: an address that is unique while the queue or pool exists.
pub(crate) type Owner = usize;

/// Counts a pool's drains. An item belongs to the generation in which it was submitted.
pub(crate) type Generation = u64;

thread_local! {
    /// Innermost last: a callback may step another queue or pool.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static INSIDE: RefCell<Vec<(Owner, Generation)>> = RefCell::new(Vec::new());
}

/// Marks this thread as inside a callback until dropped.
pub(crate) struct Inside(());

impl Inside {
    pub(crate) fn enter(owner: Owner, generation: Generation) -> Self {
        INSIDE.with(|inside| inside.borrow_mut().push((owner, generation)));
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with(|inside| inside.borrow_mut().pop());
    }
}

/// The generation of the callback of `owner` that this thread is inside of, if it is.
pub(crate) fn current(owner: Owner) -> Option<Generation> {
    INSIDE.with(|inside| {
        inside.borrow().iter().rev().find(|(inside, _)| *inside == owner).map(|&(_, generation)| generation)
    })
}
