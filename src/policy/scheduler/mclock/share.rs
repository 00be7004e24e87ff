//! What a class is to have.

use crate::error::ShareError;

/// What a class is to have of a pool: at least, at most, and of the rest.
///
/// ```
/// use keylane::Share;
///
/// let share = Share::weighted(2).reserving(500).at_most(900);
/// assert_eq!((share.weight, share.reservation, share.limit), (2, 500, Some(900)));
/// ```
///
/// The default is a weight of 1, nothing reserved and no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// What the class is sure of as long as it has work, in cost units a second; 0 is nothing.
    pub reservation: u64,
    /// Its part of the pool in proportion to the others', as far as reservations and limits allow; what it gets by its
    /// reservation counts. A class without weight gets its reservation, and no more even if nothing else waits.
    pub weight: u32,
    /// What it gets at most, in cost units a second, even if nothing else waits.
    pub limit: Option<u64>,
}

impl Default for Share {
    fn default() -> Self {
        Self { reservation: 0, weight: 1, limit: None }
    }
}

impl Share {
    /// That weight, nothing reserved and no limit.
    pub const fn weighted(weight: u32) -> Self {
        Self { reservation: 0, weight, limit: None }
    }

    /// The same with a reservation, in cost units a second.
    #[must_use]
    pub const fn reserving(self, reservation: u64) -> Self {
        Self { reservation, ..self }
    }

    /// The same with a limit, in cost units a second.
    #[must_use]
    pub const fn at_most(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Whether it makes sense.
    pub(super) fn check(self) -> Result<Self, ShareError> {
        let Self { reservation, weight, limit } = self;
        match limit {
            Some(0) => Err(ShareError::NothingAllowed),
            Some(limit) if limit < reservation => {
                Err(ShareError::LimitBelowReservation { limit, reservation })
            }
            _ if weight == 0 && reservation == 0 => Err(ShareError::NothingGiven),
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_cannot_be_meant_is_refused() {
        let refused = |share: Share| share.check().expect_err("it makes no sense").to_string();
        assert_eq!(refused(Share::weighted(1).at_most(0)), "a limit of 0 would never let anything start");
        assert_eq!(
            refused(Share::weighted(1).reserving(10).at_most(9)),
            "the limit, 9, is below the reservation, 10"
        );
        assert_eq!(
            refused(Share::weighted(0).at_most(7)),
            "neither weight nor reservation: nothing would ever start"
        );
    }

    #[test]
    fn all_else_is_taken() {
        for share in [
            Share::default(),
            Share::weighted(1),
            Share::weighted(0).reserving(1),
            Share::weighted(1).at_most(1),
            Share::weighted(0).reserving(9).at_most(9),
            Share::weighted(u32::MAX).reserving(u64::MAX).at_most(u64::MAX),
        ] {
            assert_eq!(share.check(), Ok(share));
        }
        assert_eq!(Share::default(), Share::weighted(1));
    }
}
