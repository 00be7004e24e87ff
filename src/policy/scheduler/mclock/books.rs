//! What all clones of a scheduler have in common: shares, and the tags of reservation and limit.

use core::time::Duration;
use std::collections::BTreeMap;

use super::Share;
use super::tag::Tag;
use crate::error::ShareError;
use crate::policy::scheduler::{Candidate, Class};

/// Only classes that are named or have started something have an account.
#[derive(Debug)]
pub struct Books {
    catch_up: u128,
    others: Share,
    accounts: BTreeMap<Class, Account>,
}

#[derive(Debug, Default)]
struct Account {
    /// None: that of the classes that are not named.
    share: Option<Share>,
    reserved: Tag,
    limited: Tag,
}

/// From when on a candidate may start, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// By its reservation, if it has one.
    pub reserved: Option<u128>,
    /// By its weight, if it has one: when the limit allows.
    pub by_weight: Option<u128>,
}

impl Due {
    /// From when on it may start.
    pub fn first(self) -> u128 {
        let due = self.reserved.into_iter().chain(self.by_weight).min();
        due.expect("a share without reservation and weight is refused")
    }
}

/// Nanoseconds.
pub fn nanoseconds(time: Duration) -> u128 {
    time.as_nanos()
}

/// Of nanoseconds that are no later than the latest time there is.
pub fn duration(nanoseconds: u128) -> Duration {
    let second = 1_000_000_000;
    let seconds = u64::try_from(nanoseconds / second).expect("no later than the latest");
    Duration::new(seconds, u32::try_from(nanoseconds % second).expect("below a second"))
}

impl Books {
    /// With a share for each class that is not named.
    pub fn new(others: Share, catch_up: Duration) -> Result<Self, ShareError> {
        Ok(Self { catch_up: nanoseconds(catch_up), others: others.check()?, accounts: BTreeMap::new() })
    }

    pub fn set_catch_up(&mut self, catch_up: Duration) {
        self.catch_up = nanoseconds(catch_up);
    }

    pub fn names(&self, class: Class) -> bool {
        self.accounts.get(&class).is_some_and(|account| account.share.is_some())
    }

    pub fn set_share(&mut self, class: Class, share: Share) -> Result<(), ShareError> {
        let share = share.check()?;
        let account = self.accounts.entry(class).or_default();
        account.share = Some(share);
        account.reserved.forget_rest();
        account.limited.forget_rest();
        Ok(())
    }

    pub fn share(&self, class: Class) -> Share {
        self.accounts.get(&class).and_then(|account| account.share).unwrap_or(self.others)
    }

    /// When an item of `class` that arrived then is due.
    pub fn due(&self, candidate: &Candidate, now: u128) -> Due {
        // Another thread has stamped it, and may have looked at the clock later.
        let arrived = nanoseconds(candidate.arrived).min(now);
        // What no time can tell is the end of time.
        let next = |tag: Tag, rate| tag.next(rate).clamp(arrived, nanoseconds(Duration::MAX));
        let share = self.share(candidate.class);
        let [reserved, limited] = match self.accounts.get(&candidate.class) {
            Some(account) => [account.reserved, account.limited],
            None => [Tag::default(); 2],
        };
        Due {
            reserved: (share.reservation > 0).then(|| next(reserved, share.reservation)),
            by_weight: (share.weight > 0).then(|| share.limit.map_or(arrived, |limit| next(limited, limit))),
        }
    }

    /// The reservation's tag as it counts in a comparison: all that are late beyond what they may catch up are equal.
    pub fn lateness(&self, reserved: u128, now: u128) -> u128 {
        reserved.max(self.earliest(now))
    }

    /// `taken` starts. Tells what a P tag may be ahead by that, in cost units: see [`Mclock`](super::Mclock).
    pub fn charge(&mut self, taken: &Candidate, cost: u64, now: u128) -> u128 {
        let due = self.due(taken, now);
        let share = self.share(taken.class);
        let from = nanoseconds(taken.arrived).min(now).max(self.earliest(now));
        let by_weight = due.by_weight.is_some_and(|due| due <= now);
        let by_reservation = due.reserved.is_some_and(|due| due <= now || !by_weight);
        let account = self.accounts.entry(taken.class).or_default();
        if let Some(limit) = share.limit {
            account.limited.advance(limit, cost, from);
        }
        if !by_reservation {
            return u128::MAX;
        }
        account.reserved.advance(share.reservation, cost, from);
        // Of what its reservation gives it in that time, and of this.
        let room =
            u128::from(share.reservation).saturating_mul(self.catch_up) / nanoseconds(Duration::from_secs(1));
        room.saturating_add(u128::from(cost))
    }

    /// How many classes have one.
    #[cfg(test)]
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    fn earliest(&self, now: u128) -> u128 {
        now.saturating_sub(self.catch_up)
    }
}
