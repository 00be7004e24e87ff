//! Recorded runs of the code: both tools follow them, each step a step of the specification; and of corrupted ones they say
//! where they are none. (The twin says so too: `specs/traces/tests/recorded.rs`.)

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::job::{self, Found};
use super::manifest::Tool;
use super::tools::Tools;
use super::trace_data::{self, Recording};
use super::{reader, tla, tlc};
use crate::verify::crew::Crew;
use crate::verify::findings::Verdict;
use crate::verify::process::{self, Ended};

/// A run that takes longer has shown nothing.
const LIMIT: Duration = Duration::from_secs(60);

/// Actions that no run takes: nothing is submitted for later in any, and so no clock is looked at.
const NEVER: [(&str, &str); 3] =
    [("ShardedPool", "SubmitAfter"), ("ShardedPool", "Ripen"), ("Baton", "Tick")];

/// One call of one tool: a recorded run, or corrupted ones that have the same constants.
struct Batch {
    name: String,
    module: String,
    runs: Vec<Recording>,
    tool: Tool,
    home: PathBuf,
}

/// What a tool says of a run.
struct Report {
    name: String,
    tool: Tool,
    /// So many of its events it has followed,
    followed: Option<u64>,
    /// of so many.
    events: u64,
    accepted: bool,
    /// Of the whole batch.
    seconds: f64,
    fault: Option<String>,
    output: String,
}

/// Follows what is kept in `specs/traces/`, and what this build does now.
pub fn check(root: &Path, crew: &Crew) -> Result<ExitCode> {
    let tools = Tools::fetch(root)?;
    let started = Instant::now();
    let home = root.join("target/specs/traces");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let fresh = home.join("fresh");
    record(root, &fresh)?;
    let kept = root.join("specs/traces");
    let mut recorded = Recording::all(&kept.join("recorded"))?;
    let mut corrupted = Recording::all(&kept.join("corrupted"))?;
    every_action(root, &recorded)?;
    every_danger(&recorded, &corrupted)?;
    recorded.extend(renamed(Recording::all(&fresh.join("recorded"))?));
    corrupted.extend(renamed(Recording::all(&fresh.join("corrupted"))?));

    let mut batches = batches(root, recorded, corrupted)?;
    // The costliest first.
    batches
        .sort_by_key(|batch| std::cmp::Reverse(batch.runs.iter().map(|run| run.events.len()).sum::<usize>()));
    // If one does not end, a step has many ends, and others would not either: each would take all the time it has.
    let endless = OnceLock::new();
    let work = |batch: &Batch| {
        let ended = if endless.get().is_none() { Some(batch.run(&tools)?) } else { None };
        if let Some(ended) = ended.filter(|ended| ended.verdict != Verdict::DidNotEnd) {
            return Ok(batch.judge(&ended));
        }
        bail!("{} did not end", endless.get_or_init(|| format!("{} in {:?}", batch.name, batch.tool)));
    };
    let reports = crew.run("traces", &batches, |batch| &batch.name, work)?;
    let mut reports: Vec<_> = reports.into_iter().flatten().collect();
    reports.sort_by(|one, other| one.name.cmp(&other.name));
    for report in &reports {
        println!("{report}");
        if report.fault.is_some() {
            println!("{}", report.output);
        }
    }
    let passed = reports.iter().all(|report| report.fault.is_none());
    let accepted = reports.iter().filter(|report| report.accepted).count();
    println!(
        "\ntraces {} in {:.0} s: {accepted} times a run was followed to its end, {} times one was not",
        if passed { "PASSED" } else { "FAILED" },
        started.elapsed().as_secs_f64(),
        reports.len() - accepted,
    );
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the code.
fn record(root: &Path, folder: &Path) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "-q", "--locked", "-p", "keylane-traces", "--example", "record", "--"]);
    // Of so many each, the richest.
    cargo.arg(folder).arg("20");
    let status = cargo.current_dir(root).status()?;
    ensure!(status.success(), "no runs could be recorded");
    Ok(())
}

/// As the kept ones are called, so may those of now be.
fn renamed(runs: Vec<Recording>) -> impl Iterator<Item = Recording> {
    runs.into_iter().map(|run| Recording { name: format!("{} (now)", run.name), ..run })
}

