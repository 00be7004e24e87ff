//! D1 and P1: what was accepted has exactly one fate.

use std::collections::BTreeMap;

/// What became of an accepted message or item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its callback began, on whatever thread.
    Ran,
    /// It came back to whoever stopped the queue or pool.
    HandedBack,
}

/// Every number that was offered, whether it was taken, and what became of it.
///
/// Callbacks may begin before the call that accepted them has returned, so fates are compared with
/// acceptances only when the books are [closed](Self::close).
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pages: BTreeMap<u64, Page>,
}

#[derive(Clone, Debug, Default)]
struct Page {
    accepted: Option<bool>,
    fates: Vec<Fate>,
}

impl Ledger {
    /// Nothing has been offered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number `id` was offered, and taken or given back at once.
    ///
    /// # Panics
    /// If it has been offered before: the test's own mistake.
    pub fn offered(&mut self, id: u64, accepted: bool) {
        let before = self.pages.entry(id).or_default().accepted.replace(accepted);
        assert!(before.is_none(), "{id} was offered twice");
    }

    /// Number `id` met `fate`.
    pub fn met(&mut self, id: u64, fate: Fate) {
        self.pages.entry(id).or_default().fates.push(fate);
    }

    /// How many have been accepted.
    pub fn accepted(&self) -> usize {
        self.pages.values().filter(|page| page.accepted == Some(true)).count()
    }

    /// Closes the books.
    ///
    /// # Errors
    /// A sentence about the first number that breaks the rule: accepted ones have one fate, others none.
    pub fn close(&self) -> Result<(), String> {
        for (id, Page { accepted, fates }) in &self.pages {
            let due = usize::from(*accepted == Some(true));
            if fates.len() != due {
                return Err(format!("{id}: accepted {accepted:?}, fates {fates:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lost_the_doubled_and_the_uninvited_are_found() {
        let mut good = Ledger::new();
        good.met(1, Fate::Ran);
        good.offered(1, true);
        good.offered(2, false);
        assert_eq!((good.close(), good.accepted()), (Ok(()), 1));

        let mut lost = good.clone();
        lost.offered(3, true);
        assert!(lost.close().is_err());

        let mut doubled = good.clone();
        doubled.met(1, Fate::HandedBack);
        assert!(doubled.close().is_err());

        let mut uninvited = good;
        uninvited.met(2, Fate::Ran);
        assert!(uninvited.close().is_err());
    }
}
