//! Which callbacks this thread is inside of.
//!
//! Two uses. A call that would wait for the callback that makes it is refused instead. And what a pool's
//! handler submits belongs to the generation of the item it runs, so that a drain which waits for the item
//! waits for its children too, wherever they land (Ceph's drain did not).
//!
//! A thread that is being torn down may have lost its thread-locals already, and may still call us from the
//! destructor of one: then it is inside of nothing.

use std::cell::RefCell;

use crate::error::ControlError;
use crate::sync::thread_local;

/// Tells queues and pools apart: an address that is unique while the queue or pool exists.
pub(crate) type Owner = usize;

/// Counts a pool's drains. An item belongs to the generation in which it was submitted.
pub(crate) type Generation = u64;

thread_local! {
    /// Innermost last: a callback may step another queue or pool. A queue's callbacks have no generation, nor has
    /// a pool's hook.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static INSIDE: RefCell<Vec<(Owner, Option<Generation>)>> = RefCell::new(Vec::new());
}

/// Marks this thread as inside a callback until dropped.
pub(crate) struct Inside(());

impl Inside {
    /// A callback of the queue `owner`.
    pub(crate) fn queue(owner: Owner) -> Self {
        Self::enter(owner, None)
    }

    /// The handler of the pool `owner`, running an item of this generation.
    pub(crate) fn pool(owner: Owner, generation: Generation) -> Self {
        Self::enter(owner, Some(generation))
    }

    /// What the pool `owner` calls on a thread of its own, and is no item.
    pub(crate) fn hook(owner: Owner) -> Self {
        Self::enter(owner, None)
    }

    fn enter(owner: Owner, generation: Option<Generation>) -> Self {
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().push((owner, generation)));
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().pop());
    }
}

/// Refuses a call that would wait for the callbacks of `owner`, from inside one of them.
pub(crate) fn refuse(owner: Owner) -> Result<(), ControlError> {
    match innermost(owner) {
        Some(_) => Err(ControlError::FromCallback),
        None => Ok(()),
    }
}

/// The generation of the item of the pool `owner` that this thread is running, if it is.
pub(crate) fn generation(owner: Owner) -> Option<Generation> {
    innermost(owner).flatten()
}

fn innermost(owner: Owner) -> Option<Option<Generation>> {
    let find = |inside: &RefCell<Vec<(Owner, Option<Generation>)>>| {
        inside.borrow().iter().rev().find(|(inside, _)| *inside == owner).map(|&(_, generation)| generation)
    };
    INSIDE.try_with(find).ok().flatten()
}
