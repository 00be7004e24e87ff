//! The commands that CI and developers run: `cargo xtask verify`.

use clap::Parser;

#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {}

fn main() -> anyhow::Result<()> {
    match Command::parse() {}
}
