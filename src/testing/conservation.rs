//! D1 and P1: nothing is lost, and nothing comes twice.

use std::collections::BTreeMap;

use crate::sync::{Arc, Unseen, note};
use crate::testing::verdict::Verdict;

/// What became of an accepted message or item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its callback began, on whatever thread.
    Ran,
    /// It was dropped with what its connection had queued (D7).
    Discarded,
    /// It came back to whoever stopped the queue or pool.
    HandedBack,
}

/// Conservation: each accepted message or item meets exactly one [`Fate`], and a refused one none (D1, P1).
///
/// What is offered is told apart by numbers of yours, each used once. Callbacks may begin before the call that
/// accepted them has returned, so what is lost is asked for at the end, by [`check`](Self::check). Clones are the same
/// checker. It adds no steps to a model.
///
/// ```
/// use keylane::{Handler, Lease, ShardedThreadPool, Stop};
/// use keylane::testing::{Conservation, Fate};
///
/// struct Accounts { conservation: Conservation }
/// impl Handler for Accounts {
///     type Key = u32;
///     type Item = u64; // its number
///     fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, number: u64) {
///         self.conservation.met(number, Fate::Ran);
///         // ...
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let conservation = Conservation::new();
/// let accounts = Accounts { conservation: conservation.clone() };
/// let pool = ShardedThreadPool::builder(accounts).start()?;
/// for number in 1..=3 {
///     conservation.offer(number, || pool.submit(7, number))?;
/// }
/// pool.shutdown(Stop::HandBack);
/// for (_, number) in pool.join()?.leftovers {
///     conservation.met(number, Fate::HandedBack);
/// }
/// conservation.check();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Conservation(Arc<State>);

#[derive(Debug)]
struct State {
    pages: Unseen<BTreeMap<u64, Page>>,
    verdict: Verdict,
}

#[derive(Debug, Default)]
struct Page {
    accepted: Option<bool>,
    fates: Vec<Fate>,
}

impl Conservation {
    /// Nothing has been offered.
    pub fn new() -> Self {
        Self(Arc::new(State { pages: Unseen::default(), verdict: Verdict::new("D1/P1 (one fate)") }))
    }

    /// Offers `number` by `call`, and returns what that does.
    ///
    /// # Errors
    /// Those of `call`.
    ///
    /// # Panics
    /// As [`offered`](Self::offered).
    #[track_caller]
    pub fn offer<T, E>(&self, number: u64, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let outcome = call();
        self.offered(number, outcome.is_ok());
        outcome
    }

    /// `number` was offered, and taken or refused at once.
    ///
    /// # Panics
    /// If it was refused and has met a fate all the same, or has been offered before, which is the test's mistake.
    #[track_caller]
    pub fn offered(&self, number: u64, accepted: bool) {
        let before = self.write(number, |page| page.accepted.replace(accepted));
        assert!(before.is_none(), "{number} was offered twice");
    }

    /// `number` met `fate`.
    ///
    /// # Panics
    /// If it has met one already, or was refused.
    #[track_caller]
    pub fn met(&self, number: u64, fate: Fate) {
        note(|| format!("{number} meets {fate:?}"));
        self.write(number, |page| page.fates.push(fate));
    }

    /// How many have been accepted.
    pub fn accepted(&self) -> usize {
        self.0.pages.with(|pages| pages.values().filter(|page| page.accepted == Some(true)).count())
    }

    /// Closes the books, when all is over.
    ///
    /// # Panics
    /// If something accepted has met no fate or two, or something else has met one.
    #[track_caller]
    pub fn check(&self) {
        self.0.verdict.check();
        let unbalanced =
            self.0.pages.with(|pages| pages.iter().find_map(|(number, page)| page.at_the_end(*number).err()));
        self.0.verdict.hear(unbalanced.map_or(Ok(()), Err));
    }

    #[track_caller]
    fn write<R>(&self, number: u64, entry: impl FnOnce(&mut Page) -> R) -> R {
        let outcome = self.0.pages.with(|pages| {
            let page = pages.entry(number).or_default();
            let written = entry(page);
            page.so_far(number).map(|()| written)
        });
        self.0.verdict.hear(outcome)
    }
}

impl Page {
    fn so_far(&self, number: u64) -> Result<(), String> {
        match (self.accepted, self.fates.as_slice()) {
            (None | Some(true), [] | [_]) | (Some(false), []) => Ok(()),
            (Some(false), fates) => Err(format!("{number} was refused, and met {fates:?}")),
            (_, fates) => Err(format!("{number} met {fates:?}")),
        }
    }

    fn at_the_end(&self, number: u64) -> Result<(), String> {
        match (self.accepted, self.fates.as_slice()) {
            (Some(true), []) => Err(format!("{number} was accepted, and is lost")),
            (None, fates) => Err(format!("{number} was never offered, and met {fates:?}")),
            _ => self.so_far(number),
        }
    }
}

impl Default for Conservation {
    fn default() -> Self {
        Self::new()
    }
}
