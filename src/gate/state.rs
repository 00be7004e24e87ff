//! Everything that a gate decides by: sequential code under its lock.

use std::collections::BTreeMap;

use crate::error::PublishError;
use crate::gate::epoch::{Epoch, SessionId};
use crate::gate::gatekeeper::Gatekeeper;
use crate::gate::line::{Line, Number, Parked, Waiting};
use crate::sync::{Arc, took};

/// The newest epoch and its map, if there is one.
pub(super) type Published<K> = Option<(Epoch, Arc<<K as Gatekeeper>::Map>)>;

/// See the module's documentation.
pub(super) struct State<K: Gatekeeper> {
    published: Published<K>,
    /// The highest epoch that was wanted when a message arrived.
    asked: Option<Epoch>,
    stopped: bool,
    opened: SessionId,
    lines: BTreeMap<SessionId, Line<K>>,
}

/// What waited, and in which session.
pub(super) type Left<K> = (SessionId, Waiting<K>);

/// A callback to be run.
pub(super) struct Begun<K: Gatekeeper> {
    pub(super) session: SessionId,
    pub(super) number: Number,
    pub(super) epoch: Epoch,
    pub(super) map: Arc<K::Map>,
    pub(super) head: Waiting<K>,
}

/// What follows from an arrival.
pub(super) struct Arrived<K: Gatekeeper> {
    /// To be asked for.
    pub(super) wanted: Option<Epoch>,
    /// To be run by who brought the message; perhaps an earlier one.
    pub(super) begun: Option<Begun<K>>,
}

impl<K: Gatekeeper> State<K> {
    pub(super) fn new() -> Self {
        Self {
            published: None,
            asked: None,
            stopped: false,
            opened: SessionId::FIRST,
            lines: BTreeMap::new(),
        }
    }

    pub(super) fn open(&mut self) -> SessionId {
        let id = self.opened;
        self.opened = id.next();
        self.lines.insert(id, Line::new());
        id
    }

    /// The line, to be dropped without the lock.
    pub(super) fn close(&mut self, id: SessionId) -> Option<Line<K>> {
        self.lines.remove(&id)
    }

    pub(super) fn published(&self) -> Published<K> {
        self.published.clone()
    }

    /// To the back, and whatever follows from it: one step, so that nothing can be published in between.
    pub(super) fn arrive(&mut self, id: SessionId, waiting: Waiting<K>) -> Result<Arrived<K>, K::Message> {
        if self.stopped {
            return Err(waiting.message);
        }
        let needs = Some(waiting.needs);
        let line = self.lines.get_mut(&id).expect("a session has its line until it is dropped");
        line.push(waiting);
        took(self, "arrive", id.get());
        let wanted = needs.filter(|_| needs > self.epoch() && needs > self.asked);
        self.asked = self.asked.max(wanted);
        Ok(Arrived { wanted, begun: self.begin(id) })
    }

    /// The map that was there before, to be dropped without the lock.
    pub(super) fn publish(
        &mut self,
        epoch: Epoch,
        map: Arc<K::Map>,
    ) -> Result<Published<K>, PublishError<Arc<K::Map>>> {
        if self.stopped {
            return Err(PublishError::Stopped { map });
        }
        match self.epoch() {
            Some(published) if epoch <= published => Err(PublishError::Stale { epoch, published, map }),
            _ => {
                took(self, "publish", epoch.0);
                Ok(self.published.replace((epoch, map)))
            }
        }
    }

    pub(super) fn appeared(&mut self, group: &K::Group) {
        took(self, "appeared", 0);
        self.lines.values_mut().for_each(|line| line.appeared(group));
    }

    /// Begins the next callback of `id`, if none runs and its head may leave.
    fn begin(&mut self, id: SessionId) -> Option<Begun<K>> {
        let (epoch, map) = self.published.as_ref()?;
        let (number, head) = self.lines.get_mut(&id)?.begin(*epoch)?;
        Some(Begun { session: id, number, epoch: *epoch, map: Arc::clone(map), head })
    }

    /// Begins the next callback of the first session from `id` on that has one.
    pub(super) fn begin_from(&mut self, id: SessionId) -> Option<Begun<K>> {
        took(self, "begin_from", id.get());
        let (epoch, map) = self.published.as_ref()?;
        let mut lines = self.lines.range_mut(id..);
        let (session, (number, head)) =
            lines.find_map(|(id, line)| line.begin(*epoch).map(|head| (*id, head)))?;
        Some(Begun { session, number, epoch: *epoch, map: Arc::clone(map), head })
    }

    /// The callback that ran has ended: the next one, if there is one.
    pub(super) fn go_on(&mut self, id: SessionId) -> Option<Begun<K>> {
        took(self, "go_on", id.get());
        self.lines.get_mut(&id)?.end();
        self.begin(id)
    }

    pub(super) fn park(&mut self, id: SessionId, number: Number, waiting: Waiting<K>) -> Parked<K::Message> {
        took(self, "park", id.get());
        match self.lines.get_mut(&id) {
            Some(line) => line.park(number, waiting),
            None => Parked::Refused(waiting.message),
        }
    }

    pub(super) fn reset(&mut self, id: SessionId) -> Vec<Waiting<K>> {
        took(self, "reset", id.get());
        self.lines.get_mut(&id).map(Line::empty).unwrap_or_default()
    }

    /// Everything that waits, session by session, and the map: to be dropped without the lock.
    pub(super) fn stop(&mut self) -> (Vec<Left<K>>, Published<K>) {
        self.stopped = true;
        took(self, "stop", 0);
        let left = self.lines.iter_mut().flat_map(|(id, line)| {
            let left = line.empty();
            left.into_iter().map(|waiting| (*id, waiting))
        });
        (left.collect(), self.published.take())
    }

    pub(super) fn wanted(&self) -> Option<Epoch> {
        let needs = self.lines.values().filter_map(Line::needs).max();
        needs.filter(|_| needs > self.epoch())
    }

    fn epoch(&self) -> Option<Epoch> {
        self.published.as_ref().map(|(epoch, _)| *epoch)
    }
}
