//! Shards with one worker each, in virtual time.

use core::time::Duration;

use super::Mclock;
use crate::policy::scheduler::{Candidate, Class, Scheduler};
use crate::policy::split_mix::SplitMix64;

pub const SECOND: u64 = 1_000_000_000;

/// Items of one class in one shard: as many as it likes.
#[derive(Clone, Debug)]
pub struct Load {
    pub class: u8,
    pub shard: usize,
    /// One after the other, again and again.
    pub costs: Vec<u64>,
    /// When there are any: from, and until before. They arrive all at once.
    pub when: Vec<(u64, u64)>,
}

impl Load {
    /// There always are, and each costs 1.
    pub fn always(class: u8, shard: usize) -> Self {
        Self { class, shard, costs: vec![1], when: vec![(0, u64::MAX)] }
    }

    fn candidate(&self, taken: usize, now: u64) -> Option<Candidate> {
        let (from, _) = self.when.iter().find(|(from, to)| (from..to).contains(&&now))?;
        let cost = self.costs[taken % self.costs.len()];
        Some(Candidate { class: Class(self.class), cost, arrived: Duration::from_nanos(*from) })
    }
}

/// Something has started.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub at: u64,
    pub class: u8,
    pub cost: u64,
}

#[derive(Debug)]
pub struct Simulation {
    shards: Vec<Mclock>,
    /// Cost units that a shard does in a second.
    speed: u64,
    loads: Vec<(Load, usize)>,
    free_from: Vec<u64>,
    random: Option<SplitMix64>,
    pub started: Vec<Start>,
}

impl Simulation {
    pub fn new(scheduler: &Mclock, shards: usize, speed: u64, loads: Vec<Load>) -> Self {
        Self {
            shards: vec![scheduler.clone(); shards],
            speed,
            loads: loads.into_iter().map(|load| (load, 0)).collect(),
            free_from: vec![0; shards],
            random: None,
            started: Vec::new(),
        }
    }

    /// Each item takes up to a tenth more or less than its cost, so that shards are not in step.
    pub fn out_of_step(self) -> Self {
        Self { random: Some(SplitMix64::new(7)), ..self }
    }

    /// Goes on until then.
    pub fn run(&mut self, until: u64) {
        loop {
            let free = self.free_from.iter().enumerate().min_by_key(|&(_, from)| from);
            let (shard, &now) = free.expect("there are shards");
            if now >= until {
                return;
            }
            self.free_from[shard] = self.step(shard, now);
        }
    }

    /// When the shard looks again.
    fn step(&mut self, shard: usize, now: u64) -> u64 {
        let time = Duration::from_nanos(now);
        let here = || self.loads.iter().filter(|(load, _)| load.shard == shard);
        let mut candidates: Vec<_> = here().filter_map(|(load, taken)| load.candidate(*taken, now)).collect();
        candidates.sort_by_key(|candidate| candidate.class);
        let arrivals =
            here().flat_map(|(load, _)| &load.when).map(|&(from, _)| from).filter(|&from| from > now);
        let mut again = arrivals.min().unwrap_or(u64::MAX);
        candidates.retain(|candidate| match self.shards[shard].may_start(candidate, time) {
            Ok(()) => true,
            Err(due) => {
                again = again.min(u64::try_from(due.as_nanos()).unwrap_or(u64::MAX));
                false
            }
        });
        if candidates.is_empty() {
            return again;
        }
        let class = self.shards[shard].choose(&candidates, time);
        let taken = *candidates.iter().find(|one| one.class == class).expect("one of them");
        self.shards[shard].charge(&taken, &candidates, time);
        let load = self.loads.iter_mut().find(|(load, _)| (load.shard, load.class) == (shard, class.0));
        load.expect("it had a candidate").1 += 1;
        self.started.push(Start { at: now, class: class.0, cost: taken.cost });
        let takes = (taken.cost * SECOND).div_ceil(self.speed);
        let thousandths = self.random.as_mut().map_or(1000, |random| 900 + random.draw() % 201);
        now + takes * thousandths / 1000
    }

    /// What each of the classes has had from then until before then.
    pub fn had<const K: usize>(&self, from: u64, to: u64) -> [u64; K] {
        let mut had = [0; K];
        for start in self.started.iter().filter(|start| (from..to).contains(&start.at)) {
            had[usize::from(start.class)] += start.cost;
        }
        had
    }
}
