//! mClock by definition: each request is given its tags when it arrives, as in the paper, in fractions that are exact.
//!
//! The paper's algorithm 1, for requests that have costs, without an end to what may be caught up. It has one line for
//! each class, in the order of arrival, so that tags can be given then.

use std::collections::{BTreeMap, VecDeque};

use super::Share;

/// All rates and weights divide this, so times and costs in so many parts are whole numbers.
pub const PARTS: i128 = 60;

/// A second, in parts of a nanosecond.
const SECOND: i128 = 1_000_000_000 * PARTS;

#[derive(Debug)]
pub struct Naive {
    shares: BTreeMap<u8, Share>,
    lines: BTreeMap<u8, Line>,
    /// For each shard: P tags, and the smallest of those that took part last.
    shards: Vec<(BTreeMap<u8, i128>, i128)>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Request>,
    /// The R and L tag of a request that would follow those that have been given tags, and had arrived already.
    following: (i128, i128),
}

#[derive(Clone, Copy, Debug)]
struct Request {
    cost: i128,
    arrived: i128,
    r: i128,
    l: i128,
}

/// In nanoseconds, rounded up: nothing starts between two.
fn tick(parts: i128) -> i128 {
    parts.div_euclid(PARTS) + i128::from(parts.rem_euclid(PARTS) > 0)
}

impl Naive {
    pub fn new(shares: BTreeMap<u8, Share>, shards: usize) -> Self {
        Self { shares, lines: BTreeMap::new(), shards: vec![(BTreeMap::new(), 0); shards] }
    }

    fn paid(&self, class: u8, cost: i128) -> (i128, i128) {
        let share = self.shares[&class];
        let at = |rate: u64| if rate == 0 { 0 } else { cost * SECOND / i128::from(rate) };
        (at(share.reservation), at(share.limit.unwrap_or(0)))
    }

    pub fn arrive(&mut self, class: u8, cost: u64, now: u64) {
        let cost = i128::from(cost.max(1));
        let (by_r, by_l) = self.paid(class, cost);
        let arrived = i128::from(now) * PARTS;
        let line = self.lines.entry(class).or_default();
        let (r, l) = (line.following.0.max(arrived), line.following.1.max(arrived));
        line.waiting.push_back(Request { cost, arrived, r, l });
        line.following = (r + by_r, l + by_l);
    }

    /// The first of each line: class, cost and arrival.
    pub fn fronts(&self) -> Vec<(u8, u64, u64)> {
        let front = |(&class, line): (&u8, &Line)| {
            let first = line.waiting.front()?;
            Some((class, first.cost as u64, (first.arrived / PARTS) as u64))
        };
        self.lines.iter().filter_map(front).collect()
    }

    /// When the first of the line may start by its reservation, and when by its weight.
    fn due(&self, class: u8) -> (Option<i128>, Option<i128>) {
        let first = self.lines[&class].waiting[0];
        let share = self.shares[&class];
        let l = if share.limit.is_some() { tick(first.l) } else { first.arrived / PARTS };
        ((share.reservation > 0).then(|| tick(first.r)), (share.weight > 0).then_some(l))
    }

    /// When the first of the line may start.
    pub fn may_start(&self, class: u8) -> u64 {
        let (r, l) = self.due(class);
        r.into_iter().chain(l).min().expect("one of them") as u64
    }

    fn p(&self, shard: usize, class: u8) -> i128 {
        let (tags, floor) = &self.shards[shard];
        tags.get(&class).copied().unwrap_or(0).max(*floor)
    }

    /// Any of these may be chosen in that shard: they are equal.
    pub fn allowed(&self, shard: usize, now: u64) -> Vec<u8> {
        let now = i128::from(now);
        let has_come = |due: Option<i128>| due.filter(|&due| due <= now);
        let classes = || self.fronts().into_iter().map(|(class, ..)| class);
        let reserved: Vec<_> = classes().filter_map(|c| Some((has_come(self.due(c).0)?, c))).collect();
        let of_these: Vec<u8> = match reserved.iter().map(|&(r, _)| r).min() {
            Some(least) => reserved.iter().filter(|&&(r, _)| r == least).map(|&(_, class)| class).collect(),
            None => classes().filter(|&class| has_come(self.due(class).1).is_some()).collect(),
        };
        let least = of_these.iter().map(|&class| self.p(shard, class)).min();
        of_these.into_iter().filter(|&class| Some(self.p(shard, class)) == least).collect()
    }

    /// The first of that line starts in that shard, where these took part.
    pub fn start(&mut self, shard: usize, class: u8, present: &[u8], now: u64) {
        let now = i128::from(now);
        let (r, l) = self.due(class);
        let weighed = present.iter().filter(|class| self.shares[class].weight > 0);
        if let Some(least) = weighed.map(|&class| self.p(shard, class)).min() {
            self.shards[shard].1 = least;
        }
        let p = self.p(shard, class);
        let line = self.lines.get_mut(&class).expect("it waits");
        let cost = line.waiting.pop_front().expect("it waits").cost;
        let weight = i128::from(self.shares[&class].weight);
        if weight > 0 {
            self.shards[shard].0.insert(class, p + cost * PARTS / weight);
        }
        let (by_r, _) = self.paid(class, cost);
        if r.is_some_and(|r| r > now) && l.is_some_and(|l| l <= now) {
            // In the weight phase: the R tags of the class's outstanding requests are moved back.
            let line = self.lines.get_mut(&class).expect("it was there");
            line.waiting.iter_mut().for_each(|request| request.r -= by_r);
            line.following.0 -= by_r;
        }
    }
}
