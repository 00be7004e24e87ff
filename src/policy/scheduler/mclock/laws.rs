//! Random arrivals, costs and clocks: [`Mclock`] against the paper, and against its bounds where shards race.

use core::time::Duration;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::naive::Naive;
use super::{Mclock, Share};
use crate::policy::scheduler::{Candidate, Class, Scheduler};

const CLASSES: u8 = 4;
const SHARDS: usize = 3;
const RATES: [u64; 8] = [1, 2, 3, 4, 5, 6, 10, 60];

fn share() -> impl Strategy<Value = Share> {
    let rate = || select(&RATES[..]);
    let weight = || select(&[1, 2, 3, 5, 10][..]);
    prop_oneof![
        weight().prop_map(Share::weighted),
        (weight(), rate()).prop_map(|(weight, limit)| Share::weighted(weight).at_most(limit)),
        (prop_oneof![Just(0), weight()], rate()).prop_map(|(weight, r)| Share::weighted(weight).reserving(r)),
        (prop_oneof![1 => Just(0), 4 => weight()], rate(), rate())
            .prop_map(|(weight, a, b)| Share::weighted(weight).reserving(a.min(b)).at_most(a.max(b))),
    ]
}

fn shares() -> impl Strategy<Value = BTreeMap<u8, Share>> {
    proptest::collection::vec(share(), usize::from(CLASSES)).prop_map(|all| (0..).zip(all).collect())
}

fn cost() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 3 => 1..10_u64, 1 => Just(100)]
}

fn mclock(shares: &BTreeMap<u8, Share>) -> Mclock {
    let named = shares.iter().map(|(&class, &share)| (Class(class), share));
    Mclock::new(named, Share::default()).expect("they make sense")
}

