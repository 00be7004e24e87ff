//! What a snapshot must say, counted from what was seen outside.

use std::collections::BTreeMap;
use std::time::Duration;

use keylane::{Delivered, QueueSnapshot};

use crate::ops::Event;

/// So many callbacks the dispatch loop may have run without telling.
const BEHIND: u64 = 64;

/// How often each has been seen.
#[derive(Debug, Default)]
pub struct Figures {
    fast: u64,
    queued: u64,
    sent: u64,
    dispatched: u64,
    fast_to_oneself: u64,
    told: u64,
    discarded: u64,
    /// When what waits was accepted, by number.
    waiting: BTreeMap<u64, Duration>,
}

impl Figures {
    /// Sees what has happened at the moment `now`.
    pub fn see(&mut self, event: &Event, now: Duration) {
        match *event {
            Event::Delivered(id, Delivered::Queued) | Event::Sent(id) => {
                self.waiting.insert(id, now);
            }
            Event::Began { id, .. } | Event::Discarded(id) => {
                self.waiting.remove(&id);
            }
            _ => {}
        }
        let figure = match event {
            Event::Delivered(_, Delivered::Fast) | Event::DeliveredInPanic(_) => &mut self.fast,
            Event::Delivered(_, Delivered::Queued) => &mut self.queued,
            Event::Sent(_) => &mut self.sent,
            Event::Began { how: Delivered::Queued, .. } => &mut self.dispatched,
            Event::Began { how: Delivered::Fast, from: 0, .. } => &mut self.fast_to_oneself,
            Event::Told(..) => &mut self.told,
            Event::Discarded(_) => &mut self.discarded,
            _ => return,
        };
        *figure += 1;
    }

    /// Between two operations. What a loop did last it may not have told yet, and the dispatch loop no more than [`BEHIND`].
    pub fn check(&self, snapshot: &QueueSnapshot, now: Duration) {
        self.check_ages(snapshot, now);
        let QueueSnapshot { queued, local, fast, .. } = snapshot;
        assert_eq!(*fast, self.fast, "{snapshot:?}");
        assert_eq!(local.sent, self.sent, "{snapshot:?}");
        let accepted = self.queued + local.passed_on;
        assert!([accepted, accepted + 1].contains(&queued.accepted), "{snapshot:?} and {self:?}");
        let over = queued.dispatched + queued.discarded + queued.handed_back;
        assert_eq!(queued.accepted, queued.depth() + over, "{snapshot:?}");
        let over = local.fast + local.passed_on + local.lost + local.handed_back;
        assert_eq!(local.sent, local.depth + over, "{snapshot:?}");
        let told = local.fast;
        assert!([told, told + 1].contains(&self.fast_to_oneself), "{snapshot:?} and {self:?}");
        let [dispatched, told, discarded] = [
            (queued.dispatched, self.dispatched),
            (queued.told, self.told),
            (queued.discarded, self.discarded),
        ]
        .map(|(told, seen)| seen.checked_sub(told).unwrap_or_else(|| panic!("{snapshot:?} and {self:?}")));
        assert!(dispatched + told <= BEHIND, "{snapshot:?} and {self:?}");
        // It is discarded by a look, and told by the next one; after one that discarded the thread always looks.
        assert!(discarded == 0 || dispatched + told <= 1, "{snapshot:?} and {self:?}");
    }

    /// What the loops have not told yet may be older, and so may what waits no more.
    fn check_ages(&self, snapshot: &QueueSnapshot, now: Duration) {
        let QueueSnapshot { queued, local, .. } = snapshot;
        assert_eq!(queued.oldest.is_some(), queued.depth() > 0, "{snapshot:?}");
        assert_eq!(local.oldest.is_some(), local.depth > 0, "{snapshot:?}");
        let oldest = self.waiting.values().min().map(|accepted| now - *accepted);
        assert!(queued.oldest.max(local.oldest) >= oldest, "{snapshot:?}, and {oldest:?} at {now:?}");
    }

    /// When the queue has been taken apart: there is no last thing left to tell.
    pub fn check_end(&mut self, snapshot: &QueueSnapshot, leftovers: usize, untold: usize) {
        let QueueSnapshot { queued, local, .. } = snapshot;
        self.waiting.clear();
        assert_eq!((queued.oldest, local.oldest), (None, None), "{snapshot:?}");
        assert_eq!((queued.depth(), local.depth), (0, 0), "{snapshot:?}");
        assert_eq!(queued.dispatched, self.dispatched, "{snapshot:?}");
        assert_eq!(queued.told, self.told, "{snapshot:?}");
        assert_eq!(queued.untold, untold as u64, "{snapshot:?}");
        assert_eq!(queued.raised, queued.told + queued.untold, "{snapshot:?}");
        assert_eq!(local.fast, self.fast_to_oneself, "{snapshot:?}");
        assert_eq!(queued.handed_back + local.handed_back, leftovers as u64, "{snapshot:?}");
        assert_eq!(queued.discarded, self.discarded, "{snapshot:?} and {self:?}");
        assert_eq!(queued.accepted, self.queued + local.passed_on, "{snapshot:?}");
    }
}
