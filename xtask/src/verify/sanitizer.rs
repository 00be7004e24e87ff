//! The stress test under ThreadSanitizer, on a nightly toolchain; and a race that it must see.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Tier;
use super::crew::Crew;
use super::findings::{Suite, Verdict};
use super::process::{self, Ended};

/// Runs both, if there is a nightly toolchain.
pub fn run(crew: &Crew, root: &Path, tier: Tier, name: &str, guarantees: &str) -> Result<Suite> {
    let mut suite = Suite {
        name: name.to_owned(),
        kind: "sanitizer",
        guarantees: guarantees.split_whitespace().map(str::to_owned).collect(),
        seconds: 0.0,
        result: Verdict::NotRun,
        reports: Vec::new(),
        failure: None,
    };
    let Some(target) = host()? else {
        crew.say("not run: ThreadSanitizer, for want of a nightly toolchain");
        return Ok(suite);
    };
    let stress = |arguments: &[&str]| -> Result<Ended> {
        let mut command = nightly();
        command.args([
            "cargo",
            "test",
            "--target",
            &target,
            "--target-dir",
            "target/tsan",
            "--test",
            "stress",
            "--",
        ]);
        command.args(arguments).current_dir(root);
        command.env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer");
        command.env(
            "TSAN_OPTIONS",
            format!("suppressions={}", root.join("tests/stress.suppressions").display()),
        );
        process::run(command, tier.limit())
    };
    let clean = stress(&[])?;
    // libtest is content with it; ThreadSanitizer must not be.
    let control = stress(&["--ignored", "a_race"])?;
    let seen =
        control.output.contains("WARNING: ThreadSanitizer: data race") && control.verdict == Verdict::Fail;
    suite.seconds = clean.seconds + control.seconds;
    suite.result = match clean.verdict {
        Verdict::Pass if seen => Verdict::Pass,
        Verdict::Pass => Verdict::Fail,
        other => other,
    };
    if suite.result != Verdict::Pass {
        crew.say(format!("FAILED suite {name}"));
        let race = if seen { "" } else { "\nand the deliberate race was not seen:\n" };
        suite.failure = Some(format!("{}{race}{}", clean.output, if seen { "" } else { &control.output }));
    }
    Ok(suite)
}

/// A command of the nightly toolchain, whichever toolchain runs us.
fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]);
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(variable);
    }
    command
}

/// What the nightly toolchain builds for, if there is one.
fn host() -> Result<Option<String>> {
    let Ok(output) = nightly().args(["rustc", "-vV"]).output() else { return Ok(None) };
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8(output.stdout).context("rustc speaks UTF-8")?;
    match text.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(Some(host.to_owned())),
        None => bail!("rustc -vV names no host:\n{text}"),
    }
}
