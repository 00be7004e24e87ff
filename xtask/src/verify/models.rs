//! The models: which there are, and each explored in a process of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::build::Executable;
use super::crew::Crew;
use super::findings::{Described, Explored, Failure, Verdict};
use super::process::{self, Ended};

/// All models that `executable` has.
pub fn describe(executable: &Executable) -> Result<Vec<Described>> {
    let mut command = executable.command();
    command.arg("--describe");
    let ended = process::run(command, Duration::from_secs(60))?;
    ensure!(ended.verdict == Verdict::Pass, "the models do not describe themselves:\n{}", ended.output);
    let lines = ended.output.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// How models are run.
#[derive(Debug)]
pub struct How<'a> {
    pub executable: &'a Executable,
    /// Bounds are lifted.
    pub unbounded: bool,
    /// No model may take longer.
    pub limit: Duration,
    /// Where failing interleavings are kept.
    pub checkpoints: &'a Path,
}

/// Explores `models`, the costliest first.
pub fn explore(crew: &Crew, how: &How<'_>, models: &[Described]) -> Result<Vec<Explored>> {
    let explored = crew.run(
        "models",
        models,
        |model| &model.name,
        |model| {
            let explored = one(how, model)?;
            if explored.result != Verdict::Pass {
                crew.say(format!("FAILED model {}", explored.name));
            }
            Ok(explored)
        },
    )?;
    Ok(explored)
}

fn one(how: &How<'_>, model: &Described) -> Result<Explored> {
    let mut command = how.executable.command();
    command.args(["--exact", &model.name]);
    if how.unbounded {
        command.env("KEYLANE_UNBOUNDED", "1");
    }
    let ended = process::run(command, how.limit)?;
    let report = ended.reports().into_iter().next();
    let iterations = report.as_ref().and_then(|report| report["iterations"].as_u64());
    let bound = match &report {
        Some(report) => report["bound"].as_u64().and_then(|bound| usize::try_from(bound).ok()),
        None => model.bound,
    };
    // A run that explored nothing proves nothing, whatever its exit code.
    let vacuous = ended.verdict == Verdict::Pass && iterations.is_none();
    let result = if vacuous { Verdict::Fail } else { ended.verdict };
    Ok(Explored {
        name: model.name.clone(),
        guarantees: model.guarantees.clone(),
        threads: model.threads,
        bound,
        spurious_wakes: model.spurious_wakes,
        iterations,
        seconds: ended.seconds,
        result,
        failure: match result {
            Verdict::Pass | Verdict::NotRun => None,
            Verdict::Fail => Some(replay(how, model, &ended)?),
            Verdict::DidNotEnd => Some(Failure {
                output: format!("still running after {:.0} s", ended.seconds),
                steps: None,
                replay: None,
            }),
        },
    })
}

/// Runs the interleaving that failed once more, keeps it, and has its steps told.
fn replay(how: &How<'_>, model: &Described, ended: &Ended) -> Result<Failure> {
    let mut failure = Failure { output: ended.output.clone(), steps: None, replay: None };
    let Some(number) = ended.interleaving() else {
        return Ok(failure);
    };
    std::fs::create_dir_all(how.checkpoints)?;
    let checkpoint = how.checkpoints.join(format!("{}.json", model.name));
    if checkpoint.exists() {
        std::fs::remove_file(&checkpoint)?;
    }
    let mut command = how.executable.command();
    command.args(["--exact", &model.name]);
    command.env("KEYLANE_REPLAY", &number).env("KEYLANE_CHECKPOINT", &checkpoint);
    let replayed = process::run(command, how.limit)?;
    let heading = format!("model {}, interleaving {number}:\n", model.name);
    failure.steps = replayed.output.split(&heading).nth(1).map(|after| {
        let steps = after.lines().take_while(|line| line.starts_with("  "));
        steps.map(|line| format!("{line}\n")).collect()
    });
    failure.replay = Some(format!(
        "KEYLANE_REPLAY={number} KEYLANE_CHECKPOINT=$PWD/target/verify/{name}.json \
         cargo test -p keylane-loom --test models -- --exact {name}",
        name = model.name
    ));
    Ok(failure)
}
