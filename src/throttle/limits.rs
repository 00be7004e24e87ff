//! How much may be out at once, and what fits.

/// How much a [`Throttle`](crate::Throttle) lets out at once. `None` is no limit, and is counted all the same.
///
/// A request fits if *in each of the two units*, messages and bytes, either none is out, or what is out and the request
/// together stay within the limit. So
///
/// * a request larger than the limit waits until no bytes are out, and then goes alone: until it comes back, more is
///   out than the limit says, by this one request and nothing else;
/// * zero is the smallest limit there is, and stops nothing: `count: Some(0)` lets one at a time out, as `Some(1)` does,
///   and `bytes: Some(0)` one at a time of those that have bytes. Whoever is first in line is served at the latest when
///   all has come back, whatever the limits are. To stop a throttle, close it;
/// * sums do not overflow. What would be more than [`u64::MAX`] bytes waits, without a limit too.
///
/// Ceph's `Throttle` admits what is larger than the limit as soon as no more is out than the limit, so that almost twice
/// as much as that and the request can be out; and to it a limit of zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Permits.
    pub count: Option<u64>,
    /// The sum of their bytes.
    pub bytes: Option<u64>,
}

impl Limits {
    /// None in either unit.
    pub const NONE: Self = Self { count: None, bytes: None };

    /// Whether a request for `more` may go out beside what is `out`.
    pub(crate) fn admit(&self, out: Amount, more: Amount) -> bool {
        fits(out.count, more.count, self.count) && fits(out.bytes, more.bytes, self.bytes)
    }
}

fn fits(out: u64, more: u64, limit: Option<u64>) -> bool {
    out == 0 || out.checked_add(more).is_some_and(|sum| sum <= limit.unwrap_or(u64::MAX))
}

/// So many messages, of so many bytes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub count: u64,
    pub bytes: u64,
}

impl Amount {
    /// One message.
    pub fn of(bytes: u64) -> Self {
        Self { count: 1, bytes }
    }
}