#[derive(Clone, Debug)]
enum Operation {
    Arrive {
        class: u8,
        cost: u64,
    },
    Pass {
        nanoseconds: u64,
    },
    /// To when the first candidate may start.
    PassUntilDue,
    Pick {
        shard: usize,
    },
    Force {
        shard: usize,
        which: Index,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..CLASSES, cost()).prop_map(|(class, cost)| Operation::Arrive { class, cost }),
        1 => prop_oneof![0..5_u64, 0..3_000_000_000_u64].prop_map(|nanoseconds| Operation::Pass { nanoseconds }),
        2 => Just(Operation::PassUntilDue),
        4 => (0..SHARDS).prop_map(|shard| Operation::Pick { shard }),
        1 => (0..SHARDS, any::<Index>()).prop_map(|(shard, which)| Operation::Force { shard, which }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_chosen_is_what_the_paper_says(
        shares in shares(),
        operations in proptest::collection::vec(operation(), 1..120),
    ) {
        let mut clones = vec![mclock(&shares).with_catch_up(Duration::MAX); SHARDS];
        let mut naive = Naive::new(shares, SHARDS);
        let mut now = 0;
        for operation in operations {
            let time = Duration::from_nanos(now);
            let candidates: Vec<Candidate> = naive
                .fronts()
                .into_iter()
                .map(|(class, cost, arrived)| {
                    Candidate { class: Class(class), cost, arrived: Duration::from_nanos(arrived) }
                })
                .collect();
            let mut may = Vec::new();
            for candidate in &candidates {
                let due = naive.may_start(candidate.class.0);
                let expected = if due <= now { Ok(()) } else { Err(Duration::from_nanos(due)) };
                prop_assert_eq!(clones[0].may_start(candidate, time), expected);
                may.extend(expected.is_ok().then_some(*candidate));
            }
            let (shard, taken, present) = match operation {
                Operation::Arrive { class, cost } => {
                    naive.arrive(class, cost, now);
                    continue;
                }
                Operation::Pass { nanoseconds } => {
                    now += nanoseconds;
                    continue;
                }
                Operation::PassUntilDue => {
                    let due = candidates.iter().map(|candidate| naive.may_start(candidate.class.0)).min();
                    now = now.max(due.unwrap_or(now));
                    continue;
                }
                Operation::Pick { .. } if may.is_empty() => continue,
                Operation::Pick { shard } => {
                    let chosen = clones[shard].choose(&may, time);
                    let allowed = naive.allowed(shard, now);
                    prop_assert!(allowed.contains(&chosen.0), "{:?} is chosen, and not of {:?}", chosen, allowed);
                    let taken = *may.iter().find(|one| one.class == chosen).expect("one of those that may");
                    (shard, taken, may)
                }
                Operation::Force { .. } if candidates.is_empty() => continue,
                Operation::Force { shard, which } => (shard, *which.get(&candidates), candidates),
            };
            clones[shard].charge(&taken, &present, time);
            let present: Vec<u8> = present.iter().map(|candidate| candidate.class.0).collect();
            naive.start(shard, taken.class.0, &present, now);
        }
    }
}

/// What shards do whose looks and charges are not one step.
#[derive(Clone, Debug)]
enum Race {
    /// Looks who may start, unless it has.
    Look {
        shard: usize,
    },
    /// Starts one of those that it saw.
    Start {
        shard: usize,
    },
    Pass {
        nanoseconds: u64,
    },
}

fn race() -> impl Strategy<Value = Race> {
    prop_oneof![
        4 => (0..SHARDS).prop_map(|shard| Race::Look { shard }),
        4 => (0..SHARDS).prop_map(|shard| Race::Start { shard }),
        1 => prop_oneof![3 => 0..1_000_000_000_u64, 1 => 0..20_000_000_000_u64]
            .prop_map(|nanoseconds| Race::Pass { nanoseconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_limit_is_exceeded_by_more_than_stated_whatever_the_shards_do(
        shares in shares(),
        costs in proptest::collection::vec(cost(), 7),
        arrived in prop_oneof![Just(u64::MAX), 0..10_000_000_000_u64],
        races in proptest::collection::vec(race(), 1..400),
        catch_up in prop_oneof![Just(0), 0..2_000_000_000_u64],
    ) {
        let mut clones = vec![mclock(&shares).with_catch_up(Duration::from_nanos(catch_up)); SHARDS];
        let mut looked: Vec<Vec<Candidate>> = vec![Vec::new(); SHARDS];
        let mut costs = costs.into_iter().cycle();
        let mut now = 0;
        let mut started: Vec<(u64, u8, u64)> = Vec::new();
        for race in races {
            let time = Duration::from_nanos(now);
            match race {
                Race::Look { shard } => {
                    let candidates = (0..CLASSES).map(|class| Candidate {
                        class: Class(class),
                        cost: costs.next().expect("there is no end of them"),
                        arrived: Duration::from_nanos(arrived.min(now)),
                    });
                    let mut may = Vec::new();
                    for candidate in candidates {
                        match clones[shard].may_start(&candidate, time) {
                            Ok(()) => may.push(candidate),
                            Err(due) => {
                                prop_assert!(due > time);
                                prop_assert_eq!(clones[shard].may_start(&candidate, due), Ok(()));
                                let before = due - Duration::from_nanos(1);
                                prop_assert_eq!(clones[shard].may_start(&candidate, before), Err(due));
                            }
                        }
                    }
                    looked[shard] = may;
                }
                Race::Start { shard } => {
                    let may = std::mem::take(&mut looked[shard]);
                    if may.is_empty() {
                        continue;
                    }
                    let class = clones[shard].choose(&may, time);
                    let taken = may.iter().find(|one| one.class == class).expect("one of those that may");
                    clones[shard].charge(taken, &may, time);
                    started.push((now, class.0, taken.cost.max(1)));
                }
                // A shard's clock stands still while it picks.
                Race::Pass { nanoseconds } => {
                    now += nanoseconds;
                    looked.iter_mut().for_each(Vec::clear);
                }
            }
        }
        for (&class, share) in &shares {
            // Without a weight a class's reservation is its limit.
            let Some(limit) = share.limit.or((share.weight == 0).then_some(share.reservation)) else { continue };
            let of_it: Vec<_> = started.iter().filter(|&&(_, other, _)| other == class).collect();
            for (at, &&(from, ..)) in of_it.iter().enumerate() {
                let mut sum = 0;
                for &&(to, _, cost) in &of_it[at..] {
                    sum += u128::from(cost);
                    let time = u128::from(to - from + 2 * catch_up);
                    let most = u128::from(limit) * time + 2 * SHARDS as u128 * 100 * 1_000_000_000;
                    prop_assert!(sum * 1_000_000_000 <= most, "{} in {} ns of {:?}", sum, to - from, share);
                }
            }
        }
    }
}
