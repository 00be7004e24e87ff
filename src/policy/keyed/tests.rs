//! The policy by example; by law in `laws.rs`.

use std::fmt::Debug;

use super::*;
use crate::policy::scheduler::Fifo;

/// A keyed policy whose items are of class 0 and cost nothing.
struct Tried<K, T> {
    keyed: Keyed<K, T>,
}

impl<K: Clone + Eq + Hash + Debug, T: Debug> Tried<K, T> {
    fn new() -> Self {
        Self { keyed: Keyed::new(Box::new(Fifo), Overtakes::default()) }
    }

    fn push(&mut self, key: K, item: T) {
        self.keyed.push(key, queued(0, item), End::Back);
    }

    fn push_front(&mut self, key: K, item: T) {
        self.keyed.push(key, queued(0, item), End::Front);
    }

    fn pick(&mut self) -> Option<(K, T)> {
        self.keyed.pick(NOW).map(|turn| (turn.key, turn.queued.item))
    }

    fn remove(&mut self, key: &K) -> Vec<T> {
        self.keyed.remove(key).into_iter().map(|queued| queued.item).collect()
    }

    fn take_all(&mut self) -> Vec<(K, T)> {
        self.keyed.take_all().into_iter().map(|(key, queued)| (key, queued.item)).collect()
    }

    fn ready(&mut self) -> usize {
        self.keyed.ready(NOW)
    }

    fn let_go(&mut self, key: K, why: Why) -> Reasons {
        self.keyed.let_go(&key, Place::ANYWHERE, why)
    }

    fn line(&mut self, key: K) -> &mut Line<T> {
        let place = self.keyed.keys.find(&key).expect("not idle");
        self.keyed.keys.at(place).lines.open(Class(0))
    }
}

impl<K, T> std::ops::Deref for Tried<K, T> {
    type Target = Keyed<K, T>;
    fn deref(&self) -> &Keyed<K, T> {
        &self.keyed
    }
}

impl<K, T> std::ops::DerefMut for Tried<K, T> {
    fn deref_mut(&mut self) -> &mut Keyed<K, T> {
        &mut self.keyed
    }
}

const NOW: Duration = Duration::ZERO;

fn queued<T>(class: u8, item: T) -> Queued<T> {
    Queued { item, class: Class(class), cost: 0, arrived: NOW }
}

/// The highest class that may.
#[derive(Debug)]
struct Highest;

impl Scheduler for Highest {
    fn choose(&mut self, candidates: &[Candidate], _: Duration) -> Class {
        candidates.last().expect("there is one").class
    }
}

#[test]
fn a_running_key_holds_its_own_items_back_and_nobody_elses() {
    let mut keyed = Tried::new();
    for (key, item) in [('a', 1), ('a', 2), ('b', 3)] {
        keyed.push(key, item);
    }
    assert_eq!((keyed.keyed.len, keyed.ready(), keyed.is_empty()), (3, 2, false));
    assert_eq!(keyed.pick(), Some(('a', 1)));
    assert_eq!(keyed.pick(), Some(('b', 3)));
    assert_eq!(keyed.pick(), None);
    keyed.let_go('a', Why::Runs);
    assert_eq!(keyed.pick(), Some(('a', 2)));
    keyed.let_go('b', Why::Runs);
    keyed.let_go('a', Why::Runs);
    assert_eq!((keyed.keyed.len, keyed.ready(), keyed.keyed.keys.len(), keyed.is_empty()), (0, 0, 0, true));
}

#[test]
fn an_item_pushed_while_its_key_runs_waits_for_it() {
    let mut keyed = Tried::new();
    keyed.push('a', 1);
    assert_eq!(keyed.pick(), Some(('a', 1)));
    keyed.push('a', 2);
    assert_eq!(keyed.pick(), None);
    keyed.let_go('a', Why::Runs);
    assert_eq!(keyed.pick(), Some(('a', 2)));
}

