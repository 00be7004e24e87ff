//! P2: first submitted, first begun.

use crate::sync::{Arc, note};
use crate::testing::per_key::{Key, PerKey};
use crate::testing::verdict::Verdict;

/// First in, first out by key: if one submit returned before another was called, whoever called them, the first one's
/// item begins first (P2; with a connection and priority as the key, D2). Submits that overlap may go either way.
///
/// Items are told apart by numbers of yours, each used once. Clones are the same checker. In a model calls, returns and
/// beginnings are steps that order nothing: loom interleaves them, which costs interleavings.
///
/// ```
/// use keylane::{Handler, Lease, ShardedThreadPool};
/// use keylane::testing::{Order, settle};
///
/// struct Accounts { order: Order<u32> }
/// impl Handler for Accounts {
///     type Key = u32;
///     type Item = u64; // its number
///     fn handle(&self, account: Lease<'_, Self::Key, Self::Item>, number: u64) {
///         self.order.began(&account, number);
///         // ...
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let order = Order::new();
/// let (pool, mut workers) = ShardedThreadPool::builder(Accounts { order: order.clone() }).stepped()?;
/// for number in 1..=3 {
///     order.submit(&7, number, || pool.submit(7, number))?;
/// }
/// assert_eq!(settle(&mut workers), 3);
/// order.check();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Order<K>(Arc<State<K>>);

#[derive(Debug)]
struct State<K> {
    lines: PerKey<K, Line>,
    verdict: Verdict,
}

/// The items of a key that have not begun, and its own count of moments.
#[derive(Debug, Default)]
struct Line {
    now: u64,
    waiting: Vec<Submit>,
}

#[derive(Debug)]
struct Submit {
    number: u64,
    called: u64,
    returned: Option<u64>,
}

impl<K: Key> Order<K> {
    /// Nothing has been submitted. In a model: make it in the scenario, before its threads.
    pub fn new() -> Self {
        Self(Arc::new(State { lines: PerKey::new(), verdict: Verdict::new("P2 (key order)") }))
    }

    /// Submits item `number` to `key` by `call`, and returns what that does. What is refused has no place in the
    /// order.
    ///
    /// # Errors
    /// Those of `call`.
    #[track_caller]
    pub fn submit<T, E>(&self, key: &K, number: u64, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.0.lines.at_a_moment(key, |line| line.called(number));
        note(|| format!("submits {number} of {key:?}"));
        let outcome = call();
        self.0.lines.at_a_moment(key, |line| line.returned(number, outcome.is_ok()));
        note(|| format!("has submitted {number} of {key:?}"));
        outcome
    }

    /// The callback of item `number` of `key` begins.
    ///
    /// # Panics
    /// If one whose submit had returned before this one's was called has not begun yet; or if there is none of this
    /// number and key.
    #[track_caller]
    pub fn began(&self, key: &K, number: u64) {
        let outcome = self.0.lines.at_a_moment(key, |line| line.began(number));
        note(|| format!("begins {number} of {key:?}"));
        self.0.verdict.hear(outcome.map_err(|what| format!("of {key:?}, {what}")));
    }

    /// Asks again at the end, for panics that a pool has contained.
    ///
    /// # Panics
    /// If the order has ever been broken.
    #[track_caller]
    pub fn check(&self) {
        self.0.verdict.check();
    }
}

impl Line {
    fn now(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn called(&mut self, number: u64) {
        let called = self.now();
        self.waiting.push(Submit { number, called, returned: None });
    }

    /// It may have begun already.
    fn returned(&mut self, number: u64, accepted: bool) {
        let now = self.now();
        if accepted {
            self.waiting
                .iter_mut()
                .filter(|one| one.number == number)
                .for_each(|one| one.returned = Some(now));
        } else {
            self.waiting.retain(|one| one.number != number);
        }
    }

    fn began(&mut self, number: u64) -> Result<(), String> {
        let Some(at) = self.waiting.iter().position(|one| one.number == number) else {
            return Err(format!("{number} begins, which is not under way"));
        };
        let one = self.waiting.remove(at);
        let earlier = self.waiting.iter().find(|other| other.returned.is_some_and(|then| then < one.called));
        match earlier {
            Some(earlier) => Err(format!("{number} begins before {}, submitted before it", earlier.number)),
            None => Ok(()),
        }
    }
}

impl<K: Key> Default for Order<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Clone for Order<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
