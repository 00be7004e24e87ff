//! When the next item of a class is due at a given rate.

/// The nanoseconds of a second.
const SECOND: u128 = 1_000_000_000;

/// What starts at `at` and costs c keeps its class busy for c / rate.
///
/// Kept as a start and a cost rather than as an end: the end is rounded where it is compared, never where it is
/// carried on, so any number of items take exactly as long as their costs in one. And a rate that changes applies to
/// the item that started last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tag {
    /// Nanoseconds by the pool's clock, rounded down.
    at: u128,
    /// What was rounded off: so many parts of a nanosecond divided by the rate.
    rest: u64,
    cost: u64,
}

impl Tag {
    /// When the next is due, in nanoseconds, rounded up.
    pub fn next(&self, rate: u64) -> u128 {
        let (whole, rest) = self.end(rate);
        whole.saturating_add(u128::from(rest > 0))
    }

    /// The next starts, and has this cost. It is due no earlier than `from`.
    pub fn advance(&mut self, rate: u64, cost: u64, from: u128) {
        // A due time between two nanoseconds is not before the later one.
        let (at, rest) = if from >= self.next(rate) { (from, 0) } else { self.end(rate) };
        *self = Self { at, rest, cost };
    }

    /// The rate is another one: what was rounded off has no meaning any more, and is less than a nanosecond.
    pub fn forget_rest(&mut self) {
        self.rest = 0;
    }

    fn end(&self, rate: u64) -> (u128, u64) {
        // Below 2^94 and 2^64.
        let parts = u128::from(self.cost) * SECOND + u128::from(self.rest);
        let rate = u128::from(rate);
        let rest = u64::try_from(parts % rate).expect("less than the rate");
        (self.at.saturating_add(parts / rate), rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_moves_on_by_the_cost_of_what_started() {
        let mut tag = Tag::default();
        assert_eq!(tag.next(10), 0);
        tag.advance(10, 5, 0);
        assert_eq!(tag.next(10), 500_000_000);
        assert_eq!(tag.next(5), 1_000_000_000, "at the rate of now");
        tag.advance(10, 1, 400_000_000);
        assert_eq!(tag.next(10), 600_000_000, "it was not due before");
        tag.advance(10, 1, 700_000_000);
        assert_eq!(tag.next(10), 800_000_000, "it was due, but not taken up");
    }

    #[test]
    fn nothing_is_lost_by_rounding() {
        let mut tag = Tag::default();
        (0..7).for_each(|_| tag.advance(7, 1, 0));
        assert_eq!((tag.at, tag.rest), (857_142_857, 1), "6/7 of a second");
        assert_eq!(tag.next(7), 1_000_000_000);
        tag.advance(7, 1, 0);
        assert_eq!(tag.next(7), 1_142_857_143, "rounded up: not before it is due");
        // Due at ...142.857: at ...142 it is not, and keeps its parts; at ...143 it is.
        let (mut early, mut late) = (tag, tag);
        early.advance(7, 1, 1_142_857_142);
        assert_eq!((early.at, early.rest), (1_142_857_142, 6));
        late.advance(7, 1, 1_142_857_143);
        assert_eq!((late.at, late.rest), (1_142_857_143, 0));
        early.forget_rest();
        assert_eq!((early.at, early.rest), (1_142_857_142, 0));
    }

    #[test]
    fn a_tag_that_is_due_to_the_nanosecond_is_due() {
        let mut tag = Tag::default();
        tag.advance(10, 1, 0);
        tag.advance(10, 2, 100_000_000);
        assert_eq!(tag.next(10), 300_000_000);
    }

    #[test]
    fn nothing_overflows() {
        let mut tag = Tag::default();
        tag.advance(1, u64::MAX, u128::MAX - 1);
        assert_eq!(tag.next(1), u128::MAX);
        tag.advance(u64::MAX, u64::MAX, 0);
        assert_eq!(tag.next(u64::MAX), u128::MAX);
        tag.advance(3, 1, 0);
        assert_eq!(tag.next(3), u128::MAX);
        let mut tag = Tag { at: 0, rest: u64::MAX - 1, cost: u64::MAX };
        assert_eq!(tag.next(u64::MAX), 1_000_000_001);
        tag.advance(u64::MAX, 1, 0);
        assert_eq!((tag.at, tag.rest), (1_000_000_000, u64::MAX - 1));
    }
}