#[test]
fn room_is_given_back_when_little_of_it_is_used() {
    assert!(!is_roomy(0, 1024), "too small to matter");
    assert!(is_roomy(0, 1025));
    assert!(is_roomy(255, 2048));
    assert!(!is_roomy(256, 2048));

    let mut keyed = Tried::new();
    (0..10_000).for_each(|key| keyed.push(key, 0u8));
    (0..10_000).for_each(|_| keyed.push(0, 0));
    let room = |keyed: &mut Tried<_, _>| (keyed.keyed.turns.capacity(), keyed.line(0).items.capacity());
    let at_most = room(&mut keyed);
    for key in 0..10_000 {
        assert_eq!(keyed.pick(), Some((key, 0)));
        keyed.let_go(key, Why::Runs);
        // Much of it is used: nothing is copied. (What a map says of its room includes no graves.)
        assert!(key >= 7_000 || (room(&mut keyed) == at_most && keyed.keyed.keys.capacity() > 4_000));
    }
    assert!(keyed.keyed.keys.capacity() < 2048 && keyed.keyed.turns.capacity() < 2048);
    while keyed.pick().is_some() {
        let (capacity, len) = (keyed.line(0).items.capacity(), keyed.line(0).items.len());
        assert!(!is_roomy(len, capacity), "{len} of {capacity}");
        keyed.let_go(0, Why::Runs);
    }
}

#[test]
fn what_is_taken_keeps_each_keys_order() {
    let mut keyed = Tried::new();
    for (key, item) in [('a', 1), ('b', 2), ('a', 3), ('b', 4)] {
        keyed.push(key, item);
    }
    assert_eq!(keyed.pick(), Some(('a', 1)));
    let mut rest = keyed.take_all();
    assert_eq!((keyed.ready(), keyed.keyed.turns.listed(), keyed.pick()), (0, 0, None), "no turn is left");
    rest.sort_by_key(|&(key, _)| key);
    assert_eq!(rest, [('a', 3), ('b', 2), ('b', 4)]);
    keyed.let_go('a', Why::Runs);
    assert!(keyed.keyed.keys.len() == 0);
}

#[test]
fn turns_give_back_room_before_keys_do() {
    let mut keyed = Tried::new();
    (0..10_000).for_each(|key| keyed.push(key, key));
    (0..10_000).for_each(|key| assert_eq!(keyed.pick(), Some((key, key))));
    assert!(keyed.keyed.turns.capacity() >= 10_000);
    keyed.let_go(0, Why::Runs);
    assert_eq!((keyed.keyed.turns.capacity(), keyed.keyed.keys.len()), (0, 9_999));
}

#[test]
fn room_is_given_back_when_all_is_taken() {
    let mut keyed = Tried::new();
    (0..10_000).for_each(|key| keyed.push(key, key));
    assert_eq!(keyed.take_all().len(), 10_000);
    assert_eq!((keyed.keyed.keys.len(), keyed.keyed.keys.capacity()), (0, 0));
}

#[test]
fn what_is_put_in_front_goes_first_and_has_no_turn_of_its_own() {
    let mut keyed = Tried::new();
    for (key, item) in [('a', 1), ('b', 2), ('a', 3)] {
        keyed.push(key, item);
    }
    keyed.push_front('b', 4);
    keyed.push_front('b', 5);
    keyed.push_front('c', 6);
    assert_eq!(keyed.pick(), Some(('a', 1)));
    keyed.push_front('a', 7);
    assert_eq!(keyed.pick(), Some(('b', 5)));
    assert!(keyed.let_go('b', Why::Runs).is_empty() && keyed.let_go('a', Why::Runs).is_empty());
    let rest: Vec<_> = std::iter::from_fn(|| {
        let (key, item) = keyed.pick()?;
        keyed.let_go(key, Why::Runs);
        Some(item)
    })
    .collect();
    assert_eq!(rest, [6, 4, 7, 2, 3]);
}

#[test]
fn a_key_goes_on_when_it_neither_runs_nor_is_held() {
    let mut keyed = Tried::new();
    keyed.push('a', 1);
    keyed.push('a', 2);
    assert_eq!(keyed.pick(), Some(('a', 1)));
    keyed.hold(&'a', Why::Held);
    assert!(!keyed.let_go('a', Why::Runs).is_empty());
    assert_eq!(
        (keyed.pick(), keyed.ready(), !keyed.reasons(&'a').is_empty(), keyed.waiting(&'a')),
        (None, 0, true, 1)
    );
    assert!(keyed.let_go('a', Why::Held).is_empty());
    assert_eq!((!keyed.reasons(&'a').is_empty(), keyed.pick()), (false, Some(('a', 2))));
    // Released before the handler has returned.
    keyed.hold(&'a', Why::Held);
    assert!(!keyed.let_go('a', Why::Held).is_empty());
    assert!(!keyed.reasons(&'a').is_empty() && keyed.let_go('a', Why::Runs).is_empty());
    assert!(keyed.keyed.keys.len() == 0 && keyed.reasons(&'a').is_empty());
}

