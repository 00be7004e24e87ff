//! Do the models see? Each bug of `planted.rs` is put into a copy of the shipped sources, and the shipped
//! model that is named there must fail on it, for the reason that is named there.
//!
//! `cargo test -p keylane-loom --test controls -- --ignored NAME` runs the models of one planted bug alone,
//! to watch them fail.

extern crate keylane_loom as keylane;

#[path = "../planted.rs"]
mod planted;

mod harness;

/// The copies with their models, made by `build.rs`.
#[allow(dead_code, unused, clippy::all, rustdoc::all, missing_docs)]
mod planted_sources {
    include!(concat!(env!("OUT_DIR"), "/planted/mod.rs"));
}

use std::io::Write;
use std::process::Command;

use planted::{PLANTED, Planted};

/// Runs the model in a process of its own: a failing execution may well abort (loom #291).
fn fails(bug: &Planted) -> Result<(), String> {
    let (_, model) = bug.model;
    let test = format!("planted_sources::{}_model::{model}", bug.name);
    let output = Command::new(std::env::current_exe().expect("this test is a file"))
        .args(["--ignored", "--exact", "--nocapture", &test])
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("this test can be started again");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if !said.contains("running 1 test") {
        return Err(format!("{}: there is no test {test}", bug.name));
    }
    if output.status.success() {
        return Err(format!("{}: {model} passes", bug.name));
    }
    if !said.contains(bug.symptom) {
        return Err(format!("{}: {model} fails, but not with {:?}:\n{said}", bug.name, bug.symptom));
    }
    Ok(())
}

#[test]
fn every_planted_bug_is_caught() {
    assert!(PLANTED.len() >= 8);
    let stale = planted_sources::STALE;
    assert!(
        stale.is_empty(),
        "planted.rs no longer fits the sources (each edit in exactly one place): {stale:?}"
    );
    let missed: Vec<String> = PLANTED
        .iter()
        .filter_map(|bug| {
            let outcome = fails(bug);
            let verdict = if outcome.is_ok() { "caught" } else { "MISSED" };
            let (_, model) = bug.model;
            let _ = writeln!(std::io::stdout(), "control {:<28} {verdict} by {model}", bug.name);
            outcome.err()
        })
        .collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
