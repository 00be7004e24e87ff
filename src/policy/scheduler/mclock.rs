//! Reservation, weight and limit for each class.

mod books;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod naive;
mod profile;
mod share;
#[cfg(test)]
mod simulation;
mod tag;
mod virtual_time;

use core::time::Duration;

use books::{Books, Due, duration, nanoseconds};
use virtual_time::VirtualTime;

use super::{Candidate, Class, Scheduler};
use crate::error::ShareError;
use crate::sync::{Arc, Mutex};

pub use profile::Profile;
pub use share::Share;

/// Reservation, weight and limit for each class: mClock, after Ajay Gulati, Arif Merchant and Peter Varman, "mClock:
/// Handling Throughput Variability for Hypervisor IO Scheduling" (OSDI 2010).
///
/// Each class has a [`Share`]. Its *R tag* is when the class may have the next item by its reservation, its *L tag*
/// when its limit allows one: neither before the item arrived, and not before what started last has been paid for at
/// that rate. Its *P tag* is what it has had, divided by its weight.
///
/// * An item may start from its R tag on, or, if its class has a weight, from its L tag on.
/// * Who is next: the smallest R tag that has come (the *reservation phase*), else the smallest P tag (the *weight
///   phase*).
/// * What starts moves its class's L and P tags on, whatever the phase. It moves the R tag on in the reservation phase
///   only, so that what a class gets by its weight does not use up its reservation. What started by neither tag, by
///   force or because another shard came between, is charged to all three.
///
/// **Clones** are one scheduler: rates are those of the whole pool, whose shards have a clone each. R and L tags are
/// common to all of them, under a lock that is held for a few instructions and inside which nothing is called. So a
/// reservation is met and a limit is kept wherever a class's items are, and a clone that the user keeps can [change
/// shares](Self::set_share) while the pool runs. P tags are each shard's own, for a shard cannot lend its workers to
/// another.
///
/// # What holds
///
/// In cost units, c being the largest cost of an item, and 1 at least: an item that costs nothing is charged as 1.
///
/// **Limit.** With a limit of l, and n shards, what starts of a class within any T seconds, but by force, costs at most
/// l (T + 2 u) + 2 n c in all, where u is what may be [caught up](Self::with_catch_up). *Why:* let s, counted from
/// their beginning, be the last time at which an item passed because its L tag had come. What started before s had
/// moved the tag on from no earlier than u before the beginning: l (s + u) at most. What starts later either passed before s, one item for each shard, or
/// passes because its R tag has come though its L tag has not. That moves the R tag on, so it is at most r (T - s +
/// u), and again an item for each shard, whose look was overtaken; r is no more than l. (The clock of a shard stands
/// still while it picks; if it is read long before, that time comes on top.)
///
/// **Reservation.** Let a shard do C units a second and more, the reservations be no more than C together, k classes
/// have one, and u be k c / C at least. Then each item starts at most k c / C after its R tag, if nothing starts by
/// force, there is one shard, and an item that has arrived is a candidate when its turn within its class has come. So
/// a class all of whose items arrived before gets at least r (T - k c / C) - c in any T seconds, and what its weight
/// gives it comes on top. *Why:* say an item of tag R starts at s. Let t be when the last item before it started in
/// the weight phase. t is before R, and at t no R tag had come; so what started between t and s has R tags from t to
/// R, and that is at most C (R - t) + (k - 1) c: one more item for each other class, as tags come before their costs.
/// With the item that started at t that is done by R + k c / C. With several shards this holds for a shard that could
/// meet all reservations alone, but for an item for each other shard that looked at the same tag.
///
/// **Weight.** Between two classes that both have a candidate in the same shard throughout, and start in the weight
/// phase alone, what they had divided by their weights, differs by at most c / w + c / v in any interval. *Why:*
/// whoever starts had the smaller P tag, so neither tag is ever ahead by more than its own c / w; this is start-time
/// fair queueing (Pawan Goyal, Harrick Vin, Haichen Cheng, 1996). A class that comes back starts at the smallest P tag
/// of those that are there, if it is behind: it has saved nothing up, and is owed nothing. That is the paper's
/// adjustment of P tags, which moves all others' instead.
///
/// P tags are each shard's own, so this is about shares of a shard. Which shard serves a reservation is whoever looks
/// first when the R tag has come: where that is seldom a shard's turn, the class's weight gives it more there. Workers
/// that are not in step serve even parts (the simulations are within 5 % with one shard and with four).
///
/// **No starvation.** In one shard with the reservations' sum, ρ, less than C, a class without reservation and limit that
/// has a weight of w and a candidate throughout gets at least w / W ((C - ρ) T - (2 k + 1 + n) c) - c in any T seconds,
/// where n classes, it among them, together have the weight W. *Why:* the reservation phase takes no more than
/// ρ (T + k c / C) + k c, and the rest goes by P tags. If the reservations are C or more, a class without may get nothing.
///
/// # Where it is not the paper's, nor Ceph's dmclock
///
/// * Tags are those of the item in front, when it is there, and not made at arrival. With costs that are paid after the
///   start this is the same (the tests have both), it is a constant for each class, and the next item's tag follows
///   a change of shares.
/// * An item's cost is paid after it and not before. Otherwise an expensive item that waits in one shard might wait
///   for ever, while cheap ones of its class in another shard move the common tag on.
/// * Whoever could not have what was due to it, because others were served or its shard was slow, catches it up, but
///   not for [longer than 100 ms](Self::with_catch_up) unless that is set. In the paper a class that was late by an
///   hour may exceed its limit or keep all others waiting until the hour is made up. Those who are later than that go
///   by weight among themselves.
/// * What a class gets by its reservation beyond its share by weight counts against that share, as in the paper, but
///   no more than its reservation gives it in the same 100 ms. In the paper a class that lived on its reservation for
///   an hour, and then has it lowered, gets nothing for as long as others need to draw level.
/// * Ceph divides each rate by the number of shards, so a class whose items are in one shard gets only that part.
///   dmclock's servers tell each other through their clients what they served (rho and delta). Here tags are common:
///   there is nothing to tell.
///
/// ```
/// use keylane::{Class, Mclock, Share};
///
/// let [client, scrub] = [Class(0), Class(1)];
/// let shares = [(client, Share::weighted(3).reserving(500)), (scrub, Share::weighted(1).at_most(200))];
/// let scheduler = Mclock::new(shares, Share::default())?;
/// // Later, by a clone of what the pool has:
/// scheduler.set_share(scrub, Share::weighted(1).at_most(50))?;
/// # Ok::<(), keylane::ShareError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mclock {
    books: Arc<Mutex<Books>>,
    proportions: VirtualTime,
}

