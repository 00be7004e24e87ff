//! The commands that CI and developers run. `cargo xtask verify` is the one that everything else serves.

mod verify;

use clap::Parser;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The commands that CI and developers run")]
enum Command {
    /// Runs every model, property, mutant and museum piece, and says what they show.
    Verify(verify::Options),
}

fn main() -> anyhow::Result<std::process::ExitCode> {
    match Command::parse() {
        Command::Verify(options) => verify::run(&options),
    }
}
