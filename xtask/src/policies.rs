//! `cargo xtask policies`: cargo-mutants on the sequential code, and a floor under what must be noticed.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// How many of a hundred mutants of the policies must be noticed by the policies' own unit tests.
pub const FLOOR: f64 = 100.0;

/// Where cargo-mutants leaves its findings.
const OUTPUT: &str = "target/policies";

/// What cargo-mutants found.
#[derive(Deserialize)]
pub struct Outcome {
    caught: u32,
    timeout: u32,
    missed: u32,
    unviable: u32,
}

impl Outcome {
    /// Of a hundred that build, so many were noticed.
    fn noticed(&self) -> f64 {
        let noticed = self.caught + self.timeout;
        100.0 * f64::from(noticed) / f64::from(noticed + self.missed)
    }

    /// Whether it reaches the floor.
    pub fn is_well(&self) -> bool {
        // Nothing at all is no number, and does not reach anything.
        self.noticed() >= FLOOR
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "policies: {} mutants noticed, {} not, {} do not build: {:.1} %, and the floor is {FLOOR} %",
            self.caught + self.timeout,
            self.missed,
            self.unviable,
            self.noticed()
        )
    }
}

/// Whether cargo-mutants is there.
pub fn is_installed() -> bool {
    let mut command = mutants();
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs cargo-mutants as `.cargo/mutants.toml` has it.
pub fn examine(root: &Path) -> Result<Outcome> {
    let output = root.join(OUTPUT);
    let findings = output.join("mutants.out/outcomes.json");
    if findings.exists() {
        std::fs::remove_file(&findings)?;
    }
    std::fs::create_dir_all(&output)?;
    let mut command = mutants();
    command.current_dir(root).args(["--no-shuffle", "--colors", "never", "--output"]).arg(&output);
    // Its own exit code says whether any was missed; the floor is ours to judge.
    let said = command.output().context("could not start cargo mutants")?;
    let text = std::fs::read_to_string(&findings).with_context(|| {
        format!(
            "cargo mutants found nothing out:\n{}{}",
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr)
        )
    })?;
    serde_json::from_str(&text).with_context(|| findings.display().to_string())
}

/// Examines, says what came out, and fails below the floor.
pub fn run() -> Result<ExitCode> {
    ensure!(is_installed(), "this needs cargo-mutants: cargo install cargo-mutants --locked");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is in the workspace")?;
    let outcome = examine(root)?;
    println!("{outcome}");
    if !outcome.is_well() {
        println!("{}", std::fs::read_to_string(root.join(OUTPUT).join("mutants.out/missed.txt"))?);
    }
    Ok(if outcome.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn mutants() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg("mutants");
    command
}
