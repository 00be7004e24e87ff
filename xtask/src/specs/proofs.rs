//! The proofs, which Coq checks.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

/// What Coq says of a theorem that rests on no axiom.
const CLOSED: &str = "Closed under the global context";

/// Checks each file, and that what it proves rests on nothing else.
pub fn check(root: &Path) -> Result<ExitCode> {
    // Coq writes beside what it reads.
    let home = root.join("target/specs/proofs");
    fs::create_dir_all(&home)?;
    let mut checked = 0;
    for file in fs::read_dir(root.join("specs/proofs"))? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "v") {
            continue;
        }
        let name = path.file_name().context("a file has a name")?;
        fs::copy(&path, home.join(name))?;
        let output = Command::new("coqc").arg("-q").arg(name).current_dir(&home).output();
        let output = output.context("could not start coqc: apt-get install coq")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{}\n{}", said, String::from_utf8_lossy(&output.stderr));
        let asked = fs::read_to_string(&path)?.matches("Print Assumptions ").count();
        let closed = said.lines().filter(|line| *line == CLOSED).count();
        ensure!(
            asked > 0 && closed == asked,
            "{}: {closed} of {asked} theorems rest on nothing else",
            path.display()
        );
        println!("{}: {closed} theorems, no axioms", path.display());
        checked += 1;
    }
    ensure!(checked > 0, "no proofs are there");
    Ok(ExitCode::SUCCESS)
}