/// What is kept has each action of each module. One that no run takes might be anything in the specification of runs.
fn every_action(root: &Path, recorded: &[Recording]) -> Result<()> {
    for file in fs::read_dir(root.join("specs/traces/tla"))? {
        let name = file?.file_name().to_string_lossy().into_owned();
        let Some(module) = name.strip_prefix("Trace").and_then(|rest| rest.strip_suffix(".tla")) else {
            continue;
        };
        let runs = recorded.iter().filter(|run| run.module == module);
        let taken: BTreeSet<_> = runs.flat_map(Recording::actions).collect();
        let spec = fs::read_to_string(root.join(format!("specs/{module}.tla")))?;
        let mut missing = reader::actions(&spec);
        missing.retain(|action| taken.contains(action) == NEVER.contains(&(module, action)));
        ensure!(missing.is_empty(), "of {module}, no recorded run takes, or one does after all: {missing:?}");
    }
    Ok(())
}

/// And for each module something that cannot be the beginning, something that goes wrong later, and something that stops too
/// early.
fn every_danger(recorded: &[Recording], corrupted: &[Recording]) -> Result<()> {
    for Recording { module, .. } in recorded {
        let runs = corrupted.iter().filter(|run| run.module == *module);
        let all = runs.filter_map(|run| Some((run.after?, run.events.len() as u64)));
        ensure!(
            all.clone().any(|(after, _)| after == 0),
            "a run of {module} has to be none from the beginning"
        );
        let mut later = all.clone().filter(|(after, _)| *after > 0);
        ensure!(later.any(|(after, events)| after < events), "a run of {module} has to be none later on");
        ensure!(
            all.clone().any(|(after, events)| after == events),
            "a run of {module} has to stop too early"
        );
    }
    Ok(())
}

/// Each recorded run alone, since accepting it ends a call. Corrupted ones, which end none, several at a time where
/// starting takes longest; `tla` takes long for each event, the longer, the more there are.
fn batches(root: &Path, recorded: Vec<Recording>, corrupted: Vec<Recording>) -> Result<Vec<Batch>> {
    let mut batches = Vec::new();
    let mut groups: BTreeMap<(String, String), Vec<Recording>> = BTreeMap::new();
    for run in recorded {
        ensure!(run.after.is_none(), "{} is corrupted", run.name);
        batches
            .extend([Tool::Tlc, Tool::Tla].map(|tool| Batch::new(root, &run.name, vec![run.clone()], tool)));
    }
    for run in corrupted {
        ensure!(run.after.is_some(), "{} does not say where it is none", run.name);
        batches.push(Batch::new(root, &run.name, vec![run.clone()], Tool::Tla));
        groups.entry((run.module.clone(), run.constants.clone())).or_default().push(run);
    }
    for runs in groups.into_values() {
        batches.push(Batch::new(root, &format!("{} and others", runs[0].name), runs, Tool::Tlc));
    }
    Ok(batches)
}

impl Batch {
    fn new(root: &Path, name: &str, runs: Vec<Recording>, tool: Tool) -> Self {
        let folder = format!("{}-{tool:?}", name.replace([' ', '(', ')'], "_"));
        let home = root.join("target/specs/traces").join(folder);
        Self { name: name.to_owned(), module: runs[0].module.clone(), runs, tool, home }
    }

    fn run(&self, tools: &Tools) -> Result<Ended> {
        let specs = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("specs");
        job::copy(&specs, &self.home)?;
        job::copy(&specs.join("traces/tla"), &self.home)?;
        let constants = &self.runs[0].constants;
        fs::write(self.home.join("TraceData.tla"), trace_data::module(constants, &self.runs)?)?;
        fs::write(self.home.join("model.cfg"), trace_data::configuration(constants))?;
        let module = format!("Trace{}", self.module);
        let command = match self.tool {
            Tool::Tlc => tlc::brief_command(tools, &self.home, &module),
            Tool::Tla => tla::command(tools, &self.home, &module),
        };
        process::run(command, LIMIT)
    }

