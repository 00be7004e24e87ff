//! A miniature object storage daemon: a Ceph OSD's message path on keylane, under real clients.
#![forbid(unsafe_code)]

mod admin;
mod cli;
mod command;
mod counters;
mod do_osd_ops;
mod framing;
mod gather;
mod input;
mod limits;
mod message;
mod object_op;
mod op_wq;
mod osd;
mod osd_map;
mod pg;
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
mod writer;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Config};
use crate::server::{Server, ServerError};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match serve(cli.config()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("keylane-osd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until told to stop. Fails if anything accepted was not carried out.
fn serve(config: Config) -> Result<ExitCode, ServerError> {
    let server = Server::start(config)?;
    signals::stop_on_signals(server.stop_line())?;
    // Whoever started us may wait for this line; that it has gone away is no reason not to serve.
    _ = writeln!(std::io::stdout(), "keylane-osd listening on {}", server.address());
    _ = std::io::stdout().flush();
    let remains = server.finish();
    let unanswered = remains.counters.unanswered.get();
    let conflicts = remains.counters.pg_conflicts.get();
    if remains.leftovers > 0 || remains.panics > 0 || unanswered > 0 || conflicts > 0 {
        eprintln!(
            "keylane-osd: {} leftovers, {} panics, {unanswered} requests unanswered, {conflicts} pg conflicts",
            remains.leftovers, remains.panics,
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
