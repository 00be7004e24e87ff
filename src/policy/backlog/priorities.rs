//! A set of priorities.

/// A bit for each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Priorities([u64; 4]);

impl Priorities {
    /// Puts one in.
    #[inline]
    pub fn insert(&mut self, priority: u8) {
        self.0[usize::from(priority / 64)] |= 1 << (priority % 64);
    }

    /// Takes one out.
    #[inline]
    pub fn remove(&mut self, priority: u8) {
        self.0[usize::from(priority / 64)] &= !(1 << (priority % 64));
    }

    /// Whether it is in.
    #[inline]
    pub fn contains(&self, priority: u8) -> bool {
        self.0[usize::from(priority / 64)] & (1 << (priority % 64)) != 0
    }

    /// The highest one in it.
    #[inline]
    pub fn highest(&self) -> Option<u8> {
        let word = self.0.iter().rposition(|&word| word != 0)?;
        Some((word as u32 * 64 + self.0[word].ilog2()) as u8)
    }

    /// All of them, by rising number.
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        let ones = |word: u64| {
            let without_lowest = |bits: &u64| Some(bits & (bits - 1)).filter(|&bits| bits != 0);
            std::iter::successors(Some(word).filter(|&bits| bits != 0), without_lowest)
                .map(u64::trailing_zeros)
        };
        (0..).zip(self.0).flat_map(move |(index, word)| ones(word).map(move |bit| (index * 64 + bit) as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_set_in_order() {
        let mut priorities = Priorities::default();
        assert_eq!((priorities.highest(), priorities.iter().next()), (None, None));
        let members = [0, 1, 63, 64, 127, 128, 200, 255];
        for (count, &member) in (1..).zip(&members) {
            assert!(!priorities.contains(member));
            priorities.insert(member);
            priorities.insert(member);
            assert_eq!(priorities.highest(), Some(member));
            assert_eq!(priorities.iter().collect::<Vec<_>>(), members[..count]);
        }
        for (left, &member) in members.iter().enumerate().rev() {
            assert!(priorities.contains(member));
            priorities.remove(member);
            priorities.remove(member);
            assert!(!priorities.contains(member));
            assert_eq!(priorities.iter().collect::<Vec<_>>(), members[..left]);
        }
    }
}
