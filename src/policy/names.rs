//! Small numbers for names.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash};

use crate::policy::split_mix::Mixed;

/// So many numbers are kept when none is in use, without asking whether they are needed.
const KEPT: usize = 1024;

/// How many names are found by a guess.
const GUESSES: usize = 64;

/// Each name has a number while it is in use. Numbers are small, and used again.
///
/// Of names that come again and again, the table is not asked: where their hash points stands the number that was found
/// there last.
#[derive(Debug)]
pub struct Names<N> {
    numbers: HashMap<N, u32, Mixed>,
    /// By number; none while it is not in use.
    names: Vec<Option<N>>,
    free: Vec<u32>,
    guesses: Box<[u32; GUESSES]>,
}

impl<N: Copy + Eq + Hash> Names<N> {
    /// No name is in use.
    pub fn new() -> Self {
        Self {
            numbers: HashMap::default(),
            names: Vec::new(),
            free: Vec::new(),
            // Not in place: see `Turns`.
            guesses: vec![0; GUESSES].try_into().expect("as many"),
        }
    }

    /// The number of this name, if it is in use.
    pub fn find(&self, name: N) -> Option<u32> {
        self.numbers.get(&name).copied()
    }

    /// The number of this name, which is in use from now on, and whether it was not before.
    #[inline]
    pub fn number(&mut self, name: N) -> (u32, bool) {
        let place = Mixed::default().hash_one(name) as usize % GUESSES;
        let guess = self.guesses[place];
        if self.names.get(guess as usize) == Some(&Some(name)) {
            return (guess, false);
        }
        let (number, new) = self.look_up(name);
        self.guesses[place] = number;
        (number, new)
    }

    /// The name that has this number.
    #[inline]
    pub fn name(&self, number: u32) -> N {
        self.names[number as usize].expect("the number is in use")
    }

    /// The name is in use no more. Whether none is, and all numbers are forgotten, since there were many.
    pub fn give_back(&mut self, number: u32) -> bool {
        let name = self.names[number as usize].take().expect("the number is in use");
        self.numbers.remove(&name);
        self.free.push(number);
        let forgets = self.numbers.is_empty() && self.names.capacity() > KEPT;
        if forgets {
            *self = Self::new();
        }
        forgets
    }

    fn look_up(&mut self, name: N) -> (u32, bool) {
        let vacant = match self.numbers.entry(name) {
            Entry::Occupied(number) => return (*number.get(), false),
            Entry::Vacant(vacant) => vacant,
        };
        let number = self.free.pop().unwrap_or_else(|| {
            self.names.push(None);
            u32::try_from(self.names.len() - 1).expect("memory ends before the numbers do")
        });
        self.names[number as usize] = Some(name);
        (*vacant.insert(number), true)
    }

    /// For how many names there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.numbers.capacity().max(self.names.capacity()).max(self.free.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_small_and_used_again() {
        let mut names = Names::new();
        assert_eq!([names.number('a'), names.number('b'), names.number('a')], [(0, true), (1, true), (0, false)]);
        assert_eq!((names.find('b'), names.find('c'), names.name(1)), (Some(1), None, 'b'));
        assert!(!names.give_back(0));
        assert_eq!(names.find('a'), None);
        assert_eq!([names.number('c'), names.number('a')], [(0, true), (2, true)], "no guess says that it is `a`");
    }

    #[test]
    fn guesses_are_only_guesses() {
        // More of them than there are guesses, in several orders, with some that go.
        let mut names = Names::new();
        let mut numbers: HashMap<u64, u32> = HashMap::new();
        for step in 0..10_000_u64 {
            let name = step * step % 509 % 300;
            let (number, new) = names.number(name);
            assert_eq!(numbers.insert(name, number), Some(number).filter(|_| !new), "{step}");
            assert_eq!((names.name(number), names.find(name)), (name, Some(number)));
            if step % 3 == 0 {
                names.give_back(number);
                numbers.remove(&name);
            }
        }
        assert!(names.names.len() <= 300);
    }

    #[test]
    fn many_numbers_are_forgotten_together_and_few_kept() {
        let left_after = |count: usize| {
            let mut names = Names::new();
            names.names.reserve_exact(count);
            (0..count).for_each(|name| assert!(names.number(name).1));
            (1..count).for_each(|name| assert!(!names.give_back(name as u32)));
            assert!(names.capacity() >= count, "one is still in use");
            let forgotten = names.give_back(0);
            (forgotten, names.names.capacity())
        };
        assert_eq!(left_after(KEPT), (false, KEPT));
        assert_eq!(left_after(KEPT + 1), (true, 0));
    }
}
