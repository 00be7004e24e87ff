//! One program: brute force against loom.

use std::collections::BTreeSet;

use crate::brute::{self, Reachable};
use crate::explore::{self, Exploration, Failure, Setup};
use crate::program::{Ending, Program};

/// Both sides' findings on one program.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What can happen.
    pub reachable: Reachable,
    /// What loom says can happen.
    pub explored: Exploration,
}

impl Comparison {
    /// Runs both.
    pub fn of(program: &Program, setup: Setup) -> Result<Self, Failure> {
        let explored = explore::explore(program, setup)?;
        Ok(Self { reachable: brute::search(program), explored })
    }

    /// What can happen, and loom has ended without having seen it. Nothing if loom stopped at a deadlock or a race:
    /// then it never claimed to have seen all.
    pub fn lost(&self) -> BTreeSet<Ending> {
        if self.explored.complete {
            &self.reachable.endings - &self.explored.endings
        } else {
            BTreeSet::new()
        }
    }

    /// What loom has seen, and no interleaving has.
    pub fn invented(&self) -> BTreeSet<Ending> {
        &self.explored.endings - &self.reachable.endings
    }
}
