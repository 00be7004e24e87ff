//! The keys that are not idle, each in a place of its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

/// Where a key is. When much room is given back keys move, and others may come to where they were: a place that was kept over
/// other calls is a [hint](Keys::find_near).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
    /// No hint.
    pub const ANYWHERE: Self = Self(u32::MAX);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of each key.
///
/// A key is hashed when it is looked up, and not again: it is forgotten by the hash that it came with. (`DefaultHasher` is
/// a good part of what an item costs.)
#[derive(Debug)]
pub struct Keys<K, V> {
    /// By hash, a key that has it.
    by_hash: HashMap<u64, Place, BuildHasherDefault<AsItIs>>,
    slots: Vec<Slot<K, V>>,
    free: Vec<Place>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Slot<K, V> {
    /// None if it is free.
    known: Option<(K, V)>,
    hash: u64,
    /// Another key that has the same hash, if there is one.
    same_hash: Option<Place>,
}

impl<K: Eq + Hash, V> Keys<K, V> {
    /// No key is known.
    pub fn new() -> Self {
        Self { by_hash: HashMap::default(), slots: Vec::new(), free: Vec::new(), hasher: RandomState::new() }
    }

    /// How many keys are known.
    #[inline]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Where `key` is, if it is known.
    #[inline]
    pub fn find(&self, key: &K) -> Option<Place> {
        self.find_hashed(self.hasher.hash_one(key), key)
    }

    /// The same, quickly if it still is where it was.
    #[inline]
    pub fn find_near(&self, hint: Place, key: &K) -> Option<Place> {
        match self.slots.get(hint.index()) {
            Some(Slot { known: Some((there, _)), .. }) if there == key => Some(hint),
            _ => self.find(key),
        }
    }

    /// Where `key` is; if it was not known it is from now on, and that is known of it.
    #[inline]
    pub fn open(&mut self, key: K, first: impl FnOnce() -> V) -> Place {
        let hash = self.hasher.hash_one(&key);
        if let Some(place) = self.find_hashed(hash, &key) {
            return place;
        }
        let slot = |same_hash| Slot { known: Some((key, first())), hash, same_hash };
        let place = self.free.pop().unwrap_or_else(|| {
            let next = u32::try_from(self.slots.len()).ok().filter(|&next| next != Place::ANYWHERE.0);
            Place(next.expect("memory ends before the places do"))
        });
        let same_hash = self.by_hash.insert(hash, place);
        match self.slots.get_mut(place.index()) {
            Some(vacant) => *vacant = slot(same_hash),
            None => self.slots.push(slot(same_hash)),
        }
        place
    }

    /// The key that is there.
    #[inline]
    pub fn key(&self, place: Place) -> &K {
        let Some((key, _)) = &self.slots[place.index()].known else { unreachable!("somebody is there") };
        key
    }

    /// What is known of the key that is there.
    #[inline]
    pub fn at(&mut self, place: Place) -> &mut V {
        self.get(place).expect("somebody is there")
    }

    /// The same, if there is one.
    #[inline]
    pub fn get(&mut self, place: Place) -> Option<&mut V> {
        self.slots.get_mut(place.index())?.known.as_mut().map(|(_, value)| value)
    }

    /// What is known of `key`, if it is.
    pub fn of(&self, key: &K) -> Option<&V> {
        let place = self.find(key)?;
        self.slots[place.index()].known.as_ref().map(|(_, value)| value)
    }

    /// Forgets the key that is there.
    #[inline]
    pub fn forget(&mut self, place: Place) {
        let slot = &mut self.slots[place.index()];
        debug_assert!(slot.known.is_some(), "somebody is there");
        let (hash, behind) = (slot.hash, slot.same_hash.take());
        slot.known = None;
        self.free.push(place);
        self.unlink(hash, place, behind);
    }

    /// All that are known, in the order of their places.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Place, &K, &mut V)> {
        let known = (0..).map(Place).zip(&mut self.slots);
        known.filter_map(|(place, slot)| slot.known.as_mut().map(|(key, value)| (place, &*key, value)))
    }

    /// Takes all that are known.
    pub fn take_all(&mut self) -> impl Iterator<Item = (K, V)> + use<K, V> {
        let slots = std::mem::take(&mut self.slots);
        (self.by_hash, self.free) = (HashMap::default(), Vec::new());
        slots.into_iter().filter_map(|slot| slot.known)
    }

    /// If there is room for many more, gives it back. Then keys have moved, and who knows of places is told where to.
    #[inline]
    pub fn give_back(&mut self) -> Option<Moved> {
        if !super::is_roomy(self.len(), self.slots.capacity()) {
            return None;
        }
        let mut moved = vec![None; self.slots.len()];
        let mut places = (0..).map(Place);
        for (slot, moved) in self.slots.iter().zip(&mut moved) {
            *moved = slot.known.as_ref().and_then(|_| places.next());
        }
        let moved = Moved(moved);
        self.slots.retain(|slot| slot.known.is_some());
        for slot in &mut self.slots {
            slot.same_hash = slot.same_hash.and_then(|place| moved.to(place));
        }
        for place in self.by_hash.values_mut() {
            *place = moved.to(*place).expect("somebody is there");
        }
        self.slots.shrink_to_fit();
        self.by_hash.shrink_to_fit();
        self.free = Vec::new();
        Some(moved)
    }

