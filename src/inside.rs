//! Which callbacks this thread is inside of.
//!
//! Two uses. A call that would wait for the callback that makes it is refused instead. And what a pool's
//! handler submits belongs to the generation of the item it runs, so that a drain which waits for the item
//! waits for its children too, wherever they land (Ceph's drain did not).
//!
//! A thread that is being torn down may have lost its thread-locals already, and may still call us from the
//! destructor of one: then it is inside of nothing.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU64;

use crate::error::ControlError;
use crate::sync::thread_local;

/// Tells queues and pools apart: an address that is unique while the queue or pool exists.
pub(crate) type Owner = usize;

/// Counts a pool's drains, from one on. An item belongs to the generation in which it was submitted. (Not zero: that of a
/// parent, if there is one, goes with each item.)
pub(crate) type Generation = NonZeroU64;

/// One that a thread is inside of: whose it is, and for an item of a pool, its generation. A queue's callbacks have none,
/// nor has a pool's hook.
type Callback = (Owner, Option<Generation>);

/// No owner's.
const NOBODY: Owner = 0;

// Apart, since nearly always there is one at most, and each message enters several: of a queue's one word is read and written.
thread_local! {
    /// Whose the innermost one is.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static OWNER: Cell<Owner> = Cell::new(NOBODY);
    /// Its generation; none if there is no innermost one.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static GENERATION: Cell<Option<Generation>> = Cell::new(None);
    /// Those around it, the innermost of them last: a callback may step another queue or pool.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static AROUND: RefCell<Vec<Callback>> = RefCell::new(Vec::new());
}

/// Marks this thread as inside a callback until dropped.
pub(crate) struct Inside {
    /// Whether it is inside of another.
    nested: bool,
    /// Whether it has a generation.
    dated: bool,
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
        let around = OWNER.try_with(|inner| inner.replace(owner)).unwrap_or(NOBODY);
        let (nested, dated) = (around != NOBODY, generation.is_some());
        if nested {
            let before = GENERATION.try_with(|inner| inner.replace(generation)).unwrap_or_default();
            let _ = AROUND.try_with(|all| all.borrow_mut().push((around, before)));
        } else if dated {
            let _ = GENERATION.try_with(|inner| inner.set(generation));
        }
        Self { nested, dated }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        if self.nested {
            let before = AROUND.try_with(|around| around.borrow_mut().pop()).ok().flatten();
            let (owner, generation) = before.unwrap_or((NOBODY, None));
            let _ = OWNER.try_with(|inner| inner.set(owner));
            let _ = GENERATION.try_with(|inner| inner.set(generation));
            return;
        }
        let _ = OWNER.try_with(|inner| inner.set(NOBODY));
        if self.dated {
            let _ = GENERATION.try_with(|inner| inner.set(None));
        }
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
    let inside = OWNER.try_with(Cell::get).unwrap_or(NOBODY);
    if inside == owner {
        return Some(GENERATION.try_with(Cell::get).unwrap_or_default());
    }
    if inside == NOBODY {
        return None;
    }
    let find = |around: &RefCell<Vec<Callback>>| {
        around.borrow().iter().rev().find(|(inside, _)| *inside == owner).map(|&(_, generation)| generation)
    };
    AROUND.try_with(find).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u64) -> Generation {
        Generation::new(number).expect("not zero")
    }

    #[test]
    fn a_thread_is_inside_of_all_that_it_has_not_left() {
        let inside = || [1, 2, 3].map(|owner| refuse(owner) == Err(ControlError::FromCallback));
        let _queue = Inside::queue(1);
        assert_eq!(inside(), [true, false, false]);
        {
            let _item = Inside::pool(2, number(7));
            assert_eq!((inside(), generation(2)), ([true, true, false], Some(number(7))));
            let hook = Inside::hook(3);
            assert_eq!((inside(), generation(2), generation(3)), ([true; 3], Some(number(7)), None));
            let again = Inside::pool(2, number(8));
            assert_eq!((inside(), generation(2)), ([true; 3], Some(number(8))), "the innermost counts");
            drop(again);
            drop(hook);
            assert_eq!((inside(), generation(2)), ([true, true, false], Some(number(7))));
        }
        assert_eq!((inside(), generation(1), generation(2)), ([true, false, false], None, None));
    }

    #[test]
    fn it_is_inside_of_nothing_afterwards() {
        drop(Inside::queue(1));
        assert!(refuse(1).is_ok());
        let item = Inside::pool(1, number(5));
        assert_eq!((generation(1), generation(2)), (Some(number(5)), None));
        drop(item);
        let queue = Inside::queue(1);
        assert_eq!(generation(1), None, "nothing is left of the item");
        drop(queue);
    }
}