/// What may be caught up unless something else is said.
const CATCH_UP: Duration = Duration::from_millis(100);

impl Mclock {
    /// With these shares, and `others` for each class that is not named: one of its own for each of them.
    ///
    /// # Errors
    /// A share is nonsense, or a class is named twice.
    pub fn new(named: impl IntoIterator<Item = (Class, Share)>, others: Share) -> Result<Self, ShareError> {
        let mut books = Books::new(others, CATCH_UP)?;
        for (class, share) in named {
            if books.names(class) {
                return Err(ShareError::Twice(class));
            }
            books.set_share(class, share)?;
        }
        Ok(Self { books: Arc::new(Mutex::new(books)), proportions: VirtualTime::default() })
    }

    /// With the shares of `profile` in a pool that can do `capacity` cost units a second. Classes that it does not
    /// name have a share like that of [`Profile::BEST_EFFORT`], one of its own for each of them.
    ///
    /// # Errors
    /// The capacity is 0.
    pub fn with_profile(profile: Profile, capacity: u64) -> Result<Self, ShareError> {
        let shares = profile.shares(capacity);
        let [.., (_, best_effort)] = shares;
        if capacity == 0 { Err(ShareError::NothingAllowed) } else { Self::new(shares, best_effort) }
    }

    /// For how long a class that could not have its reservation, or what its limit allows, may catch up. 100 ms
    /// unless set.
    ///
    /// Less makes a limit stricter; if it is less than items commonly wait for a worker, a class does not reach its
    /// limit, or its reservation. See above for the bounds.
    #[must_use]
    pub fn with_catch_up(self, catch_up: Duration) -> Self {
        self.books.lock().set_catch_up(catch_up);
        self
    }

    /// Changes a class's share, in all clones, from the next look at a tag on: what the item that started last costs
    /// is charged at the new rates, what started before it remains charged as it was. What may be caught up counts at
    /// the new rates too: of a limit that is raised, 100 ms may come at once. A shard that waits for a time which it
    /// has been told already looks again when that comes, or when something is submitted to it.
    ///
    /// # Errors
    /// The share is nonsense; nothing has changed.
    pub fn set_share(&self, class: Class, share: Share) -> Result<(), ShareError> {
        self.books.lock().set_share(class, share)
    }

