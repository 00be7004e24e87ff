//! The gate as its owner sees it: publish, open sessions, stop.

use crate::error::PublishError;
use crate::gate::epoch::{Epoch, SessionId};
use crate::gate::gatekeeper::Gatekeeper;
use crate::gate::session::GateSession;
use crate::gate::shared::Shared;
use crate::gate::state::State;
use crate::sync::{Arc, Mutex};

/// Holds messages back until the map that they need is published (Ceph: an operation that waits for an OSDMap).
///
/// It has no threads. Callbacks run on the threads that arrive and publish, with no lock held, one at a time for each
/// session: who finds a session idle delivers it, who finds somebody at it leaves the message there and goes. So whoever
/// delivers stays as long as more arrives in that session. Clones are handles to the same gate.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use keylane::{Epoch, EpochGate, Gatekeeper, Turn};
///
/// /// Operations say which map their client had.
/// struct Osd(Arc<Mutex<Vec<(&'static str, u64)>>>);
/// impl Gatekeeper for Osd {
///     type Message = (Epoch, &'static str);
///     type Map = &'static str;
///     type Group = ();
///     fn epoch_of(&self, op: &(Epoch, &'static str)) -> Epoch { op.0 }
///     fn group_of(&self, _: &(Epoch, &'static str)) {}
///     fn pass(&self, turn: Turn<'_, Self>, op: (Epoch, &'static str)) {
///         self.0.lock().unwrap().push((op.1, turn.epoch().0));
///     }
///     fn wanted(&self, epoch: Epoch) { println!("would somebody send me map {epoch}?"); }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let left = Arc::default();
/// let gate = EpochGate::new(Osd(Arc::clone(&left)));
/// gate.publish(Epoch(1), Arc::new("the first map"))?;
/// let session = gate.session();
/// session.arrive((Epoch(1), "read"))?;
/// session.arrive((Epoch(2), "write"))?;      // waits for map 2
/// session.arrive((Epoch(1), "read again"))?; // behind it: nothing passes the head
/// assert_eq!(gate.wanted(), Some(Epoch(2)));
/// gate.publish(Epoch(2), Arc::new("the second map"))?;
/// assert_eq!(*left.lock().unwrap(), [("read", 1), ("write", 2), ("read again", 2)]);
/// assert!(gate.stop().is_empty());
/// # Ok(())
/// # }
/// ```
pub struct EpochGate<K: Gatekeeper> {
    shared: Arc<Shared<K>>,
}

impl<K: Gatekeeper> EpochGate<K> {
    /// A gate with no map yet: everything waits.
    pub fn new(keeper: K) -> Self {
        Self { shared: Arc::new(Shared { keeper, state: Mutex::new(State::new()) }) }
    }

    /// Opens a session. After [`stop`](Self::stop) it refuses everything.
    pub fn session(&self) -> GateSession<K> {
        GateSession::new(Arc::clone(&self.shared))
    }

    /// Publishes `map` as the one of `epoch`: everything that needs it or an earlier one may leave, with no further
    /// message (E4), unless something before it in its session may not.
    ///
    /// Delivers what waits in sessions that nobody delivers. When it returns, all of it has left, or leaves on another
    /// thread that was at its session.
    ///
    /// # Ordering
    /// A callback that begins after this returned has this map or a later one (E3), and sees what the caller had
    /// written.
    ///
    /// # Errors
    /// If `epoch` is not later than the one published last, or the gate has been stopped; with the map. Nothing has
    /// changed.
    ///
    /// # Panics
    /// If a callback does that it runs. The map is published, and all that may leave has left.
    pub fn publish(&self, epoch: Epoch, map: Arc<K::Map>) -> Result<(), PublishError<Arc<K::Map>>> {
        let before = self.shared.state.lock().publish(epoch, map)?;
        // Callbacks may take their time, and need only the new one.
        drop(before);
        self.shared.release();
        Ok(())
    }

    /// `group` is there now: what was set aside for it rejoins its sessions at the front, in the order of arrival (Ceph:
    /// wake_pg_waiters), and leaves like everything else. Let the group be found before you call this.
    ///
    /// Delivers, as [`publish`](Self::publish) does. Call it with no lock in hand that a callback takes.
    ///
    /// # Panics
    /// If a callback does that it runs, after all that may leave has left.
    pub fn group_appeared(&self, group: &K::Group) {
        self.shared.state.lock().appeared(group);
        self.shared.release();
    }

    /// The newest epoch and its map.
    pub fn published(&self) -> Option<(Epoch, Arc<K::Map>)> {
        self.shared.state.lock().published()
    }

    /// The highest epoch that somebody waits for and that is not there: what to ask for. Looks at every message that
    /// waits; [`Gatekeeper::wanted`] tells it when it happens.
    pub fn wanted(&self) -> Option<Epoch> {
        self.shared.state.lock().wanted()
    }

    /// Ends it: what waits comes back, each session's in the order of arrival, the gate lets go of its map, and
    /// everything later is refused. No callback begins any more; those that run on other threads may still.
    ///
    /// Again, it hands back nothing.
    pub fn stop(&self) -> Vec<(SessionId, K::Message)> {
        let (left, _map) = self.shared.state.lock().stop();
        left.into_iter().map(|(session, waiting)| (session, waiting.message)).collect()
    }

    /// The gatekeeper.
    pub fn keeper(&self) -> &K {
        &self.shared.keeper
    }
}

impl<K: Gatekeeper> Clone for EpochGate<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K: Gatekeeper> std::fmt::Debug for EpochGate<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EpochGate").finish_non_exhaustive()
    }
}
