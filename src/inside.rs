//! Which callbacks this thread is inside of.
//!
//! Two uses. A call that would wait for the callback that makes it is refused instead. And what a pool's
//! handler submits belongs to the generation of the item it runs, so that a drain which waits for the item
//! waits for its children too, wherever they land (Ceph's drain did not).
//!
//! A thread that is being torn down may have lost its thread-locals already, and may still call us from the
//! destructor of one: then it is inside of nothing.

use std::cell::{Cell, RefCell};

use crate::error::ControlError;
use crate::sync::thread_local;

/// Tells queues and pools apart: an address that is unique while the queue or pool exists.
pub(crate) type Owner = usize;

/// Counts a pool's drains. An item belongs to the generation in which it was submitted.
pub(crate) type Generation = u64;

/// One that a thread is inside of: whose it is, and for an item of a pool, its generation. A queue's callbacks have none,
/// nor has a pool's hook.
type Callback = (Owner, Option<Generation>);

// Two, since nearly always there is one at most, and each message enters several.
thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static INNERMOST: Cell<Option<Callback>> = Cell::new(None);
    /// Those around it, the innermost of them last: a callback may step another queue or pool.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static AROUND: RefCell<Vec<Callback>> = RefCell::new(Vec::new());
}

/// Marks this thread as inside a callback until dropped.
pub(crate) struct Inside {
    /// Whether it is inside of another.
    nested: bool,
}

impl Inside {
    /// A callback of the queue `owner`.
    #[inline]
    pub(crate) fn queue(owner: Owner) -> Self {
        Self::enter(owner, None)
    }

    /// The handler of the pool `owner`, running an item of this generation.
    #[inline]
    pub(crate) fn pool(owner: Owner, generation: Generation) -> Self {
        Self::enter(owner, Some(generation))
    }

    /// What the pool `owner` calls on a thread of its own, and is no item.
    pub(crate) fn hook(owner: Owner) -> Self {
        Self::enter(owner, None)
    }

    #[inline]
    fn enter(owner: Owner, generation: Option<Generation>) -> Self {
        let before = INNERMOST.try_with(|innermost| innermost.replace(Some((owner, generation))));
        let Ok(Some(before)) = before else { return Self { nested: false } };
        let _ = AROUND.try_with(|around| around.borrow_mut().push(before));
        Self { nested: true }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        let before = if self.nested { AROUND.try_with(|around| around.borrow_mut().pop()).ok() } else { None };
        let _ = INNERMOST.try_with(|innermost| innermost.set(before.flatten()));
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
    let (inside, generation) = INNERMOST.try_with(Cell::get).ok().flatten()?;
    if inside == owner {
        return Some(generation);
    }
    let find = |around: &RefCell<Vec<Callback>>| {
        around.borrow().iter().rev().find(|(inside, _)| *inside == owner).map(|&(_, generation)| generation)
    };
    AROUND.try_with(find).ok().flatten()
}
