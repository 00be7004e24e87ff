//! Whether something has arrived that a busy consumer has to know of.

use crate::sync::Word;

const RAISED: usize = 1;

/// A flag beside an inbox's lock. It is raised and lowered under the lock, and asked without it, by the one consumer:
/// which need not take the lock while the flag is down.
#[derive(Debug)]
pub(super) struct News(Word);

impl Default for News {
    /// Lowered.
    fn default() -> Self {
        Self(Word::new(0))
    }
}

impl News {
    /// For who holds the lock, before what is news can be taken.
    pub(super) fn raise(&self) {
        // ORDERING: AcqRel. Pairs with `is_raised`: if this came first, the consumer looks before it goes on; if that came
        // first, so did the consumer's choice, which then is one of before the news. Relaxed would do as well for who takes the
        // lock next; but then two consumers that bring each other news could both go on as if they had brought none.
        self.0.fetch_or(RAISED);
    }

    /// For the consumer, under the lock, when it takes all that has arrived.
    pub(super) fn lower(&self) {
        // ORDERING: AcqRel. Pairs with `raise` only through the lock, under which both are.
        self.0.fetch_and(!RAISED);
    }

    /// For the consumer.
    pub(super) fn is_raised(&self) -> bool {
        // ORDERING: AcqRel, see `raise`. A read-modify-write that changes nothing, and no load: what follows rests on it (V1).
        self.0.fetch_or(0) & RAISED != 0
    }
}
