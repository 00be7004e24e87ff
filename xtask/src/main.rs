//! The commands that CI and developers run. `cargo xtask verify` is the one that everything else serves.

mod bench;
mod mutants;
mod mutate;
mod policies;
mod specs;
mod verify;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The commands that CI and developers run")]
enum Command {
    /// Runs every model, property, mutant and museum piece, and says what they show
    Verify(verify::Options),
    /// Lists the ways in which the sources can be broken, and shows one
    Mutants(mutants::Arguments),
    /// Checks the specifications with two tools, and that their mutants are found
    Specs(specs::Options),
    /// Runs cargo-mutants on the sequential policies, and fails below the floor
    Policies,
    /// Measures keylane beside its peers, on the same work in the same run
    Bench(bench::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    match Command::parse() {
        Command::Verify(options) => verify::run(&options),
        Command::Mutants(arguments) => mutants::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Specs(options) => specs::run(&options),
        Command::Policies => policies::run(),
        Command::Bench(options) => bench::run(&options),
    }
}
