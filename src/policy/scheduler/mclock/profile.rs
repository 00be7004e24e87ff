//! Shares that others have found good.

use super::Share;
use crate::policy::scheduler::Class;

/// The profiles of Ceph's OSD, over three classes.
///
/// Percentages are of the capacity; what is *all* has no limit, and *none* no reservation.
///
/// | | [`CLIENT`](Self::CLIENT) | [`RECOVERY`](Self::RECOVERY) | [`BEST_EFFORT`](Self::BEST_EFFORT) |
/// |---|---|---|---|
/// | `Balanced` | 50 %, weight 1, all | 50 %, weight 1, all | none, weight 1, 90 % |
/// | `HighClientOps` | 60 %, weight 2, all | 40 %, weight 1, all | none, weight 1, 70 % |
/// | `HighRecoveryOps` | 30 %, weight 1, all | 70 %, weight 2, all | none, weight 1, all |
///
/// From *mClock Config Reference* of Ceph's documentation
/// (`doc/rados/configuration/mclock-config-ref.rst`, at commit 073827758d33). Quincy, 17.2, had other numbers (for
/// `balanced`: 40 %, 1, 100 %; 40 %, 1, 150 %; 20 %, 2, all).
///
/// All three reserve the whole capacity for clients and recovery. While both use up what they reserved, best effort
/// gets what the pool can do beyond the capacity that was stated, and perhaps nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// Clients and recovery alike. Ceph's default.
    #[default]
    Balanced,
    /// Clients first; recovery takes longer.
    HighClientOps,
    /// Recovery first.
    HighRecoveryOps,
}

impl Profile {
    /// What external clients ask for.
    pub const CLIENT: Class = Class(0);
    /// What restores redundancy.
    pub const RECOVERY: Class = Class(1);
    /// Backfill, scrub, the removal of snapshots and placement groups: all that has time.
    pub const BEST_EFFORT: Class = Class(2);

    /// The shares of the three classes in a pool that can do `capacity` cost units a second. Reservations are rounded
    /// down, limits up.
    pub fn shares(self, capacity: u64) -> [(Class, Share); 3] {
        let percent = |of_hundred: u64| u128::from(capacity) * u128::from(of_hundred);
        let down = |of_hundred| u64::try_from(percent(of_hundred) / 100).expect("no more than the capacity");
        let up =
            |of_hundred| u64::try_from(percent(of_hundred).div_ceil(100)).expect("no more than the capacity");
        let (client, recovery, best_effort) = match self {
            Self::Balanced => ((50, 1), (50, 1), Some(90)),
            Self::HighClientOps => ((60, 2), (40, 1), Some(70)),
            Self::HighRecoveryOps => ((30, 1), (70, 2), None),
        };
        let reserving = |(reservation, weight)| Share::weighted(weight).reserving(down(reservation));
        let best_effort = Share { limit: best_effort.map(up), ..Share::weighted(1) };
        [
            (Self::CLIENT, reserving(client)),
            (Self::RECOVERY, reserving(recovery)),
            (Self::BEST_EFFORT, best_effort),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profiles_are_those_of_ceph() {
        let of = |profile: Profile| {
            profile.shares(1000).map(|(class, share)| (class.0, share.reservation, share.weight, share.limit))
        };
        assert_eq!(of(Profile::default()), of(Profile::Balanced));
        assert_eq!(of(Profile::Balanced), [(0, 500, 1, None), (1, 500, 1, None), (2, 0, 1, Some(900))]);
        assert_eq!(of(Profile::HighClientOps), [(0, 600, 2, None), (1, 400, 1, None), (2, 0, 1, Some(700))]);
        assert_eq!(of(Profile::HighRecoveryOps), [(0, 300, 1, None), (1, 700, 2, None), (2, 0, 1, None)]);
    }

    #[test]
    fn any_capacity_but_none_makes_sense() {
        for profile in [Profile::Balanced, Profile::HighClientOps, Profile::HighRecoveryOps] {
            for capacity in [1, 2, 3, 99, u64::MAX] {
                let shares = profile.shares(capacity);
                assert!(shares.iter().all(|(_, share)| share.check().is_ok()), "{profile:?} of {capacity}");
                let reserved: u128 = shares.iter().map(|(_, share)| u128::from(share.reservation)).sum();
                assert!(reserved <= u128::from(capacity));
            }
        }
        let [(_, client), _, (_, best_effort)] = Profile::HighClientOps.shares(3);
        assert_eq!((client.reservation, best_effort.limit), (1, Some(3)));
    }
}
