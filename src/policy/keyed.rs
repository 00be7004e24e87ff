//! One item of a key at a time, in order; keys take turns.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Items by key. A key is *idle* (not here at all), *ready* (in the turns), or *busy*: picked and not finished yet, or
/// held beyond that, whatever waits behind it.
///
/// ```text
///             push                pick              finish and release, more waiting
///   idle ───────────────▶ ready ────────▶ busy ─────────────────────────────────────▶ ready
///    ▲ ▲                    │               │  finish and release, nothing waiting
///    │ └────────────────────┘               │
///    │         remove                       │
///    └──────────────────────────────────────┘
/// ```
#[derive(Debug)]
pub struct Keyed<K, T> {
    keys: HashMap<K, Line<T>>,
    turns: Turns<K>,
    len: usize,
}

/// Whose turn it is.
#[derive(Debug)]
struct Turns<K> {
    line: VecDeque<(K, Ticket)>,
    /// How many of these are somebody's: those of keys that were removed are nobody's.
    ready: usize,
    next: Ticket,
}

/// Tells the turn of a key from one that it had before it was removed.
type Ticket = u64;

#[derive(Debug)]
struct Line<T> {
    items: VecDeque<T>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// With this turn.
    Ready(Ticket),
    /// It runs, or is held, or both.
    Busy { runs: bool, held: bool },
}

/// Whether a collection holds so little of what it has room for that giving it back is worth a copy: an eighth, so that growing
/// and giving back by turns costs a constant for each item; and nothing small is worth it.
fn is_roomy(len: usize, capacity: usize) -> bool {
    capacity > 1024 && len < capacity / 8
}

impl<K: Clone> Turns<K> {
    /// `key` is ready, and its turn is behind all others.
    fn join(&mut self, key: &K) -> State {
        let ticket = self.next;
        self.next += 1;
        self.ready += 1;
        self.line.push_back((key.clone(), ticket));
        State::Ready(ticket)
    }
}

impl<T> Line<T> {
    fn give_back(&mut self) {
        if is_roomy(self.items.len(), self.items.capacity()) {
            self.items.shrink_to_fit();
        }
    }
}

impl<K: Clone + Eq + Hash, T> Keyed<K, T> {
    /// Every key is idle.
    pub fn new() -> Self {
        let turns = Turns { line: VecDeque::new(), ready: 0, next: 0 };
        Self { keys: HashMap::new(), turns, len: 0 }
    }

    /// Puts `item` behind the others of `key`.
    pub fn push(&mut self, key: K, item: T) {
        self.line(key).push_back(item);
    }

    /// Puts `item` before the others of `key`. (The key's turn among the others stays what it is.)
    pub fn push_front(&mut self, key: K, item: T) {
        self.line(key).push_front(item);
    }

    /// Where an item of `key` is to be put: there is one more, and the key has a turn.
    fn line(&mut self, key: K) -> &mut VecDeque<T> {
        self.len += 1;
        match self.keys.entry(key) {
            Entry::Occupied(line) => &mut line.into_mut().items,
            Entry::Vacant(vacant) => {
                let state = self.turns.join(vacant.key());
                &mut vacant.insert(Line { items: VecDeque::new(), state }).items
            }
        }
    }

    /// Takes the first item of the ready key whose turn it is; the key runs from here on.
    pub fn pick(&mut self) -> Option<(K, T)> {
        let (key, line) = loop {
            let (key, ticket) = self.turns.line.pop_front()?;
            if self.keys.get(&key).is_some_and(|line| line.state == State::Ready(ticket)) {
                let line = self.keys.get_mut(&key).expect("seen above");
                break (key, line);
            }
        };
        line.state = State::Busy { runs: true, held: false };
        let item = line.items.pop_front().expect("a ready key has an item");
        line.give_back();
        self.turns.ready -= 1;
        self.len -= 1;
        Some((key, item))
    }

    /// The item of `key` that was picked has come to its end. Whether the key goes on: it is not held.
    pub fn finish(&mut self, key: K) -> bool {
        self.settle(key, |runs, held| {
            debug_assert!(runs, "only a running key finishes");
            (false, held)
        })
    }

    /// Keeps `key`, which runs, from going on when it finishes.
    pub fn hold(&mut self, key: &K) {
        let line = self.keys.get_mut(key).expect("a busy key is known");
        let State::Busy { held, .. } = &mut line.state else { unreachable!("only a busy key is held") };
        debug_assert!(!*held, "a key is held once");
        *held = true;
    }

    /// Takes back a [`hold`](Self::hold). Whether the key goes on: it does not run any more.
    pub fn release(&mut self, key: K) -> bool {
        self.settle(key, |runs, held| {
            debug_assert!(held, "only a held key is released");
            (runs, false)
        })
    }

