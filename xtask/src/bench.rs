//! `cargo xtask bench`: builds the benchmarks as they ship, and runs them.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;

/// What is built: the benchmarks, and the daemon that one of them runs.
const PACKAGES: [&str; 2] = ["keylane-benches", "keylane-osd"];

/// They are the benchmarks' own, `--help` included.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

/// Fails if something breaks, and not because of any figure.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is in the workspace")?;
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(root).args(["build", "--quiet", "--release"]);
    build.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    ensure!(build.status().context("could not start cargo")?.success(), "the benchmarks do not build");
    // We are in the folder of another profile, beside that of this one.
    let ours = std::env::current_exe().context("where this program is")?;
    let target = ours.ancestors().nth(2).context("it is in a target folder")?;
    let bench = target.join("release/bench");
    let status = Command::new(&bench).args(&options.options).status();
    let status = status.with_context(|| bench.display().to_string())?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
