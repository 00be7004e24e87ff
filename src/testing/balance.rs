//! D8: what is taken is given back.

use crate::sync::{Arc, Witness, note};
use crate::testing::verdict::Verdict;

/// The balance of permits: never more out than the limit, never more returned than acquired, none out when all is
/// quiet (D8; any semaphore, credit or throttle of yours).
///
/// Say [`acquired`](Self::acquired) after acquiring and [`returned`](Self::returned) before returning: then what it
/// counts as out is out. Clones are the same checker. In a model both are steps that order nothing.
///
/// ```
/// use keylane::testing::Balance;
///
/// let balance = Balance::new(2);
/// balance.acquired(1);
/// balance.acquired(1); // a third would panic: D8 is violated
/// balance.returned(2); // and so would one more returned
/// balance.check_quiet();
/// ```
#[derive(Clone, Debug)]
pub struct Balance(Arc<State>);

#[derive(Debug)]
struct State {
    limit: usize,
    out: Witness<usize>,
    verdict: Verdict,
}

impl Balance {
    /// None is out, and never may more than `limit` be. In a model: make it in the scenario, before its threads.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(State { limit, out: Witness::new(0), verdict: Verdict::new("D8 (permits)") }))
    }

    /// `permits` have been acquired.
    ///
    /// # Panics
    /// If more than the limit are out now.
    #[track_caller]
    pub fn acquired(&self, permits: usize) {
        let limit = self.0.limit;
        let outcome = self.0.out.at_a_moment(|out| {
            *out = out.saturating_add(permits);
            if *out <= limit { Ok(()) } else { Err(format!("{out} are out, and the limit is {limit}")) }
        });
        note(|| format!("has acquired {permits}"));
        self.0.verdict.hear(outcome);
    }

    /// `permits` are about to be returned.
    ///
    /// # Panics
    /// If fewer are out.
    #[track_caller]
    pub fn returned(&self, permits: usize) {
        let outcome = self.0.out.at_a_moment(|out| {
            let left = out
                .checked_sub(permits)
                .ok_or_else(|| format!("{permits} are returned, and {out} are out"))?;
            *out = left;
            Ok(())
        });
        note(|| format!("returns {permits}"));
        self.0.verdict.hear(outcome);
    }

    /// How many are out.
    pub fn out(&self) -> usize {
        self.0.out.at_a_moment(|out| *out)
    }

    /// When all is quiet: asks that none is out.
    ///
    /// # Panics
    /// If some are, or if the balance was ever violated.
    #[track_caller]
    pub fn check_quiet(&self) {
        self.0.verdict.check();
        let out = self.out();
        self.0.verdict.hear(if out == 0 { Ok(()) } else { Err(format!("all is quiet, and {out} are out")) });
    }
}
