//! What classes get of simulated pools: as much as is right, and never less than is stated.

use core::time::Duration;

use proptest::prelude::*;

use super::simulation::{Load, SECOND, Simulation};
use super::{Mclock, Profile, Share};
use crate::policy::scheduler::Class;

/// Cost units that the whole pool does in a second.
const POOL: u64 = 12_000;

/// A pool with so many shards, each with a worker, and with this load.
fn pool(scheduler: &Mclock, shards: usize, loads: Vec<Load>) -> Simulation {
    Simulation::new(scheduler, shards, POOL / shards as u64, loads).out_of_step()
}

fn mclock(shares: &[Share]) -> Mclock {
    Mclock::new((0..).map(Class).zip(shares.iter().copied()), Share::default()).expect("they make sense")
}

/// Each class in each shard.
fn everywhere(classes: usize, shards: usize) -> Vec<Load> {
    (0..shards).flat_map(|shard| (0..classes as u8).map(move |class| Load::always(class, shard))).collect()
}

#[track_caller]
fn is_near<const K: usize>(had: [u64; K], ideal: [u64; K]) {
    let near = |(&had, &ideal): (&u64, &u64)| had.abs_diff(ideal) <= ideal / 20 + 2;
    assert!(had.iter().zip(&ideal).all(near), "{had:?} is not {ideal:?}");
}

#[test]
fn shares_are_right_whether_a_pool_has_one_shard_or_four() {
    let weighted = Share::weighted;
    let settings: [([Share; 3], [u64; 3]); 8] = [
        ([weighted(1), weighted(2), weighted(3)], [2000, 4000, 6000]),
        ([weighted(1).reserving(6000), weighted(1), weighted(2)], [6000, 2000, 4000]),
        ([weighted(6).reserving(1000), weighted(1), weighted(1)], [9000, 1500, 1500]),
        ([weighted(9).at_most(2000), weighted(1), weighted(4)], [2000, 2000, 8000]),
        ([weighted(9).reserving(2000).at_most(2000), weighted(1), weighted(4)], [2000, 2000, 8000]),
        ([weighted(0).reserving(2000), weighted(1), weighted(4)], [2000, 2000, 8000]),
        (
            [weighted(1).at_most(1000), weighted(1).at_most(2000), weighted(1).at_most(3000)],
            [1000, 2000, 3000],
        ),
        ([weighted(1).reserving(6000), weighted(1).reserving(5000), weighted(9)], [6000, 5000, 1000]),
    ];
    for (shares, ideal) in settings {
        for shards in [1, 4] {
            let mut simulation = pool(&mclock(&shares), shards, everywhere(3, shards));
            simulation.run(2 * SECOND);
            is_near(simulation.had(0, SECOND), ideal);
            is_near(simulation.had(SECOND, 2 * SECOND), ideal);
        }
    }
}

#[test]
fn a_reservation_and_a_limit_are_those_of_the_pool_though_all_items_are_in_one_shard() {
    let loads = || {
        let mut loads = everywhere(1, 4);
        loads.push(Load::always(1, 2));
        loads
    };
    // A shard does 3000. Its quarter of the reservation would be 625, of the limit 200.
    for (share, had) in [
        (Share::weighted(1).reserving(2500), 2500),
        (Share::weighted(9).at_most(800), 800),
        (Share::weighted(1), 1500),
        (Share::weighted(1).reserving(6000), 3000),
    ] {
        let mut simulation = pool(&mclock(&[Share::weighted(1), share]), 4, loads());
        simulation.run(SECOND);
        is_near(simulation.had(0, SECOND), [POOL - had, had]);
    }
}

#[test]
fn costs_are_shared_and_not_items() {
    for shards in [1, 4] {
        let mut loads = everywhere(3, shards);
        for load in &mut loads {
            load.costs = [vec![1], vec![7, 1, 12], vec![20]][usize::from(load.class)].clone();
        }
        let shares =
            [Share::weighted(1), Share::weighted(2).reserving(7000), Share::weighted(4).at_most(3000)];
        let mut simulation = pool(&mclock(&shares), shards, loads);
        simulation.run(SECOND);
        is_near(simulation.had(0, SECOND), [2000, 7000, 3000]);
    }
}

#[test]
fn a_class_that_comes_and_goes_neither_saves_up_nor_is_punished() {
    for shards in [1, 4] {
        let part = SECOND / 5;
        let mut loads = everywhere(2, shards);
        for load in loads.iter_mut().filter(|load| load.class == 1) {
            load.when = vec![(part, 2 * part), (4 * part, 5 * part)];
        }
        let shares = [Share::weighted(1), Share::weighted(3)];
        let mut simulation = pool(&mclock(&shares), shards, loads);
        simulation.run(SECOND);
        for (at, ideal) in (0..).zip([[2400, 0], [600, 1800], [2400, 0], [2400, 0], [600, 1800]]) {
            is_near(simulation.had(at * part, (at + 1) * part), ideal);
        }
    }
}