#[test]
fn what_is_removed_has_no_turn() {
    let mut keyed = Tried::new();
    for (key, item) in [('a', 1), ('b', 2), ('a', 3), ('c', 4)] {
        keyed.push(key, item);
    }
    assert_eq!((keyed.remove(&'a'), keyed.remove(&'a'), keyed.ready()), ([1, 3].into(), [].into(), 2));
    keyed.push('a', 5);
    assert_eq!((keyed.keyed.len, keyed.ready()), (3, 3));
    assert_eq!(keyed.pick(), Some(('b', 2)));
    keyed.push('b', 6);
    assert_eq!((keyed.remove(&'b'), !keyed.reasons(&'b').is_empty()), ([6].into(), true));
    assert_eq!(keyed.pick(), Some(('c', 4)), "its new turn is behind");
    assert_eq!(keyed.pick(), Some(('a', 5)));
    keyed.let_go('b', Why::Runs);
    assert_eq!((keyed.pick(), keyed.ready(), keyed.is_empty()), (None, 0, true));
}

#[test]
fn turns_of_nobody_are_few_and_not_looked_for_each_time() {
    let mut keyed = Tried::new();
    (0..4).for_each(|key| keyed.push(key, key));
    let mut turns_after = |key| {
        assert_eq!(keyed.remove(&key), [key]);
        (keyed.keyed.turns.listed(), keyed.ready())
    };
    assert_eq!([turns_after(0), turns_after(1), turns_after(2)], [(4, 3), (4, 2), (1, 1)]);
    for key in 4..10_000 {
        keyed.push(key, key);
        assert_eq!(keyed.remove(&key), [key]);
        assert!(keyed.keyed.turns.listed() <= 2, "{}", keyed.keyed.turns.listed());
    }
    assert_eq!((keyed.ready(), keyed.pick(), keyed.pick()), (1, Some((3, 3)), None));

    (0..10_000).for_each(|key| keyed.push(key, key));
    (0..10_000).for_each(|key| _ = keyed.remove(&key));
    assert!(keyed.keyed.keys.capacity() < 2048 && keyed.keyed.turns.capacity() < 2048, "given back");
}

/// Picks, and finishes at once.
fn next(keyed: &mut Keyed<char, u32>) -> Option<u32> {
    let Turn { key, place, queued } = keyed.pick(NOW)?;
    assert!(keyed.let_go(&key, place, Why::Runs).is_empty());
    Some(queued.item)
}

fn by_class(passes: Overtakes, items: &[(u8, char, u32)]) -> Keyed<char, u32> {
    let mut keyed = Keyed::new(Box::new(Highest), passes);
    for &(class, key, item) in items {
        keyed.push(key, queued(class, item), End::Back);
    }
    keyed
}

#[test]
fn a_key_has_a_line_for_each_class_and_runs_one_item_at_a_time() {
    let mut keyed = by_class(Overtakes::Unbounded, &[(1, 'a', 1), (2, 'a', 2), (1, 'a', 3), (2, 'b', 4)]);
    assert_eq!((keyed.ready(NOW), keyed.waiting(&'a')), (3, 3));
    let Turn { key, queued, .. } = keyed.pick(NOW).unwrap();
    assert_eq!((key, queued.item, queued.class), ('a', 2, Class(2)));
    assert_eq!(keyed.ready(NOW), 1, "a runs");
    assert_eq!(next(&mut keyed), Some(4));
    assert_eq!((next(&mut keyed), keyed.ready(NOW)), (None, 0));
    keyed.let_go(&'a', Place::ANYWHERE, Why::Runs);
    assert_eq!([next(&mut keyed), next(&mut keyed), next(&mut keyed)], [Some(1), Some(3), None]);
    assert!(keyed.is_empty() && keyed.keys.len() == 0);
}

