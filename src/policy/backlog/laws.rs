//! Random arrivals, picks and discards: [`Backlog`] against the naive model, and against the guarantees as
//! they are worded.

use proptest::prelude::*;

use super::naive::Naive;
use super::{Backlog, Picked};
use crate::policy::order::{Order, Overtakes, Weighted};

#[derive(Clone, Debug)]
enum Operation {
    Push { priority: u8, cost: u64, source: u8 },
    Pick,
    Discard { source: u8 },
}

/// What has been seen, and in which state.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Pushed { item: u32, priority: u8, source: u8 },
    Picked { item: u32, priority: u8, source: u8, forced: bool },
    Discarded { item: u32 },
}

/// On both sides of each band and word.
const PRIORITIES: [u8; 6] = [64, 63, 255, 0, 128, 1];
const SOURCES: u8 = 4;

fn operation(priorities: &'static [u8]) -> impl Strategy<Value = Operation> {
    let cost = prop_oneof![Just(0), 1..10_u64, Just(1 << 20), Just(u64::MAX)];
    prop_oneof![
        8 => (proptest::sample::select(priorities), cost, 0..SOURCES)
            .prop_map(|(priority, cost, source)| Operation::Push { priority, cost, source }),
        7 => Just(Operation::Pick),
        1 => (0..SOURCES).prop_map(|source| Operation::Discard { source }),
    ]
}

/// With few priorities sources take many turns; with a burst now and then, much waits.
fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let some = |priorities: usize| {
        let one = || operation(&PRIORITIES[..priorities]);
        let burst = (one(), 1..20_usize).prop_map(|(one, times)| vec![one; times]);
        let part = prop_oneof![3 => proptest::collection::vec(one(), 1..8), 1 => burst];
        proptest::collection::vec(part, 1..24).prop_map(|parts| parts.concat())
    };
    (1..=PRIORITIES.len()).prop_flat_map(some)
}

fn order() -> impl Strategy<Value = Order> {
    let overtakes = prop_oneof![
        3 => (0..6_u64).prop_map(Overtakes::AtMost),
        1 => (6..40_u64).prop_map(Overtakes::AtMost),
        2 => Just(Overtakes::Unbounded),
    ];
    let weighted = prop_oneof![
        (1..100_u64, 0..9_u64)
            .prop_map(|(max_tokens, min_cost)| Weighted::TokenBucket { max_tokens, min_cost }),
        any::<u64>().prop_map(|seed| Weighted::Lottery { seed }),
    ];
    (prop_oneof![Just(0), Just(64), Just(255)], weighted, overtakes)
        .prop_map(|(strict_from, weighted, overtakes)| Order { strict_from, weighted, overtakes })
}

/// Runs `operations`, and picks what is left then; each outcome must be one that the model allows.
fn run(order: Order, operations: &[Operation]) -> Result<Vec<Event>, TestCaseError> {
    let most = match order.overtakes {
        Overtakes::AtMost(times) => Some(times),
        Overtakes::Unbounded => None,
    };
    let mut backlog = Backlog::new(order);
    let mut naive = Naive::new(order.strict_from, most);
    let mut events = Vec::new();
    let mut items = 0;
    let end = std::iter::repeat_n(&Operation::Pick, operations.len() + 1);
    for operation in operations.iter().chain(end) {
        match *operation {
            Operation::Push { priority, cost, source } => {
                items += 1;
                backlog.push(priority, cost, source, items);
                naive.push(priority, source, items);
                events.push(Event::Pushed { item: items, priority, source });
            }
            Operation::Pick => {
                let picked = backlog.pick();
                let allowed = naive.allowed();
                let Some(Picked { priority, source, item, last }) = picked else {
                    prop_assert!(allowed.is_empty(), "nothing is picked, though {:?} wait", allowed);
                    continue;
                };
                let Some(one) = allowed
                    .iter()
                    .find(|one| (one.priority, one.source, one.item) == (priority, source, item))
                else {
                    return Err(TestCaseError::fail(format!("{picked:?} is picked, and not of {allowed:?}")));
                };
                let forced = naive.overdue().is_some();
                events.push(Event::Picked { item, priority: one.priority, source, forced });
                naive.pick(item);
                prop_assert_eq!(last, !naive.waits(priority, source));
            }
            Operation::Discard { source } => {
                let mut discarded = Vec::new();
                backlog.discard(source, |_, item| discarded.push(item));
                prop_assert_eq!(&discarded, &naive.discard(source));
                events.extend(discarded.into_iter().map(|item| Event::Discarded { item }));
            }
        }
        prop_assert_eq!(backlog.len(), naive.len());
    }
    prop_assert_eq!(backlog.len(), 0, "all that was left has been picked");
    Ok(events)
}