#[test]
fn profiles_leave_what_is_not_reserved_to_weights() {
    let of = |profile, pool: u64| {
        let scheduler = Mclock::with_profile(profile, 12_000).expect("it has a capacity");
        let mut simulation = Simulation::new(&scheduler, 4, pool / 4, everywhere(3, 4)).out_of_step();
        simulation.run(SECOND);
        simulation.had(0, SECOND)
    };
    is_near(of(Profile::Balanced, 14_000), [6000, 6000, 2000]);
    is_near(of(Profile::HighClientOps, 14_000), [7200, 4800, 2000]);
    is_near(of(Profile::HighRecoveryOps, 14_000), [3600, 8400, 2000]);
}

#[test]
fn shares_change_while_a_pool_runs() {
    for shards in [1, 4] {
        // As what may be caught up counts at the new rates.
        let scheduler = mclock(&[Share::default(); 2]).with_catch_up(Duration::from_millis(10));
        let mut simulation = pool(&scheduler, shards, everywhere(2, shards));
        let mut then = |share, second| {
            scheduler.set_share(Class(1), share).expect("it makes sense");
            simulation.run((second + 1) * SECOND);
            simulation.had(second * SECOND, (second + 1) * SECOND)
        };
        let [_, had] = then(Share::weighted(1).at_most(1), 0);
        assert!(had <= shards as u64);
        is_near(then(Share::weighted(1).at_most(3000), 1), [9000, 3000]);
        is_near(then(Share::weighted(2), 2), [4000, 8000]);
        is_near(then(Share::weighted(1).reserving(9000), 3), [3000, 9000]);
        is_near(then(Share::weighted(1).at_most(3000), 4), [9000, 3000]);
        is_near(then(Share::weighted(0).reserving(9000), 5), [3000, 9000]);
        is_near(then(Share::weighted(1), 6), [6000, 6000]);
    }
}

#[test]
fn if_reservations_cannot_be_kept_they_are_cut_alike_until_all_are_late() {
    // Twice as much as there is. What is late by more than may be caught up goes by weight.
    let shares =
        [Share::weighted(1).reserving(18_000), Share::weighted(3).reserving(6000), Share::weighted(1)];
    let mut simulation =
        Simulation::new(&mclock(&shares).with_catch_up(Duration::from_secs(1)), 1, POOL, everywhere(3, 1));
    simulation.run(5 * SECOND);
    is_near(simulation.had(0, SECOND), [9000, 3000, 0]);
    is_near(simulation.had(4 * SECOND, 5 * SECOND), [6000, 6000, 0]);
}

/// Of a pool with one shard that does so much in a second.
const SHARD: u64 = 1000;
const LARGEST: u64 = 20;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn reservations_are_met_and_nobody_starves(
        parts in proptest::collection::vec(prop_oneof![Just(0), 1..100_u64], 1..6),
        all in prop_oneof![Just(1000), 100..1000_u64],
        weights in proptest::collection::vec(1..10_u32, 6),
        costs in proptest::collection::vec(proptest::collection::vec(1..=LARGEST, 1..5), 6),
    ) {
        let of = parts.iter().sum::<u64>().max(1);
        let shares: Vec<Share> = parts
            .iter()
            .zip(&weights)
            .map(|(part, &weight)| Share::weighted(weight).reserving(part * all / of))
            .collect();
        let mut loads = everywhere(shares.len(), 1);
        loads.iter_mut().zip(costs).for_each(|(load, costs)| load.costs = costs);
        let mut simulation = Simulation::new(&mclock(&shares), 1, SHARD, loads);
        simulation.run(2 * SECOND);
        // Per shard and second, so that all is whole numbers: k c / C is k c milliseconds.
        let reserving = shares.iter().filter(|share| share.reservation > 0).count() as i128;
        let reserved: i128 = shares.iter().map(|share| i128::from(share.reservation)).sum();
        let together: i128 = shares.iter().map(|share| i128::from(share.weight)).sum();
        let [c, n] = [LARGEST as i128, shares.len() as i128];
        let milliseconds = |start: u64| i128::from(start / 1_000_000);
        for (class, share) in (0..).zip(&shares) {
            let [r, weight] = [i128::from(share.reservation), i128::from(share.weight)];
            for (from, first) in simulation.started.iter().enumerate() {
                let mut had = 0;
                for next in &simulation.started[from + 1..] {
                    // Between the two, all of it.
                    let time = milliseconds(next.at) - milliseconds(first.at);
                    prop_assert!(1000 * had >= r * (time - reserving * c) - 1000 * c, "{} in {} ms", had, time);
                    let left = (1000 - reserved) * time - 1000 * (2 * reserving + 1 + n) * c;
                    prop_assert!(1000 * had * together >= weight * left - 1000 * c * together, "{} in {} ms", had, time);
                    if next.class == class {
                        had += i128::from(next.cost);
                    }
                }
            }
        }
    }
}
