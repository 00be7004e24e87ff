//! Counts allocations, and says in JSON what an operation of each contender takes. `cargo xtask bench` calls it.

use std::alloc::System;

use clap::Parser;
use keylane_benches::options::Options;
use keylane_benches::workloads::Size;
use keylane_benches::{allocations, catalogue};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> serde_json::Result<()> {
    let options = Options::parse();
    let questions = |size| {
        let mut questions = catalogue::counted(size);
        questions.retain(|question| options.wants(&question.name));
        questions
    };
    let counter = || {
        let stats = ALLOCATOR.stats();
        stats.allocations + stats.reallocations
    };
    let found = allocations::measure(&questions(Size::Quick), &questions(Size::Full), counter);
    serde_json::to_writer(std::io::stdout(), &found)
}
