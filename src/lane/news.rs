//! Whether something has arrived that a busy consumer has to know of.

use crate::sync::Word;

const RAISED: usize = 1;

/// A flag beside an inbox's lock: raised and lowered by whoever holds the lock, and asked without it by the one consumer, which
/// need not take the lock while the flag is down.
#[derive(Debug)]
pub(super) struct News(Word);

impl Default for News {
    /// Lowered.
    fn default() -> Self {
        Self(Word::new(0))
    }
}

impl News {
    /// For who holds the lock, and has news in its hand.
    pub(super) fn raise(&self) {
        // ORDERING: AcqRel. Pairs with `is_raised`: if this came first, the consumer sees it and looks, and the lock gives it
        // what arrived; if that came first, the consumer has chosen as it would have before the news came. So no data rests on
        // this, and for one flag Relaxed would do. But who raises another's flag and then asks its own relies on that order,
        // and Relaxed operations on two words may change places: then two who bring each other news could both miss it (V1).
        self.0.fetch_or(RAISED);
    }

    /// For the consumer, which holds the lock and takes all that has arrived.
    pub(super) fn lower(&self) {
        // ORDERING: AcqRel, for V1 alone. Pairs with `raise`, under the same lock, which orders the two: if that came first, its
        // news is in what is taken now; if this came first, the flag is up again. `is_raised` is the same thread's.
        self.0.fetch_and(!RAISED);
    }

    /// For the consumer.
    #[inline]
    pub(super) fn is_raised(&self) -> bool {
        // ORDERING: AcqRel, see `raise`. It changes nothing and is no load all the same, since what the consumer does next rests
        // on it (V1): a load may answer what was there before news that came long ago.
        self.0.fetch_or(0) & RAISED != 0
    }
}