    /// One reason less for `key` to be busy; `change` says what is left of the two.
    fn settle(&mut self, key: K, change: impl FnOnce(bool, bool) -> (bool, bool)) -> bool {
        let Entry::Occupied(mut entry) = self.keys.entry(key) else {
            unreachable!("a busy key is known");
        };
        let State::Busy { runs, held } = entry.get().state else {
            unreachable!("only a busy key is let go of")
        };
        let (runs, held) = change(runs, held);
        if runs || held {
            entry.get_mut().state = State::Busy { runs, held };
            return false;
        }
        if entry.get().items.is_empty() {
            entry.remove();
            self.give_back();
        } else {
            let state = self.turns.join(entry.key());
            entry.get_mut().state = state;
        }
        true
    }

    /// Takes what waits of `key`, in its order. If it runs or is held it goes on being so.
    pub fn remove(&mut self, key: &K) -> VecDeque<T> {
        let Some(line) = self.keys.get_mut(key) else { return VecDeque::new() };
        let items = std::mem::take(&mut line.items);
        self.len -= items.len();
        if let State::Ready(_) = line.state {
            self.keys.remove(key);
            self.turns.ready -= 1;
            // Its turn is nobody's now. They must not be many.
            if self.turns.line.len() > 2 * self.turns.ready {
                let Self { turns, keys, .. } = self;
                turns.line.retain(|(key, ticket)| {
                    keys.get(key).is_some_and(|line| line.state == State::Ready(*ticket))
                });
            }
            self.give_back();
        }
        items
    }

    /// Gives back what a burst of keys has made large.
    fn give_back(&mut self) {
        if is_roomy(self.keys.len(), self.keys.capacity()) {
            self.keys.shrink_to_fit();
        }
        if is_roomy(self.turns.line.len(), self.turns.line.capacity()) {
            self.turns.line.shrink_to_fit();
        }
    }

    /// How many keys are ready: as many items could start this moment.
    pub fn ready(&self) -> usize {
        self.turns.ready
    }

    /// How many items of `key` wait.
    pub fn waiting(&self, key: &K) -> usize {
        self.keys.get(key).map_or(0, |line| line.items.len())
    }

    /// Whether `key` runs or is held.
    pub fn is_busy(&self, key: &K) -> bool {
        self.keys.get(key).is_some_and(|line| matches!(line.state, State::Busy { .. }))
    }

