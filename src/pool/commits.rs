//! Completion callbacks of a shard: one at a time, in the order in which they came (P11).

use std::collections::VecDeque;

use crate::pool::lives::Tag;
use crate::pool::work::Callback;

/// Those that wait, and whether one runs.
pub(super) struct Commits {
    waiting: VecDeque<(Callback, Tag)>,
    running: bool,
}

impl Commits {
    /// None.
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), running: false }
    }

    /// One more, behind the others.
    pub(super) fn push(&mut self, callback: Callback, tag: Tag) {
        self.waiting.push_back((callback, tag));
    }

    /// Whether one could run: one waits, and none runs.
    pub(super) fn is_ready(&self) -> bool {
        !self.running && !self.waiting.is_empty()
    }

    /// The next, which runs from here on.
    pub(super) fn pick(&mut self) -> Option<(Callback, Tag)> {
        if self.running {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.running = true;
        Some(next)
    }

    /// The one that ran is over.
    pub(super) fn finish(&mut self) {
        self.running = false;
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether one runs.
    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// Takes all that wait, in their order.
    pub(super) fn take_all(&mut self) -> VecDeque<(Callback, Tag)> {
        std::mem::take(&mut self.waiting)
    }
}
