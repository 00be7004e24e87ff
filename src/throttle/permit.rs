//! The right to have something under way.

use crate::sync::{Arc, mark};
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
    /// None once somebody else has taken it over.
    shared: Option<Arc<Shared>>,
    bytes: u64,
}

impl Permit {
    /// For what has been counted as out already.
    pub(crate) fn new(shared: Arc<Shared>, bytes: u64) -> Self {
        Self { shared: Some(shared), bytes }
    }

    /// How many bytes it has reserved.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.change(|state| state.give_back(Amount::of(self.bytes)));
        }
    }
}

/// Permits of one throttle that are returned together, when there are enough of them or this is dropped: who returns
/// one after the other need not take the lock for each.
#[derive(Debug, Default)]
pub(crate) struct Returns {
    /// Whose they are, if there are some.
    shared: Option<Arc<Shared>>,
    amount: Amount,
    /// So much, of either, is enough: a sixteenth of the limits when some were returned last. Nothing before that.
    enough: Amount,
}

impl Returns {
    /// Returns `permit`, now or later.
    ///
    /// # Panics
    /// As the drop of a permit.
    #[inline]
    pub fn add(&mut self, mut permit: Permit) {
        self.amount.count += 1;
        self.amount.bytes += permit.bytes;
        let shared = permit.shared.take();
        self.shared = self.shared.take().or(shared);
        if self.amount.count >= self.enough.count || self.amount.bytes >= self.enough.bytes {
            self.give_back();
        } else {
            mark("permit kept");
        }
    }

    /// Returns what there is.
    ///
    /// # Panics
    /// As the drop of a permit.
    #[inline]
    pub fn give_back(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let amount = std::mem::take(&mut self.amount);
        shared.change(|state| {
            self.enough = state.a_sixteenth();
            state.give_back(amount)
        });
    }
}

impl Drop for Returns {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::{Limits, Throttle};

    /// How many permits, and how many bytes, are out after each of these was returned.
    fn out(throttle: &Throttle, returns: &mut Returns, permits: &[u64]) -> Vec<(u64, u64)> {
        let permits: Vec<_> = permits.iter().map(|&bytes| throttle.try_acquire(bytes).unwrap()).collect();
        permits
            .into_iter()
            .map(|permit| {
                returns.add(permit);
                let snapshot = throttle.snapshot();
                (snapshot.count, snapshot.bytes)
            })
            .collect()
    }

    #[test]
    fn permits_come_back_a_sixteenth_of_the_limits_at_a_time() {
        let throttle = Throttle::new(Limits { count: Some(47), bytes: None });
        let mut returns = Returns::default();
        assert_eq!(
            out(&throttle, &mut returns, &[5; 5]),
            [(4, 20), (4, 20), (2, 10), (2, 10), (0, 0)],
            "the first at once, as it is not known yet how many are few"
        );
        throttle.set_limits(Limits { count: Some(48), bytes: None });
        assert_eq!(out(&throttle, &mut returns, &[0; 5]), [(5, 0), (3, 0), (3, 0), (3, 0), (0, 0)]);
        throttle.set_limits(Limits { count: None, bytes: Some(64) });
        assert_eq!(out(&throttle, &mut returns, &[0; 3]), [(3, 0), (3, 0), (0, 0)]);
        assert_eq!(
            out(&throttle, &mut returns, &[3, 0, 1, 4, 2]),
            [(5, 10), (5, 10), (2, 6), (1, 2), (1, 2)]
        );
        returns.give_back();
        returns.give_back();
        assert_eq!(throttle.snapshot().count, 0);
        throttle.set_limits(Limits { count: Some(15), bytes: None });
        assert_eq!(out(&throttle, &mut returns, &[1]), [(1, 1)], "it has not heard of that");
        returns.give_back();
        assert_eq!(out(&throttle, &mut returns, &[1, 1]), [(1, 1), (0, 0)], "few are none");
    }

    #[test]
    fn what_is_kept_comes_back_at_the_latest_with_the_drop() {
        let throttle = Throttle::new(Limits::NONE);
        let mut returns = Returns::default();
        assert_eq!(out(&throttle, &mut returns, &[1, 2, 3]), [(2, 5), (2, 5), (2, 5)]);
        drop(returns);
        assert_eq!((throttle.snapshot().count, throttle.snapshot().bytes), (0, 0));
    }
}
