//! Who is next by weight: start-time fair queueing.

use std::collections::BTreeMap;

use crate::policy::scheduler::Class;

/// Parts of a cost unit, so that rounding to them decides no more than ties.
const UNIT: u32 = 32;

/// The proportional tags of one shard.
///
/// The tag of a class that takes part moves on by cost / weight whenever an item of it starts; by weight the smallest
/// is next. Virtual time is the smallest of those who took part last, and never goes back. Whoever takes part again
/// has the tag it had, but at least virtual time.
#[derive(Clone, Debug, Default)]
pub struct VirtualTime {
    now: u128,
    tags: BTreeMap<Class, Tag>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tag {
    at: u128,
    /// What was rounded off: so many parts of one divided by the weight.
    rest: u128,
}

impl VirtualTime {
    /// The tag with which `class` takes part.
    pub fn tag(&self, class: Class) -> u128 {
        self.tags.get(&class).map_or(self.now, |tag| tag.at.max(self.now))
    }

    /// These take part now.
    pub fn meet(&mut self, classes: impl Iterator<Item = Class>) {
        // No tag of theirs is below virtual time.
        self.now = classes.map(|class| self.tag(class)).min().unwrap_or(self.now);
    }

    /// An item of `class` starts, for which its tag moves on, but not beyond `ahead` cost units, divided by the
    /// weight, ahead of virtual time.
    pub fn advance(&mut self, class: Class, weight: u32, cost: u64, ahead: u128) {
        let tag = self.tags.entry(class).or_default();
        if tag.at < self.now {
            *tag = Tag { at: self.now, rest: 0 };
        }
        let weight = u128::from(weight);
        // Below 2^96, and the rest below 2^32.
        let parts = (u128::from(cost) << UNIT) + tag.rest;
        let at = tag.at.saturating_add(parts / weight);
        let most = self.now.saturating_add(ahead.saturating_mul(1 << UNIT) / weight);
        if at <= most {
            *tag = Tag { at, rest: parts % weight };
        } else if tag.at < most {
            *tag = Tag { at: most, rest: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Class = Class(0);
    const B: Class = Class(1);

    #[test]
    fn whoever_comes_back_starts_at_the_present() {
        let mut time = VirtualTime::default();
        time.advance(A, 1, 3, u128::MAX);
        assert_eq!((time.tag(A), time.tag(B)), (3 << UNIT, 0));
        time.meet([A, B].into_iter());
        assert_eq!(time.tag(B), 0, "B is there, and has had nothing");
        time.meet([A].into_iter());
        assert_eq!(time.tag(B), 3 << UNIT, "it has not saved up");
        time.advance(B, 2, 1, u128::MAX);
        assert_eq!(time.tag(B), (3 << UNIT) + (1 << (UNIT - 1)));
        time.meet([A].into_iter());
        assert_eq!(time.tag(B), (3 << UNIT) + (1 << (UNIT - 1)), "and keeps what it is ahead");
        time.meet([].into_iter());
        assert_eq!(time.tag(A), 3 << UNIT);
    }

    #[test]
    fn nothing_is_lost_by_rounding_and_nothing_overflows() {
        let mut time = VirtualTime::default();
        for _ in 0..3 {
            time.advance(A, 3, 1, u128::MAX);
        }
        assert_eq!(time.tag(A), 1 << UNIT);
        for _ in 0..3 {
            // Alone: virtual time is its own.
            time.meet([A].into_iter());
            time.advance(A, 3, 1, u128::MAX);
        }
        assert_eq!(time.tag(A), 2 << UNIT);
        time.advance(A, u32::MAX, u64::MAX, u128::MAX);
        assert_eq!(time.tag(A), (2 << UNIT) + ((u128::from(u64::MAX) << UNIT) / u128::from(u32::MAX)));
        let mut time = VirtualTime { now: u128::MAX - 5, tags: BTreeMap::new() };
        time.advance(A, 1, u64::MAX, u128::MAX);
        time.advance(A, 1, u64::MAX, u128::MAX);
        assert_eq!(time.tag(A), u128::MAX);
    }

    #[test]
    fn what_was_rounded_off_goes_with_the_tag_it_was_of() {
        let mut time = VirtualTime::default();
        time.advance(A, 3, 1, u128::MAX);
        time.advance(B, 1, 1, u128::MAX);
        time.meet([B].into_iter());
        time.advance(A, 3, 1, u128::MAX);
        assert_eq!(time.tags[&A].rest, (1 << UNIT) % 3);
        assert_eq!(time.tag(A), (1 << UNIT) + (1 << UNIT) / 3);
    }

    #[test]
    fn a_tag_gets_ahead_as_far_as_it_may_and_never_goes_back() {
        let mut time = VirtualTime::default();
        let mut tags = [(5, 6), (2, 6), (1, 6), (4, 8), (4, 8), (1, 0), (4, 100)].map(|(cost, ahead)| {
            time.advance(A, 2, cost, ahead);
            (2 * time.tag(A)) >> UNIT
        });
        assert_eq!(tags, [5, 6, 6, 8, 8, 8, 12]);
        time.advance(B, 1, 1, u128::MAX);
        time.meet([B].into_iter());
        tags = tags.map(|_| {
            time.advance(A, 2, 4, 12);
            (2 * time.tag(A)) >> UNIT
        });
        assert_eq!(tags, [14; 7], "ahead of 1");
        let mut time = VirtualTime::default();
        time.advance(A, 3, 1, 1);
        assert_eq!(time.tags[&A].rest, (1 << UNIT) % 3, "as far as it may is not beyond");
    }
}
