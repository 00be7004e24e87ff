//! The right to have something under way.

use crate::sync::Arc;
use crate::throttle::limits::Amount;
use crate::throttle::shared::Shared;

/// One message and its bytes, reserved of a [`Throttle`](crate::Throttle) until this is dropped.
///
/// It is owned, `'static` and [`Send`], so it may travel with the message, and is given back wherever that ends: after a
/// callback, in a refusal, in what a stop hands back, in a panic that unwinds. It cannot be cloned, and so not be
/// returned twice. The one way not to return it is to leak it ([`std::mem::forget`], a cycle of [`Arc`]s): then what
/// it reserved stays reserved for ever.
///
/// # Ordering
/// What happened before the drop is visible to whoever gets a permit that this one made room for, and to whoever sees it
/// gone in a [snapshot](crate::Throttle::snapshot).
///
/// # Panics
/// The drop wakes those for whom there is room now, on this thread, with no lock of the throttle held. If a waker of a
/// task panics, so does the drop, after everybody was woken.
#[derive(Debug)]
#[must_use = "it is returned when dropped"]
pub struct Permit {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Permit {
    /// For what has been counted as out already.
    pub(crate) fn new(shared: Arc<Shared>, bytes: u64) -> Self {
        Self { shared, bytes }
    }

    /// How many bytes it has reserved.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.change(|state| state.give_back(Amount::of(self.bytes)));
    }
}
