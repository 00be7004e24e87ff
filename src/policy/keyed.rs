//! One item of a key at a time, in order; keys take turns.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Items by key. A key is *idle* (not here at all), *ready* (in the turns), or *running* (picked and not yet
/// finished, whatever waits behind it).
///
/// ```text
///             push                pick               finish, more waiting
///   idle ───────────────▶ ready ────────▶ running ─────────────────────────▶ ready
///    ▲                                       │  finish, nothing waiting
///    └───────────────────────────────────────┘
/// ```
#[derive(Debug)]
pub struct Keyed<K, T> {
    keys: HashMap<K, Waiting<T>>,
    ready: VecDeque<K>,
    len: usize,
}

/// Whether a collection holds so little of what it has room for that giving it back is worth a copy: an eighth, so that growing
/// and giving back by turns costs a constant for each item; and nothing small is worth it.
fn is_roomy(len: usize, capacity: usize) -> bool {
    capacity > 1024 && len < capacity / 8
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<T>,
    running: bool,
}

impl<K: Clone + Eq + Hash, T> Keyed<K, T> {
    /// Every key is idle.
    pub fn new() -> Self {
        Self { keys: HashMap::new(), ready: VecDeque::new(), len: 0 }
    }

    /// Puts `item` behind the others of `key`.
    pub fn push(&mut self, key: K, item: T) {
        self.len += 1;
        match self.keys.entry(key) {
            Entry::Occupied(mut waiting) => waiting.get_mut().items.push_back(item),
            Entry::Vacant(vacant) => {
                self.ready.push_back(vacant.key().clone());
                vacant.insert(Waiting { items: VecDeque::from([item]), running: false });
            }
        }
    }

    /// Takes the first item of the ready key whose turn it is; the key runs from here on.
    pub fn pick(&mut self) -> Option<(K, T)> {
        let key = self.ready.pop_front()?;
        let waiting = self.keys.get_mut(&key).expect("a ready key is known");
        debug_assert!(!waiting.running, "a ready key does not run");
        waiting.running = true;
        let item = waiting.items.pop_front().expect("a ready key has an item");
        if is_roomy(waiting.items.len(), waiting.items.capacity()) {
            waiting.items.shrink_to_fit();
        }
        self.len -= 1;
        Some((key, item))
    }

    /// The item of `key` that was picked has come to its end.
    pub fn finish(&mut self, key: K) {
        let Entry::Occupied(mut entry) = self.keys.entry(key) else {
            unreachable!("a running key is known");
        };
        debug_assert!(entry.get().running, "only a running key finishes");
        if entry.get().items.is_empty() {
            entry.remove();
            self.give_back();
        } else {
            self.ready.push_back(entry.key().clone());
            entry.get_mut().running = false;
        }
    }

    /// Gives back what a burst of keys has made large.
    fn give_back(&mut self) {
        if is_roomy(self.keys.len(), self.keys.capacity()) {
            self.keys.shrink_to_fit();
        }
        if is_roomy(self.ready.len(), self.ready.capacity()) {
            self.ready.shrink_to_fit();
        }
    }

    /// How many keys are ready: as many items could start this moment.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Whether nothing waits, behind running keys either.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes all that waits, each key's items in their order. Keys that run go on running.
    pub fn take_all(&mut self) -> Vec<(K, T)> {
        let mut all = Vec::with_capacity(self.len);
        self.ready.clear();
        self.len = 0;
        self.keys.retain(|key, waiting| {
            all.extend(waiting.items.drain(..).map(|item| (key.clone(), item)));
            waiting.running
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
        let room = |keyed: &Keyed<_, _>| (keyed.ready.capacity(), keyed.keys[&0].items.capacity());
        let at_most = room(&keyed);
        for key in 0..10_000 {
            assert_eq!(keyed.pick(), Some((key, 0)));
            keyed.finish(key);
            // Much of it is used: nothing is copied. (What a map says of its room includes no graves.)
            assert!(key >= 7_000 || (room(&keyed) == at_most && keyed.keys.capacity() > 4_000));
        }
        assert!(keyed.keys.capacity() < 2048 && keyed.ready.capacity() < 2048);
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
        rest.sort_by_key(|&(key, _)| key);
        assert_eq!(rest, [('a', 3), ('b', 2), ('b', 4)]);
        keyed.finish('a');
        assert!(keyed.keys.is_empty());
    }
}
