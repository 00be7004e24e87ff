//! The commands that CI and developers run: `cargo xtask mutants`.

mod mutants;
mod mutate;

use clap::Parser;

#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    /// Breaks the sources in every way it knows.
    Mutants(mutants::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Mutants(arguments) => mutants::run(&arguments),
    }
}