    fn judge(&self, ended: &Ended) -> Vec<Report> {
        let output = &ended.output;
        let (found, states, story) = match self.tool {
            Tool::Tlc => (tlc::read(output), tlc::states(output), tlc::story(output)),
            Tool::Tla => (tla::read(output), tla::states(output), tla::story(output)),
        };
        let fault = self.fault(ended, found, states);
        let report = |(number, run): (usize, &Recording)| {
            let events = run.events.len() as u64;
            let printed = followed(output, number);
            let accepted =
                found == Found::Broken && (self.runs.len() == 1 || accepted(output) == Some(number));
            let followed = if accepted { Some(events) } else { printed };
            let elsewhere = run.after.is_some() && run.after != followed;
            let elsewhere = elsewhere.then(|| format!("is well up to {}", run.after.unwrap_or(0)));
            Report {
                name: run.name.clone(),
                tool: self.tool,
                followed,
                events,
                accepted,
                seconds: ended.seconds,
                fault: fault.clone().or(elsewhere),
                output: story.clone(),
            }
        };
        (1..).zip(&self.runs).map(report).collect()
    }

    /// What is wrong with all of it.
    fn fault(&self, ended: &Ended, found: Found, states: Option<u64>) -> Option<String> {
        // What else holds is not looked at here.
        let narrowed = |warning: &&str| warning.contains("are not being checked");
        if let Some(warning) = job::warning(&ended.output).filter(|warning| !narrowed(warning)) {
            return Some(format!("it warns: {warning}"));
        }
        let followed: u64 = match (found, &self.runs[..]) {
            (Found::Broken, [run]) if run.after.is_none() => run.events.len() as u64,
            (Found::Nothing(_), [run]) if run.after.is_none() => return Some("is not accepted".to_owned()),
            (Found::Nothing(_), runs) => {
                let all = (1..=runs.len()).map(|number| followed(&ended.output, number));
                let Some(all) = all.sum() else { return Some("does not say how far it has come".to_owned()) };
                all
            }
            (Found::Broken, _) => return Some("one of these is accepted".to_owned()),
            (Found::Unclear, _) => return Some("ended in neither way".to_owned()),
        };
        // Each event leads from one state to one other.
        let expected = followed + self.runs.len() as u64;
        (states != Some(expected)).then(|| format!("{states:?} states, where there should be {expected}"))
    }
}

/// How far a run was followed: of each state it is printed.
fn followed(output: &str, run: usize) -> Option<u64> {
    let before = format!("<<\"followed\", {run}, ");
    let lines = output.lines().filter_map(|line| line.trim().strip_suffix(">>")?.split_once(&before));
    lines.filter_map(|(_, count)| count.parse().ok()).max()
}

/// Which run it was that TLC has accepted: it says so of the state that it begins in.
fn accepted(output: &str) -> Option<usize> {
    output.lines().find_map(|line| line.trim().strip_prefix("/\\ run = ")?.parse().ok())
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, tool, followed, events, accepted, seconds, fault, .. } = self;
        let what = match (accepted, followed) {
            (true, _) => format!("accepted, {events} events"),
            (false, Some(followed)) => format!("rejected after {followed} of {events}"),
            (false, None) => "no verdict".to_owned(),
        };
        let tool = format!("{tool:?}").to_lowercase();
        write!(f, "{name:<52} {tool} {what:<28} {seconds:>6.1} s  ")?;
        match fault {
            None => write!(f, "pass"),
            Some(fault) => write!(f, "FAILED: {fault}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_run_was_followed_is_read_of_each() {
        let output = "<<\"followed\", 1, 0>>\n[Print] <<\"followed\", 1, 12>>\n<<\"followed\", 11, 40>>\n";
        assert_eq!([1, 11, 2].map(|run| followed(output, run)), [Some(12), Some(40), None]);
    }

    #[test]
    fn which_run_was_accepted_is_read() {
        let output =
            "Error: Invariant NotAccepted is violated.\n/\\ followed = 0\n/\\ run = 12\n/\\ followed = 1\n";
        assert_eq!((accepted(output), accepted("<<\"followed\", 1, 0>>\n")), (Some(12), None));
    }

    #[test]
    fn the_kept_runs_take_every_action() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let all = |kind: &str| Recording::all(&root.join("specs/traces").join(kind)).unwrap();
        every_action(root, &all("recorded")).unwrap();
        every_danger(&all("recorded"), &all("corrupted")).unwrap();
    }
}
