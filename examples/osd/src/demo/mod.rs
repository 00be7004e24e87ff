//! The demo: a daemon in this process, real clients over real sockets, and checks that can fail.

mod client;
mod finale;
mod load;
mod progress;
mod report;
mod tally;
mod verdict;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::Config;
use crate::demo::report::Report;
use crate::server::Server;

/// What the demo does, and how much of it at most.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub duration: Duration,
    pub connections: usize,
    /// Pipelines of one connection; the bound in count.
    pub pipelines: u64,
}

/// Runs the demo and prints its report. Fails if a verdict does.
pub fn run(config: Config, duration: Duration) -> Result<ExitCode, Box<dyn Error>> {
    let plan = Plan { duration, connections: 8, pipelines: 1_000_000 };
    let server = Server::start(config)?;
    let (address, counters) = (server.address(), server.counters().clone());

    let progress = progress::Progress::start(plan.duration);
    let load = load::run(address, plan, |elapsed| progress.show(elapsed, counters.ops.get()))?;
    progress.finish("load done; stopping the daemon while its clients are in the middle of pipelines");
    let messages = report::Messages::of(&server.snapshot(), &counters);
    let tails = finale::run(address, plan.connections)?;
    let remains = server.finish();

    let verdicts = verdict::all(&load, &tails, &remains);
    let report = Report { plan, map: &remains.map, load: &load, messages, verdicts: &verdicts };
    print!("{report}");
    let holds = verdicts.iter().all(|verdict| verdict.result.is_ok());
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