    /// Whether nothing waits, behind busy keys either.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes all that waits, each key's items in their order. Keys that are busy go on being so.
    pub fn take_all(&mut self) -> Vec<(K, T)> {
        let mut all = Vec::with_capacity(self.len);
        self.turns.line.clear();
        self.turns.ready = 0;
        self.len = 0;
        self.keys.retain(|key, line| {
            all.extend(line.items.drain(..).map(|item| (key.clone(), item)));
            matches!(line.state, State::Busy { .. })
        });
        all
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_key_holds_its_own_items_back_and_nobody_elses() {
        let mut keyed = Keyed::new();
        for (key, item) in [('a', 1), ('a', 2), ('b', 3)] {
            keyed.push(key, item);
        }
        assert_eq!((keyed.len, keyed.ready(), keyed.is_empty()), (3, 2, false));
        assert_eq!(keyed.pick(), Some(('a', 1)));
        assert_eq!(keyed.pick(), Some(('b', 3)));
        assert_eq!(keyed.pick(), None);
        keyed.finish('a');
        assert_eq!(keyed.pick(), Some(('a', 2)));
        keyed.finish('b');
        keyed.finish('a');
        assert_eq!((keyed.len, keyed.ready(), keyed.keys.len(), keyed.is_empty()), (0, 0, 0, true));
    }

    #[test]
    fn an_item_pushed_while_its_key_runs_waits_for_it() {
        let mut keyed = Keyed::new();
        keyed.push('a', 1);
        assert_eq!(keyed.pick(), Some(('a', 1)));
        keyed.push('a', 2);
        assert_eq!(keyed.pick(), None);
        keyed.finish('a');
        assert_eq!(keyed.pick(), Some(('a', 2)));
    }

    #[test]
    fn room_is_given_back_when_little_of_it_is_used() {
        assert!(!is_roomy(0, 1024), "too small to matter");
        assert!(is_roomy(0, 1025));
        assert!(is_roomy(255, 2048));
        assert!(!is_roomy(256, 2048));

        let mut keyed = Keyed::new();
        (0..10_000).for_each(|key| keyed.push(key, 0u8));
        (0..10_000).for_each(|_| keyed.push(0, 0));
        let room = |keyed: &Keyed<_, _>| (keyed.turns.line.capacity(), keyed.keys[&0].items.capacity());
        let at_most = room(&keyed);
        for key in 0..10_000 {
            assert_eq!(keyed.pick(), Some((key, 0)));
            keyed.finish(key);
            // Much of it is used: nothing is copied. (What a map says of its room includes no graves.)
            assert!(key >= 7_000 || (room(&keyed) == at_most && keyed.keys.capacity() > 4_000));
        }
        assert!(keyed.keys.capacity() < 2048 && keyed.turns.line.capacity() < 2048);
        while keyed.pick().is_some() {
            let (capacity, len) = (keyed.keys[&0].items.capacity(), keyed.keys[&0].items.len());
            assert!(!is_roomy(len, capacity), "{len} of {capacity}");
            keyed.finish(0);
        }
    }

    #[test]
    fn what_is_taken_keeps_each_keys_order() {
        let mut keyed = Keyed::new();
        for (key, item) in [('a', 1), ('b', 2), ('a', 3), ('b', 4)] {
            keyed.push(key, item);
        }
        assert_eq!(keyed.pick(), Some(('a', 1)));
        let mut rest = keyed.take_all();
        assert_eq!((keyed.ready(), keyed.turns.line.len(), keyed.pick()), (0, 0, None), "no turn is left");
        rest.sort_by_key(|&(key, _)| key);
        assert_eq!(rest, [('a', 3), ('b', 2), ('b', 4)]);
        keyed.finish('a');
        assert!(keyed.keys.is_empty());
    }

    #[test]
    fn what_is_put_in_front_goes_first_and_has_no_turn_of_its_own() {
        let mut keyed = Keyed::new();
        for (key, item) in [('a', 1), ('b', 2), ('a', 3)] {
            keyed.push(key, item);
        }
        keyed.push_front('b', 4);
        keyed.push_front('b', 5);
        keyed.push_front('c', 6);
        assert_eq!(keyed.pick(), Some(('a', 1)));
        keyed.push_front('a', 7);
        assert_eq!(keyed.pick(), Some(('b', 5)));
        assert!(keyed.finish('b') && keyed.finish('a'));
        let rest: Vec<_> = std::iter::from_fn(|| {
            let (key, item) = keyed.pick()?;
            keyed.finish(key);
            Some(item)
        })
        .collect();
        assert_eq!(rest, [6, 4, 7, 2, 3]);
    }

    #[test]
    fn a_key_goes_on_when_it_neither_runs_nor_is_held() {
        let mut keyed = Keyed::new();
        keyed.push('a', 1);
        keyed.push('a', 2);
        assert_eq!(keyed.pick(), Some(('a', 1)));
        keyed.hold(&'a');
        assert!(!keyed.finish('a'));
        assert_eq!(
            (keyed.pick(), keyed.ready(), keyed.is_busy(&'a'), keyed.waiting(&'a')),
            (None, 0, true, 1)
        );
        assert!(keyed.release('a'));
        assert_eq!((keyed.is_busy(&'a'), keyed.pick()), (false, Some(('a', 2))));
        // Released before the handler has returned.
        keyed.hold(&'a');
        assert!(!keyed.release('a'));
        assert!(keyed.is_busy(&'a') && keyed.finish('a'));
        assert!(keyed.keys.is_empty() && !keyed.is_busy(&'a'));
    }

    #[test]
    fn what_is_removed_has_no_turn() {
        let mut keyed = Keyed::new();
        for (key, item) in [('a', 1), ('b', 2), ('a', 3), ('c', 4)] {
            keyed.push(key, item);
        }
        assert_eq!((keyed.remove(&'a'), keyed.remove(&'a'), keyed.ready()), ([1, 3].into(), [].into(), 2));
        keyed.push('a', 5);
        assert_eq!((keyed.len, keyed.ready()), (3, 3));
        assert_eq!(keyed.pick(), Some(('b', 2)));
        keyed.push('b', 6);
        assert_eq!((keyed.remove(&'b'), keyed.is_busy(&'b')), ([6].into(), true));
        assert_eq!(keyed.pick(), Some(('c', 4)), "its new turn is behind");
        assert_eq!(keyed.pick(), Some(('a', 5)));
        keyed.finish('b');
        assert_eq!((keyed.pick(), keyed.ready(), keyed.is_empty()), (None, 0, true));
    }

    #[test]
    fn turns_of_nobody_are_few_and_not_looked_for_each_time() {
        let mut keyed = Keyed::new();
        (0..4).for_each(|key| keyed.push(key, key));
        let mut turns_after = |key| {
            assert_eq!(keyed.remove(&key), [key]);
            (keyed.turns.line.len(), keyed.ready())
        };
        assert_eq!([turns_after(0), turns_after(1), turns_after(2)], [(4, 3), (4, 2), (1, 1)]);
        for key in 4..10_000 {
            keyed.push(key, key);
            assert_eq!(keyed.remove(&key), [key]);
            assert!(keyed.turns.line.len() <= 2, "{}", keyed.turns.line.len());
        }
        assert_eq!((keyed.ready(), keyed.pick(), keyed.pick()), (1, Some((3, 3)), None));

        (0..10_000).for_each(|key| keyed.push(key, key));
        (0..10_000).for_each(|key| _ = keyed.remove(&key));
        assert!(keyed.keys.capacity() < 2048 && keyed.turns.line.capacity() < 2048, "given back");
    }
}
