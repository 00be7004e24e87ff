//! What happens to a connection, beside messages.

/// Something that happened to a connection. Dispatched by the dispatch thread like a message, but before every
/// message, in the order in which events were raised (D9).
///
/// After Ceph's `DispatchQueue::queue_connect`, `queue_accept`, `queue_remote_reset`, `queue_reset` and
/// `queue_refused` (Jewel, and `refused` later).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// This side has reached the peer.
    Connected,
    /// The peer has reached this side.
    Accepted,
    /// The peer has forgotten the session. What it had sent before is discarded.
    RemoteReset,
    /// The connection is gone. What was queued of it is discarded; this is the last that is heard of it, and is heard
    /// once.
    Reset,
    /// The peer would not have this side. As final as `Reset`.
    Refused,
}

impl Event {
    /// Whether every dispatcher of a chain hears it, and not only up to the first that claims it: Ceph's rule.
    pub(super) fn is_for_all(self) -> bool {
        match self {
            Self::Connected | Self::Accepted | Self::RemoteReset => true,
            Self::Reset | Self::Refused => false,
        }
    }
}
