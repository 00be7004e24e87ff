//! A session's way in.

use crate::error::ArriveError;
use crate::gate::epoch::SessionId;
use crate::gate::gatekeeper::Gatekeeper;
use crate::gate::shared::Shared;
use crate::sync::Arc;

/// One session of an [`EpochGate`](crate::EpochGate) (Ceph: `Session`, as far as it waits for maps). Dropped, what
/// waits in it is dropped with it.
///
/// It holds the gate. The gate holds its messages and no session; an idle one holds no map (E5).
pub struct GateSession<K: Gatekeeper> {
    shared: Arc<Shared<K>>,
    id: SessionId,
}

impl<K: Gatekeeper> GateSession<K> {
    pub(super) fn new(shared: Arc<Shared<K>>) -> Self {
        let id = shared.state.lock().open();
        Self { shared, id }
    }

    /// Names it in [`Turn`](crate::Turn)s and in what [`EpochGate::stop`](crate::EpochGate::stop) hands back.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// A message arrives: it goes to the back, even if it could leave at once (E1).
    ///
    /// If nobody delivers this session and its head may leave, this call delivers: that message and all behind it that
    /// may follow, one [`Gatekeeper::pass`] after the other, those that arrive meanwhile included. If somebody does, that
    /// is who delivers this one, and the call returns at once: nobody waits for another thread's callback.
    ///
    /// # Ordering
    /// Messages of a session leave in the order of these calls; calls at the same time in some order. A callback sees
    /// what the session's earlier ones wrote, and what its bringer had written. A message that steps aside for its
    /// group ([`Turn::wait_for_group`](crate::Turn::wait_for_group)) keeps its order only with those of its group.
    ///
    /// # Errors
    /// If the gate has been stopped; with the message.
    ///
    /// # Panics
    /// If a callback does that it runs, after all that follow.
    pub fn arrive(&self, message: K::Message) -> Result<(), ArriveError<K::Message>> {
        self.shared.arrive(self.id, message).map_err(ArriveError::new)
    }

    /// Empties it (Ceph: session_handle_reset): what waits comes back, in the order of arrival, and never leaves.
    ///
    /// A callback of the session that runs on another thread goes on; what it would set aside comes back to it. The
    /// session can be used again; its epochs do not go back.
    pub fn reset(&self) -> Vec<K::Message> {
        let left = self.shared.state.lock().reset(self.id);
        left.into_iter().map(|waiting| waiting.message).collect()
    }
}

impl<K: Gatekeeper> Drop for GateSession<K> {
    fn drop(&mut self) {
        // Dropped after the lock: what a message holds is not ours.
        let _line = self.shared.state.lock().close(self.id);
    }
}

impl<K: Gatekeeper> std::fmt::Debug for GateSession<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GateSession").field("id", &self.id).finish_non_exhaustive()
    }
}
