//! What travels through a queue.

use core::num::NonZeroU64;
use std::fmt;

/// How urgent a message is; higher goes first. The named values are Ceph's (`msg/Message.h`, Jewel).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

impl Priority {
    /// 64: background work.
    pub const LOW: Self = Self(64);
    /// 127: what a message has unless it says otherwise.
    pub const DEFAULT: Self = Self(127);
    /// 196: what others wait for.
    pub const HIGH: Self = Self(196);
    /// 255: nothing goes before it.
    pub const HIGHEST: Self = Self(255);
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Debug for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Priority({})", self.0)
    }
}

/// What a queue must know of a message.
pub trait Message: Send + 'static {
    /// How urgent it is. Asked once, by the thread that queues it. Should be quick and must not panic; if it
    /// does on the local thread, the message is lost and the panic counted.
    fn priority(&self) -> Priority {
        Priority::DEFAULT
    }

    /// How large it is, in bytes or whatever else the queue's limits and the shares of its weighted band are to be
    /// counted in. Must not change while the message is under way, should be quick, and must not panic.
    fn cost(&self) -> u64 {
        1
    }
}

/// Which connection a message came in on. Unique within its queue, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
// One more than the number: so that what holds one, or something else, is no larger.
pub struct ConnectionId(NonZeroU64);

impl ConnectionId {
    /// The queue itself: messages sent through [`Local`](crate::Local).
    pub const LOCAL: Self = Self(NonZeroU64::MIN);

    /// The connection with this number.
    #[inline]
    pub(super) const fn new(number: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(number))
    }

    /// The number behind it: 0 is [`LOCAL`](Self::LOCAL), connections count from 1.
    #[inline]
    pub fn get(self) -> u64 {
        self.0.get() - 1
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({})", self.get())
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_have_their_numbers_and_options_of_them_are_no_larger() {
        assert_eq!(
            [ConnectionId::LOCAL, ConnectionId::new(1), ConnectionId::new(7)].map(ConnectionId::get),
            [0, 1, 7]
        );
        assert_eq!(format!("{0} {0:?}", ConnectionId::new(7)), "7 ConnectionId(7)");
        assert_eq!(size_of::<Option<ConnectionId>>(), size_of::<u64>());
    }
}
