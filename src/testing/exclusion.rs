//! P3: one at a time for each key.

use crate::sync::{Arc, note};
use crate::testing::per_key::{Key, PerKey};
use crate::testing::verdict::Verdict;

/// Mutual exclusion by key: at most one is inside at a time (P3; with one key for a whole queue, D12).
///
/// Enter where the callback begins, and keep the guard to its end. Clones are the same checker. In a model entering and
/// leaving are steps, so loom interleaves them; they order nothing, so what the subject fails to order stays so.
///
/// ```
/// use keylane::{Handler, Lease, ShardedThreadPool};
/// use keylane::testing::{Exclusion, settle};
///
/// struct Accounts { exclusion: Exclusion<u32> }
/// impl Handler for Accounts {
///     type Key = u32;
///     type Item = i64;
///     fn handle(&self, account: Lease<'_, Self::Key, Self::Item>, _amount: i64) {
///         let _inside = self.exclusion.enter(&account);
///         // ...
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let exclusion = Exclusion::new();
/// let accounts = Accounts { exclusion: exclusion.clone() };
/// let (pool, mut workers) = ShardedThreadPool::builder(accounts).stepped()?;
/// pool.submit(7, 100)?;
/// assert_eq!(settle(&mut workers), 1);
/// exclusion.check();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Exclusion<K>(Arc<State<K>>);

#[derive(Debug)]
struct State<K> {
    inside: PerKey<K, usize>,
    verdict: Verdict,
}

/// Inside of a key until dropped.
#[must_use = "leaves when dropped"]
#[derive(Debug)]
pub struct Inside<'a, K: Key> {
    exclusion: &'a Exclusion<K>,
    key: K,
}

impl<K: Key> Exclusion<K> {
    /// Nobody is inside. In a model: make it in the scenario, before its threads.
    pub fn new() -> Self {
        Self(Arc::new(State { inside: PerKey::new(), verdict: Verdict::new("P3 (key exclusion)") }))
    }

    /// Goes inside of `key`.
    ///
    /// # Panics
    /// If another is inside of it.
    #[track_caller]
    pub fn enter(&self, key: &K) -> Inside<'_, K> {
        let others = self.0.inside.at_a_moment(key, |inside| {
            *inside += 1;
            *inside - 1
        });
        note(|| format!("enters {key:?}, where {others} are"));
        // Before the verdict, so that who panics leaves too.
        let entered = Inside { exclusion: self, key: key.clone() };
        self.0.verdict.hear(match others {
            0 => Ok(entered),
            _ => Err(format!("{key:?} is entered while another is inside")),
        })
    }

    /// Asks again at the end, for panics that a pool has contained.
    ///
    /// # Panics
    /// If two have ever been inside of one key.
    #[track_caller]
    pub fn check(&self) {
        self.0.verdict.check();
    }
}

impl<K: Key> Drop for Inside<'_, K> {
    fn drop(&mut self) {
        self.exclusion.0.inside.at_a_moment(&self.key, |inside| *inside -= 1);
        note(|| format!("leaves {:?}", self.key));
    }
}

impl<K: Key> Default for Exclusion<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Clone for Exclusion<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
