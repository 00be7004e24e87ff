//! A miniature object storage daemon: a Ceph OSD's message path on keylane, under real clients.
#![forbid(unsafe_code)]

mod admin;
mod balance;
mod cli;
mod command;
mod counters;
mod demo;
mod do_osd_ops;
mod framing;
mod gather;
#[cfg(feature = "trace")]
pub mod in_process;
mod input;
mod limits;
mod message;
mod messenger;
mod object_op;
mod op_gate;
mod op_wq;
mod osd;
mod osd_map;
mod outlet;
mod pg;
mod queue_view;
mod reader;
mod replies;
mod reply;
mod server;
mod session;
mod signals;
mod statistics;
mod stop_line;
mod store;
mod ticks;
mod trace;
mod writer;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::cli::{Cli, Config};
use crate::server::{Server, ServerError};

/// What the program does.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = if cli.demo {
        demo::run(cli.config(), Duration::from_secs(cli.demo_seconds))
    } else {
        serve(cli.config()).map_err(Into::into)
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("keylane-osd: {error}");
        ExitCode::FAILURE
    })
}

/// Serves until told to stop. Fails if anything that was accepted was not carried out and answered.
fn serve(config: Config) -> Result<ExitCode, ServerError> {
    let server = Server::start(config)?;
    signals::stop_on_signals(server.stop_line())?;
    // Whoever started us may wait for this line; that it has gone away is no reason not to serve.
    _ = writeln!(std::io::stdout(), "keylane-osd listening on {}", server.address());
    _ = std::io::stdout().flush();
    let faults = server.finish().faults();
    for fault in &faults {
        eprintln!("keylane-osd: {fault}");
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