/// What waits after each event, by item, priority and source, oldest first.
fn states(events: &[Event]) -> Vec<Vec<(u32, u8, u8)>> {
    let mut waiting = Vec::new();
    let mut after = |event: &Event| {
        match *event {
            Event::Pushed { item, priority, source } => waiting.push((item, priority, source)),
            Event::Picked { item, .. } | Event::Discarded { item } => {
                waiting.retain(|&(other, ..)| other != item);
            }
        }
        waiting.clone()
    };
    events.iter().map(&mut after).collect()
}

/// D2 and D3, as they are worded.
fn is_in_order(order: Order, events: &[Event]) -> Result<(), TestCaseError> {
    let states = states(events);
    for (at, event) in events.iter().enumerate().skip(1) {
        let Event::Picked { item, priority, source, forced } = *event else { continue };
        let before = &states[at - 1];
        let first = before.iter().find(|&&(_, p, s)| (p, s) == (priority, source));
        prop_assert_eq!(first.map(|&(item, ..)| item), Some(item), "D2: the oldest of its line");
        if forced {
            prop_assert_eq!(before[0].0, item, "only the oldest is picked by force");
            let later = |event: &&Event| matches!(event, Event::Picked { item: other, .. } if *other > item);
            let overtaken = events[..at].iter().filter(later).count() as u64;
            prop_assert_eq!(order.overtakes, Overtakes::AtMost(overtaken), "and not earlier than it must");
        } else {
            let higher = before.iter().any(|&(_, p, _)| p > priority && p >= order.strict_from);
            prop_assert!(!higher, "D3: nothing of a higher strict priority waits");
        }
    }
    Ok(())
}

/// D4, as it is worded, between each two picks from one source among which none of that priority is by force.
fn takes_turns(events: &[Event]) -> Result<(), TestCaseError> {
    let states = states(events);
    for (from, event) in events.iter().enumerate() {
        let Event::Picked { priority, source, .. } = *event else { continue };
        let picked = |event: &Event| match *event {
            Event::Picked { priority: p, source, forced, .. } if p == priority => Some((source, forced)),
            _ => None,
        };
        let Some(length) =
            events[from + 1..].iter().position(|event| picked(event).is_some_and(|(s, _)| s == source))
        else {
            continue;
        };
        let to = from + 1 + length;
        if events[from..=to].iter().filter_map(picked).any(|(_, forced)| forced) {
            continue;
        }
        let backlogged = |s: u8| {
            states[from..to].iter().all(|state| state.iter().any(|&(_, p, t)| (p, t) == (priority, s)))
        };
        for other in (0..SOURCES).filter(|&other| other != source && backlogged(other)) {
            let turns = events[from + 1..to].iter().filter_map(picked).filter(|&(s, _)| s == other).count();
            prop_assert!(turns >= 1, "D4: {} waits for its turn in {}", other, priority);
            prop_assert!(
                turns == 1 || !backlogged(source),
                "D4: {} has {} turns in {}",
                other,
                turns,
                priority
            );
        }
    }
    Ok(())
}

/// Each item has one end.
fn has_each_once(events: &[Event]) -> Result<(), TestCaseError> {
    let mut ends: Vec<u32> = events
        .iter()
        .filter_map(|event| match *event {
            Event::Pushed { .. } => None,
            Event::Picked { item, .. } | Event::Discarded { item } => Some(item),
        })
        .collect();
    ends.sort_unstable();
    let pushed = events.len() - ends.len();
    prop_assert_eq!(ends, (1..=pushed as u32).collect::<Vec<_>>());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_outcome_is_one_that_the_model_allows_and_keeps_the_guarantees(
        order in order(),
        operations in operations(),
    ) {
        let events = run(order, &operations)?;
        is_in_order(order, &events)?;
        takes_turns(&events)?;
        has_each_once(&events)?;
    }
}