    #[inline]
    fn find_hashed(&self, hash: u64, key: &K) -> Option<Place> {
        let mut next = self.by_hash.get(&hash).copied();
        while let Some(place) = next {
            let slot = &self.slots[place.index()];
            if slot.known.as_ref().is_some_and(|(known, _)| known == key) {
                return next;
            }
            next = slot.same_hash;
        }
        None
    }

    /// Takes a place, behind which another may be, out of those that have the same hash.
    #[inline]
    fn unlink(&mut self, hash: u64, place: Place, behind: Option<Place>) {
        let Entry::Occupied(mut first) = self.by_hash.entry(hash) else { unreachable!("it has that hash") };
        if *first.get() == place {
            match behind {
                Some(behind) => _ = first.insert(behind),
                None => _ = first.remove(),
            }
            return;
        }
        let mut before = *first.get();
        loop {
            let slot = &mut self.slots[before.index()];
            let next = slot.same_hash.expect("it is one of them");
            if next == place {
                slot.same_hash = behind;
                return;
            }
            before = next;
        }
    }

    /// For how many there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.slots.capacity().max(self.by_hash.capacity()).max(self.free.capacity())
    }
}

/// Where keys have moved to.
#[derive(Debug)]
pub struct Moved(Vec<Option<Place>>);

impl Moved {
    /// Where what was at `place` is now; nowhere if nobody was there.
    pub fn to(&self, place: Place) -> Option<Place> {
        self.0[place.index()]
    }
}

/// For what is a hash already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a hash is a u64")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Most of them have the same hash as others.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Awkward(u16);

    impl Hash for Awkward {
        fn hash<H: Hasher>(&self, state: &mut H) {
            (self.0 % 3).hash(state);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn keys_are_a_map(operations in proptest::collection::vec((0..12_u16, 0..5_u8), 1..120)) {
            let mut keys = Keys::new();
            let mut map = HashMap::new();
            for (number, (key, operation)) in operations.into_iter().enumerate() {
                let before = keys.find(&Awkward(key));
                match operation {
                    0..3 => {
                        let place = keys.open(Awkward(key), || number);
                        map.entry(key).or_insert(number);
                        prop_assert!(before.is_none_or(|before| before == place));
                    }
                    3 => if let Some(place) = before {
                        prop_assert_eq!(map.remove(&key), keys.get(place).copied());
                        keys.forget(place);
                        prop_assert_eq!(keys.get(place), None);
                    },
                    _ => if let Some(place) = before {
                        *keys.at(place) += 1000;
                        *map.get_mut(&key).unwrap() += 1000;
                    },
                }
                prop_assert_eq!(keys.len(), map.len());
                for key in 0..12 {
                    let place = keys.find(&Awkward(key));
                    prop_assert_eq!(keys.of(&Awkward(key)), map.get(&key));
                    prop_assert_eq!(place.map(|place| *keys.key(place)), map.get(&key).map(|_| Awkward(key)));
                    prop_assert_eq!(keys.find_near(Place(0), &Awkward(key)), place);
                    prop_assert_eq!(keys.find_near(Place::ANYWHERE, &Awkward(key)), place);
                }
            }
            prop_assert_eq!(keys.iter_mut().count(), map.len());
            let mut all: Vec<_> = keys.take_all().map(|(key, value)| (key.0, value)).collect();
            all.sort_unstable();
            let mut expected: Vec<_> = map.into_iter().collect();
            expected.sort_unstable();
            prop_assert_eq!((all, keys.len()), (expected, 0));
        }
    }

    #[test]
    fn keys_move_when_room_is_given_back() {
        let mut keys = Keys::new();
        let places: Vec<_> = (0..10_000_u16).map(|key| keys.open(Awkward(key), || key)).collect();
        assert!(keys.give_back().is_none(), "none is to spare");
        let stays = |key: u16| key % 100 == 99;
        (0..10_000).filter(|&key| !stays(key)).for_each(|key| keys.forget(places[key as usize]));
        let moved = keys.give_back().expect("a hundredth is left");
        assert_eq!((keys.len(), keys.capacity()), (100, keys.capacity().min(200)));
        for key in 0..10_000 {
            let place = moved.to(places[key as usize]);
            assert_eq!((place, keys.find(&Awkward(key))), (place.filter(|_| stays(key)), place));
            assert!(place.is_none_or(|place| *keys.at(place) == key));
        }
        assert!(keys.give_back().is_none());
        keys.open(Awkward(0), || 7);
        assert_eq!(keys.of(&Awkward(0)), Some(&7));
    }
}
