//! As `specs/traces/src/pace.rs`, but drawn as part of the schedule, and others go first as often as that says.

use crate::threads::{below, starts_all, step};

/// At most so many steps of its own does who stops everything let others have.
const LATE: usize = 150;

/// What is drawn is shuttle's business: no seed.
#[derive(Clone, Copy, Debug)]
pub struct Chance;

impl Chance {
    pub fn new(_seed: u64) -> Self {
        Self
    }

    pub fn pace(self, _number: u64) -> Pace {
        Pace
    }
}

#[derive(Debug)]
pub struct Pace;

impl Pace {
    pub fn below(&mut self, limit: u8) -> u8 {
        below(limit.max(1).into()) as u8
    }

    pub fn pause(&mut self) {
        (0..below(2)).for_each(|_| step());
    }

    /// The first thread starts the others, and then only has to stop them: at once, or late enough for them to get something
    /// done.
    pub fn pauses(&mut self) {
        let most = if starts_all() { [1, LATE][below(2)] } else { 3 };
        (0..below(most)).for_each(|_| step());
    }
}
