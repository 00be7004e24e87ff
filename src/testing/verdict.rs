//! A broken guarantee, said at once and remembered.

use crate::sync::Unseen;

/// The first violation of a guarantee. A pool contains the panics of its handlers, so a panic alone might go unheard.
#[derive(Debug)]
pub(super) struct Verdict {
    guarantee: &'static str,
    first: Unseen<Option<String>>,
}

impl Verdict {
    pub(super) fn new(guarantee: &'static str) -> Self {
        Self { guarantee, first: Unseen::new(None) }
    }

    /// Panics if `outcome` says what is wrong, and remembers it.
    #[track_caller]
    pub(super) fn hear<T>(&self, outcome: Result<T, String>) -> T {
        outcome.unwrap_or_else(|what| {
            let message = format!("{} is violated: {what}", self.guarantee);
            self.first.with(|first| first.get_or_insert_with(|| message.clone()).clone());
            panic!("{message}")
        })
    }

    /// Panics again, if it has before.
    #[track_caller]
    pub(super) fn check(&self) {
        if let Some(message) = self.first.with(|first| first.clone()) {
            panic!("{message}");
        }
    }
}
