//! The charge: what whoever has the baton does with what it guards. Sequential code.

use std::collections::{BTreeSet, VecDeque};

use super::NEVER;
use crate::{Id, when};

/// What is under the baton.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Core {
    /// By key: those that wait, in order.
    pub(super) line: Vec<VecDeque<Id>>,
    /// Those whose time has not come, the earliest first.
    pub(super) later: BTreeSet<Arrival>,
    /// By key: the item that has it, or 0.
    pub(super) busy: Vec<Id>,
    /// Whoever looks out first, then the latest last: it is woken first.
    pub(super) bench: Vec<Id>,
    /// How many were taken off the bench, and did not have the baton since.
    pub(super) waking: usize,
    pub(super) lookout: Option<Id>,
    pub(super) until: u8,
    pub(super) is_paused: bool,
    pub(super) stop: bool,
}

/// An item. Its fields are in the order in which what is due queues up.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Arrival {
    /// When it is due; 0 if it is not for later.
    pub(super) due: u8,
    pub(super) item: Id,
    pub(super) key: Id,
    /// When it was submitted.
    pub(super) at: u8,
}

impl Core {
    pub(super) fn new(keys: u8) -> Self {
        Self {
            line: vec![VecDeque::new(); keys.into()],
            later: BTreeSet::new(),
            busy: vec![0; keys.into()],
            bench: Vec::new(),
            waking: 0,
            lookout: None,
            until: NEVER,
            is_paused: false,
            stop: false,
        }
    }

    pub(super) fn may_start(&self) -> bool {
        !self.is_paused
    }

    pub(super) fn runnable(&self) -> usize {
        if !self.may_start() {
            return 0;
        }
        self.line.iter().zip(&self.busy).filter(|&(line, &busy)| busy == 0 && !line.is_empty()).count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.iter().all(VecDeque::is_empty)
    }

    pub(super) fn is_over(&self) -> bool {
        self.stop && self.is_empty()
    }

    /// Those whose time has come by then, the earliest first.
    fn queue_what_is_due(&mut self, by: u8) {
        while self.later.first().is_some_and(|first| first.due <= by) {
            self.later.pop_first().into_iter().for_each(|first| self.queue(first));
        }
    }

    fn queue(&mut self, arrival: Arrival) {
        self.line[usize::from(arrival.key)].push_back(arrival.item);
    }

    /// Takes in what has arrived. What came later than something was due comes behind it.
    pub(super) fn take_in(&mut self, arrived: &[Arrival], now: u8) {
        for &arrival in arrived {
            self.queue_what_is_due(arrival.at);
            if arrival.due == 0 {
                self.queue(arrival);
            } else {
                self.later.insert(arrival);
            }
        }
        self.queue_what_is_due(now);
    }

    /// When somebody has to look.
    pub(super) fn due(&self) -> u8 {
        self.later.first().filter(|_| self.may_start()).map_or(NEVER, |first| first.due)
    }

    /// The first of this key starts, if it is ready.
    pub(super) fn start(&mut self, key: Id) -> Option<()> {
        let key = usize::from(key);
        when(self.busy[key] == 0)?;
        self.busy[key] = self.line[key].pop_front()?;
        Some(())
    }

    /// What is left runs, unless it may not start; what was to come does not.
    pub(super) fn shut_down(&mut self) {
        self.stop = true;
        self.later.clear();
        if !self.may_start() {
            self.line.iter_mut().for_each(VecDeque::clear);
        }
    }

    /// How many sleep that have to be woken for items.
    pub(super) fn uncovered(&self) -> usize {
        self.runnable().saturating_sub(self.waking).min(self.bench.len())
    }

    /// Takes so many off the bench, the last first.
    pub(super) fn take_off(&mut self, count: usize, to_ring: impl FnMut(Id)) {
        let left = self.bench.len() - count;
        self.bench.drain(left..).for_each(to_ring);
        self.waking += count;
        if left == 0 {
            (self.lookout, self.until) = (None, NEVER);
        }
    }

    /// A worker leaves the bench, if it is there.
    pub(super) fn leave(&mut self, worker: Id) -> bool {
        let place = self.bench.iter().position(|&other| other == worker);
        if let Some(place) = place {
            self.bench.remove(place);
            if self.lookout == Some(worker) {
                (self.lookout, self.until) = (None, NEVER);
            }
        }
        place.is_some()
    }

    pub(super) fn needs_lookout(&self) -> bool {
        let due = self.due();
        !self.bench.is_empty() && self.waking == 0 && due != NEVER && self.until > due
    }

    /// A worker that is on the bench looks out.
    pub(super) fn look_out(&mut self, worker: Id) {
        (self.lookout, self.until) = (Some(worker), self.due());
        self.bench.retain(|&other| other != worker);
        self.bench.insert(0, worker);
    }
}