#[test]
fn a_line_keeps_its_turn_while_its_key_is_busy_with_another() {
    let mut keyed = by_class(Overtakes::Unbounded, &[(1, 'a', 1), (1, 'b', 2), (1, 'a', 3), (2, 'a', 9)]);
    assert_eq!(keyed.pick(NOW).unwrap().key, 'a');
    assert_eq!(keyed.pick(NOW).unwrap().queued.item, 2, "the first that could go");
    keyed.push('c', queued(1, 4), End::Back);
    keyed.let_go(&'b', Place::ANYWHERE, Why::Runs);
    keyed.let_go(&'a', Place::ANYWHERE, Why::Runs);
    assert_eq!([next(&mut keyed), next(&mut keyed), next(&mut keyed)], [Some(1), Some(4), Some(3)]);
}

#[test]
fn a_class_is_passed_over_as_often_as_allowed_and_no_more() {
    let items = [(1, 'a', 1), (1, 'a', 2), (0, 'b', 3), (2, 'c', 4), (2, 'd', 5), (2, 'e', 6), (2, 'f', 7)];
    let order = |passes| {
        let mut keyed = by_class(passes, &items);
        std::iter::from_fn(|| next(&mut keyed)).collect::<Vec<_>>()
    };
    assert_eq!(order(Overtakes::Unbounded), [4, 5, 6, 7, 1, 2, 3]);
    assert_eq!(order(Overtakes::AtMost(2)), [4, 5, 1, 3, 6, 2, 7]);
    assert_eq!(order(Overtakes::AtMost(0)), [4, 1, 3, 5, 2, 6, 7]);
}

#[test]
fn a_class_that_was_taken_away_item_by_item_has_been_passed_over_by_nobody() {
    let mut keyed = by_class(Overtakes::AtMost(2), &[(0, 'a', 1), (0, 'a', 2), (1, 'b', 3), (1, 'c', 4)]);
    assert_eq!([next(&mut keyed), next(&mut keyed)], [Some(3), Some(4)], "both pass over the lower class");
    for item in [1, 2] {
        assert!(keyed.take_one(&'a', Class(0), |&waiting| waiting == item).is_some());
    }
    for (class, key, item) in [(0, 'a', 5), (1, 'd', 6)] {
        keyed.push(key, queued(class, item), End::Back);
    }
    assert_eq!([next(&mut keyed), next(&mut keyed)], [Some(6), Some(5)]);
}

#[test]
fn another_scheduler_lines_up_anew_what_waits() {
    let items = [(1, 'a', 1), (2, 'b', 2), (3, 'a', 3), (1, 'a', 4)];
    let mut keyed = by_class(Overtakes::Unbounded, &items);
    let first = keyed.pick(NOW).unwrap();
    assert_eq!((first.key, first.queued.item), ('a', 3));
    keyed.set_scheduler(Box::new(Fifo));
    assert_eq!((keyed.ready(NOW), next(&mut keyed), next(&mut keyed)), (1, Some(2), None), "a is still busy");
    keyed.push('a', queued(3, 5), End::Back);
    keyed.let_go(&'a', Place::ANYWHERE, Why::Runs);
    assert_eq!([next(&mut keyed), next(&mut keyed), next(&mut keyed)], [Some(1), Some(4), Some(5)]);

    let mut keyed = Keyed::new(Box::new(Fifo), Overtakes::Unbounded);
    for (class, key, item) in items {
        keyed.push(key, queued(class, item), End::Back);
    }
    keyed.set_scheduler(Box::new(Highest));
    assert_eq!([(); 4].map(|()| next(&mut keyed)), [Some(3), Some(2), Some(1), Some(4)]);
}

#[test]
fn turns_of_nobody_leave_with_the_last_of_somebody() {
    let mut tried = Tried::new();
    (0..6).for_each(|key| tried.push(key, key));
    (3..6).for_each(|key| assert_eq!(tried.remove(&key), [key]));
    assert_eq!(tried.turns.listed(), 6, "only half of them are nobody's");
    for key in 0..3 {
        assert_eq!(tried.pick(), Some((key, key)));
        assert!(tried.let_go(key, Why::Runs).is_empty());
    }
    assert_eq!(tried.turns.listed(), 0);
}
