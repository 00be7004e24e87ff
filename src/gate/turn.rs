//! What a callback knows of the moment at which its message leaves.

use crate::error::WaitError;
use crate::gate::epoch::{Epoch, SessionId};
use crate::gate::gatekeeper::Gatekeeper;
use crate::gate::line::{Number, Parked, Waiting};
use crate::gate::shared::Shared;
use crate::sync::Arc;

/// A message's turn to leave: from which session, and under which map.
pub struct Turn<'a, K: Gatekeeper> {
    pub(super) shared: &'a Shared<K>,
    pub(super) session: SessionId,
    pub(super) number: Number,
    pub(super) epoch: Epoch,
    pub(super) map: Arc<K::Map>,
    pub(super) needs: Epoch,
    pub(super) group: K::Group,
}

impl<K: Gatekeeper> Turn<'_, K> {
    /// The session that the message leaves.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The epoch under which it leaves: at least the one it needs, never lower than in an earlier callback of the
    /// session (E2, E3).
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The map of that epoch. A clone that you keep keeps it alive.
    pub fn map(&self) -> &Arc<K::Map> {
        &self.map
    }

    /// Sets the message aside: its group is missing (Ceph: waiting_for_pg). Later messages of the session pass it,
    /// but for those of the same group, which wait behind it. When the group appears they rejoin at the front, in the
    /// order of their arrival.
    ///
    /// `message` is what [`Gatekeeper::pass`] was given: its place and its group are those of the message whose turn
    /// this is.
    ///
    /// # Ordering
    /// If [`EpochGate::group_appeared`](crate::EpochGate::group_appeared) names the group after the callback began, even
    /// before this call, the message is not set aside but has its turn again. So who looks for a group, finds none and
    /// calls this is not too late, if whoever makes the group lets it be found first and calls `group_appeared` then.
    ///
    /// # Errors
    /// If the session has been reset or dropped, or the gate stopped, since the callback began; with the message.
    pub fn wait_for_group(self, message: K::Message) -> Result<(), WaitError<K::Message>> {
        let waiting = Waiting { needs: self.needs, group: self.group, message };
        let parked = self.shared.state.lock().park(self.session, self.number, waiting);
        match parked {
            Parked::Waits => Ok(()),
            Parked::Refused(message) => Err(WaitError::new(message)),
        }
    }
}

impl<K: Gatekeeper> std::fmt::Debug for Turn<'_, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn")
            .field("session", &self.session)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
