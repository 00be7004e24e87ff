//! One session's messages: sequential code under the gate's lock.

use std::collections::BTreeMap;

use crate::gate::epoch::Epoch;
use crate::gate::gatekeeper::Gatekeeper;
use crate::sync::mark;

/// Which arrival of its session a message was. Lists are sorted by it, so that nothing can get out of order.
pub(super) type Number = u64;

/// A message that waits.
pub(super) struct Waiting<K: Gatekeeper> {
    pub(super) needs: Epoch,
    pub(super) group: K::Group,
    pub(super) message: K::Message,
}

type List<K> = BTreeMap<Number, Waiting<K>>;

/// See the module's documentation.
pub(super) struct Line<K: Gatekeeper> {
    arrived: Number,
    /// Ceph: waiting_on_map.
    waiting: List<K>,
    /// What has been let through and found its group missing (Ceph: waiting_for_pg). No list is empty.
    aside: BTreeMap<K::Group, List<K>>,
    /// The callback that runs. Whoever made it run goes on with the rest.
    running: Option<Running<K::Group>>,
}

struct Running<G> {
    group: G,
    /// Since it began, its group has appeared.
    appeared: bool,
    /// Since it began, the session has been reset.
    reset: bool,
}

/// What became of a message that is to wait for its group.
pub(super) enum Parked<M> {
    Waits,
    Refused(M),
}

impl<K: Gatekeeper> Line<K> {
    pub(super) fn new() -> Self {
        Self { arrived: 0, waiting: List::<K>::new(), aside: BTreeMap::new(), running: None }
    }

    pub(super) fn push(&mut self, waiting: Waiting<K>) {
        self.arrived += 1;
        self.waiting.insert(self.arrived, waiting);
    }

    /// Begins the callback of the head, if none runs and it may leave under `epoch`.
    pub(super) fn begin(&mut self, epoch: Epoch) -> Option<(Number, Waiting<K>)> {
        if self.running.is_some() {
            mark("left to who delivers");
            return None;
        }
        loop {
            let head = self.waiting.first_entry()?;
            if head.get().needs > epoch {
                mark("waits for an epoch");
                return None;
            }
            let (number, head) = head.remove_entry();
            if let Some(aside) = self.aside.get_mut(&head.group) {
                // Earlier ones wait for its group: so does it, whether the group is there by now or not.
                mark("behind those set aside");
                aside.insert(number, head);
                continue;
            }
            self.running = Some(Running { group: head.group.clone(), appeared: false, reset: false });
            return Some((number, head));
        }
    }

    /// The callback has ended.
    pub(super) fn end(&mut self) {
        self.running = None;
    }

    /// The message whose callback runs is to wait for its group.
    pub(super) fn park(&mut self, number: Number, waiting: Waiting<K>) -> Parked<K::Message> {
        match &self.running {
            Some(running) if !running.reset => {
                let list = if running.appeared {
                    mark("appeared meanwhile");
                    &mut self.waiting
                } else {
                    self.aside.entry(waiting.group.clone()).or_default()
                };
                list.insert(number, waiting);
                Parked::Waits
            }
            _ => {
                mark("set aside after a reset");
                Parked::Refused(waiting.message)
            }
        }
    }

    /// What waits for `group` rejoins, in front of all that came after it.
    pub(super) fn appeared(&mut self, group: &K::Group) {
        if let Some(mut aside) = self.aside.remove(group) {
            mark("rejoined");
            self.waiting.append(&mut aside);
        }
        if let Some(running) = self.running.as_mut().filter(|running| running.group == *group) {
            running.appeared = true;
        }
    }

    /// Everything that waits, in the order of arrival.
    pub(super) fn empty(&mut self) -> Vec<Waiting<K>> {
        if let Some(running) = &mut self.running {
            mark("reset while a callback runs");
            running.reset = true;
        }
        let mut all = std::mem::take(&mut self.waiting);
        for aside in std::mem::take(&mut self.aside).values_mut() {
            all.append(aside);
        }
        all.into_values().collect()
    }

    /// The highest epoch that a message needs.
    pub(super) fn needs(&self) -> Option<Epoch> {
        // What is set aside needs nothing more.
        self.waiting.values().map(|waiting| waiting.needs).max()
    }
}