    /// What `class` is to have.
    pub fn share(&self, class: Class) -> Share {
        self.books.lock().share(class)
    }
}

impl Scheduler for Mclock {
    fn asks_the_time(&self) -> bool {
        true
    }

    fn may_start(&self, candidate: &Candidate, now: Duration) -> Result<(), Duration> {
        let now = nanoseconds(now);
        let first = self.books.lock().due(candidate, now).first();
        if first <= now { Ok(()) } else { Err(duration(first)) }
    }

    fn choose(&mut self, candidates: &[Candidate], now: Duration) -> Class {
        let now = nanoseconds(now);
        let books = self.books.lock();
        // Phase and tag, and the other tag if they are equal.
        let rank = |candidate: &&Candidate| {
            let Due { reserved, by_weight } = books.due(candidate, now);
            let proportion = self.proportions.tag(candidate.class);
            match (reserved, by_weight) {
                (Some(due), _) if due <= now => (0, books.lateness(due, now), proportion),
                (_, Some(due)) if due <= now => (1, proportion, 0),
                // It might have started when it was asked. Another shard has come between.
                _ => (2, proportion, 0),
            }
        };
        candidates.iter().min_by_key(rank).expect("there is at least one").class
    }

    fn charge(&mut self, taken: &Candidate, candidates: &[Candidate], now: Duration) {
        // What costs nothing could be started any number of times before anything else.
        let cost = taken.cost.max(1);
        let mut books = self.books.lock();
        let weight = |class| books.share(class).weight;
        let by_weight = candidates.iter().map(|candidate| candidate.class).filter(|&class| weight(class) > 0);
        self.proportions.meet(by_weight);
        let weight = weight(taken.class);
        let ahead = books.charge(taken, cost, nanoseconds(now));
        if weight > 0 {
            self.proportions.advance(taken.class, weight, cost, ahead);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn candidate(class: u8, cost: u64) -> Candidate {
        Candidate { class: Class(class), cost, arrived: Duration::ZERO }
    }

    fn mclock(shares: &[Share]) -> Mclock {
        Mclock::new((0..).map(Class).zip(shares.iter().copied()), Share::default()).expect("they make sense")
    }

    /// The classes of the next `picks`, all at that time.
    fn next(mclock: &mut Mclock, candidates: &[Candidate], picks: usize, now: Duration) -> Vec<u8> {
        let mut pick = || {
            let may = |one: &&Candidate| mclock.may_start(one, now).is_ok();
            let may: Vec<_> = candidates.iter().filter(may).copied().collect();
            let class = mclock.choose(&may, now);
            mclock.charge(may.iter().find(|one| one.class == class).expect("one of them"), &may, now);
            class.0
        };
        (0..picks).map(|_| pick()).collect()
    }

    #[test]
    fn shares_that_make_no_sense_are_refused_and_change_nothing() {
        let nonsense = Share::weighted(0);
        let refused = Mclock::new([], nonsense).expect_err("the others' share is nonsense");
        assert_eq!(refused, ShareError::NothingGiven);
        let refused = Mclock::new([(Class(7), nonsense)], Share::default()).expect_err("so is this one");
        assert_eq!(refused, ShareError::NothingGiven);
        let twice =
            [(Class(7), Share::default()), (Class(8), Share::default()), (Class(7), Share::default())];
        let refused = Mclock::new(twice, Share::default()).expect_err("two shares");
        assert_eq!(
            (refused, refused.to_string()),
            (ShareError::Twice(Class(7)), "class 7 has two shares".into())
        );
        let mclock = mclock(&[Share::weighted(5)]);
        assert_eq!(mclock.set_share(Class(0), nonsense), Err(ShareError::NothingGiven));
        assert_eq!(mclock.share(Class(0)), Share::weighted(5));
        assert_eq!(mclock.share(Class(1)), Share::default());
    }

    #[test]
    fn a_profile_names_three_classes_and_all_others_are_best_effort() {
        let mclock = Mclock::with_profile(Profile::HighClientOps, 1000).expect("it has a capacity");
        assert_eq!(mclock.share(Profile::CLIENT), Share::weighted(2).reserving(600));
        assert_eq!(mclock.share(Profile::RECOVERY), Share::weighted(1).reserving(400));
        assert_eq!(mclock.share(Profile::BEST_EFFORT), Share::weighted(1).at_most(700));
        assert_eq!(mclock.share(Class(200)), Share::weighted(1).at_most(700));
        for profile in [Profile::Balanced, Profile::HighRecoveryOps] {
            assert_eq!(Mclock::with_profile(profile, 0).err(), Some(ShareError::NothingAllowed));
        }
    }

    #[test]
    fn it_asks_the_time_and_each_class_has_its_line() {
        let mclock = mclock(&[]);
        assert!(mclock.asks_the_time());
        assert_eq!(mclock.line(Class(3)), Class(3));
    }

    #[test]
    fn classes_that_are_not_named_have_a_share_each() {
        let mut mclock = Mclock::new([], Share::weighted(1).at_most(1)).expect("it makes sense");
        let both = [candidate(1, 1), candidate(2, 1)];
        assert_eq!(next(&mut mclock, &both, 2, Duration::ZERO), [1, 2]);
        assert!(both.iter().all(|one| mclock.may_start(one, Duration::ZERO) == Err(SECOND)));
    }

    #[test]
    fn only_classes_that_are_used_take_room_or_time() {
        let mut mclock = mclock(&[Share::default(); 2]);
        next(&mut mclock, &[candidate(0, 1), candidate(1, 1)], 20, Duration::ZERO);
        assert_eq!(mclock.books.lock().accounts(), 2);
        assert!(mclock.may_start(&candidate(9, 1), Duration::ZERO).is_ok());
        mclock.choose(&[candidate(0, 1), candidate(9, 1)], Duration::ZERO);
        assert_eq!(mclock.books.lock().accounts(), 2);
    }

    #[test]
    fn what_is_due_may_be_caught_up_for_so_long() {
        let limited = [candidate(0, 1)];
        let late = |mclock: Mclock| {
            let mut mclock = mclock;
            next(&mut mclock, &limited, 1, Duration::ZERO);
            let mut burst = 0;
            while mclock.may_start(&limited[0], 10 * SECOND).is_ok() {
                burst += next(&mut mclock, &limited, 1, 10 * SECOND).len();
            }
            burst
        };
        let hundred = || mclock(&[Share::weighted(1).at_most(100)]);
        assert_eq!(late(hundred()), 11, "one, and those of 100 ms");
        assert_eq!(late(hundred().with_catch_up(Duration::ZERO)), 1);
        assert_eq!(late(hundred().with_catch_up(SECOND)), 101);
        assert_eq!(late(hundred().with_catch_up(Duration::MAX)), 1000);
    }

    #[test]
    fn what_arrives_late_has_nothing_to_catch_up() {
        let mut mclock = mclock(&[Share::weighted(1).at_most(100)]);
        next(&mut mclock, &[candidate(0, 1)], 1, Duration::ZERO);
        let late = Candidate { arrived: SECOND, ..candidate(0, 1) };
        // By another clock that is ahead, too.
        assert_eq!(mclock.may_start(&late, SECOND - Duration::from_millis(1)), Ok(()));
        next(&mut mclock, &[late], 1, SECOND);
        assert_eq!(mclock.may_start(&late, SECOND), Err(Duration::from_millis(1010)));
        let later = Candidate { arrived: 3 * SECOND, ..late };
        next(&mut mclock, &[later], 1, 2 * SECOND);
        assert_eq!(mclock.may_start(&late, 2 * SECOND), Err(Duration::from_millis(2010)));
    }

    #[test]
    fn what_starts_by_force_is_charged_like_any_other() {
        let shares = [Share::weighted(1).reserving(10).at_most(10), Share::weighted(1)];
        let mut mclock = mclock(&shares);
        let both = [candidate(0, 5), candidate(1, 5)];
        (0..2).for_each(|_| mclock.charge(&both[0], &both, Duration::ZERO));
        assert_eq!(mclock.may_start(&both[0], Duration::ZERO), Err(SECOND));
        // By its R tag it is first, by its P tag it would be second.
        assert_eq!(next(&mut mclock, &both, 3, SECOND), [0, 1, 1]);
    }

    #[test]
    fn who_has_weight_and_no_limit_may_always_start_and_keeps_its_reservation() {
        let mut mclock = mclock(&[Share::weighted(1), Share::weighted(1).reserving(1)]);
        let both = [candidate(0, 1), candidate(1, 1)];
        assert_eq!(next(&mut mclock, &both, 6, Duration::ZERO), [1, 0, 0, 1, 0, 1]);
        assert_eq!(next(&mut mclock, &both, 4, SECOND), [1, 0, 0, 1], "reserved, and then by turns");
    }

    #[test]
    fn what_costs_nothing_takes_turns_too() {
        let mut mclock = mclock(&[Share::weighted(1), Share::weighted(1)]);
        assert_eq!(next(&mut mclock, &[candidate(0, 0), candidate(1, 1)], 4, Duration::ZERO), [0, 1, 0, 1]);
    }

    #[test]
    fn if_another_shard_came_between_somebody_is_chosen_all_the_same() {
        let mut mclock = mclock(&[
            Share::weighted(0).reserving(1),
            Share::weighted(1).at_most(1),
            Share::weighted(2).at_most(1),
        ]);
        let all = [candidate(0, 1), candidate(1, 1), candidate(2, 1)];
        let mut other = mclock.clone();
        assert_eq!(next(&mut other, &all, 3, Duration::ZERO), [0, 1, 2]);
        assert_eq!(mclock.choose(&all, Duration::ZERO), Class(0));
        assert_eq!(mclock.choose(&all[1..], Duration::ZERO), Class(1));
        mclock.charge(&all[1], &all[1..], Duration::ZERO);
        assert_eq!(mclock.choose(&all[1..], Duration::ZERO), Class(2));
        // They have been charged for it: R and L are common, and all are taken up.
        for _ in 0..2 {
            mclock.charge(&all[0], &all, Duration::ZERO);
        }
        assert_eq!(other.may_start(&all[0], SECOND), Err(3 * SECOND));
        assert_eq!(other.may_start(&all[1], SECOND), Err(2 * SECOND));
    }

    #[test]
    fn a_change_applies_to_what_started_last_in_all_clones() {
        let mclock = mclock(&[Share::weighted(1).at_most(1)]);
        let mut clones = [mclock.clone(), mclock.clone()];
        next(&mut clones[0], &[candidate(0, 1000)], 1, Duration::ZERO);
        assert_eq!(clones[1].may_start(&candidate(0, 1), SECOND), Err(1000 * SECOND));
        mclock.set_share(Class(0), Share::weighted(1).at_most(500)).expect("it makes sense");
        assert_eq!(clones[1].may_start(&candidate(0, 1), SECOND), Err(2 * SECOND));
        assert_eq!(mclock.share(Class(0)), clones[0].share(Class(0)));
    }

    #[test]
    fn who_was_overtaken_by_another_shard_comes_after_who_may_start() {
        let mut mclock = mclock(&[Share::weighted(1).at_most(1), Share::weighted(1)]);
        let both = [candidate(0, 1), candidate(1, 1)];
        mclock.charge(&both[1], &both, Duration::ZERO);
        mclock.clone().charge(&both[0], &both, Duration::ZERO);
        assert_eq!(mclock.choose(&both, Duration::ZERO), Class(1), "though its P tag is the larger one");
    }

    #[test]
    fn what_was_rounded_off_at_the_old_rate_does_not_count_at_the_new_one() {
        // A third of a nanosecond, in parts of a rate of three billions: a second at a rate of 1.
        let fast = 3_000_000_000;
        for (old, new) in [
            (Share::weighted(1).at_most(fast), Share::weighted(1).at_most(1)),
            (Share::weighted(0).reserving(fast), Share::weighted(0).reserving(1)),
        ] {
            let mut mclock = mclock(&[old]).with_catch_up(Duration::MAX);
            let one = [candidate(0, 1)];
            next(&mut mclock, &one, 1, Duration::ZERO);
            mclock.charge(&one[0], &one, Duration::ZERO);
            mclock.set_share(Class(0), new).expect("it makes sense");
            assert_eq!(mclock.may_start(&one[0], Duration::ZERO), Err(SECOND));
        }
    }

    #[test]
    fn the_end_of_time_is_no_trouble() {
        let mut mclock = mclock(&[Share::weighted(1).reserving(1).at_most(1)]).with_catch_up(Duration::MAX);
        let dear = candidate(0, u64::MAX);
        for _ in 0..3 {
            mclock.charge(&dear, &[dear], SECOND);
        }
        assert_eq!(mclock.may_start(&dear, SECOND), Err(Duration::MAX));
        assert_eq!(next(&mut mclock, &[dear], 1, Duration::MAX), [0]);
        let late = Candidate { arrived: Duration::MAX, ..dear };
        assert_eq!(mclock.may_start(&late, Duration::MAX), Ok(()));
    }
}
