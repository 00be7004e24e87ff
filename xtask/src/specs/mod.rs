//! Checks the specifications with two tools that know nothing of each other, and that each of their mutants is found.

mod coverage;
mod job;
mod manifest;
mod proofs;
mod reader;
mod tla;
mod tlc;
mod tools;
mod trace_data;
mod traces;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::verify::crew::Crew;
use job::{Job, Report};
use manifest::{Manifest, Tier};
use tools::Tools;

#[derive(Args, Debug)]
pub struct Options {
    /// What fits into two minutes, for CI (the default)
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// The larger models as well
    #[arg(long)]
    full: bool,
    /// Only this model, and what it shows
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Only this mutant, and how it breaks
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Has Coq check the proofs, and nothing else
    #[arg(long, conflicts_with_all = ["quick", "full", "model", "mutant", "json"])]
    proofs: bool,
    /// Has both tools follow recorded runs of the code, and fail to follow corrupted ones; and nothing else
    #[arg(long, conflicts_with_all = ["quick", "full", "model", "mutant", "json", "proofs"])]
    trace: bool,
    /// How many runs at a time; as many as there are cores unless set
    #[arg(long)]
    jobs: Option<usize>,
    /// Writes what was found
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is written with `--json`.
#[derive(Serialize)]
struct Findings<'a> {
    tier: Tier,
    seconds: f64,
    passed: bool,
    runs: &'a [Report],
}

/// Checks the specifications.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is in the workspace")?;
    if options.proofs {
        return proofs::check(root);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let crew = Crew::new(options.jobs.unwrap_or(cores));
    if options.trace {
        return traces::check(root, &crew);
    }
    let manifest = Manifest::read(root)?;
    reader::check(root)?;
    let tools = Tools::fetch(root)?;
    let started = Instant::now();
    let shows = !options.model.is_empty() || options.mutant.is_some();
    // Whatever is named is wanted, however long it takes.
    let tier = if options.full || shows { Tier::Full } else { Tier::Quick };
    let limit = limit(tier);
    let mut jobs = manifest.jobs(root, tier);
    jobs.retain(|job| options.wants(job));
    ensure!(!jobs.is_empty(), "nothing is called that");
    // The costliest first.
    jobs.sort_by_key(|job| std::cmp::Reverse(job.states.unwrap_or(0)));
    let reports = crew.run("specs", &jobs, |job| &job.name, |job| job.run(&tools, limit))?;

    for (job, report) in jobs.iter().zip(&reports) {
        println!("{report}");
        if shows {
            println!("        {}", job.story);
        }
        if !report.passed || (shows && job.breaks.is_some()) {
            println!("{}", report.output);
        }
    }
    let passed = reports.iter().all(|report| report.passed);
    let seconds = started.elapsed().as_secs_f64();
    if let Some(file) = &options.json {
        let findings = Findings { tier, seconds, passed, runs: &reports };
        std::fs::write(file, serde_json::to_string_pretty(&findings)?)?;
    }
    let count = |has_mutant| jobs.iter().filter(|job| job.mutant == has_mutant).count();
    println!(
        "\nspecs {tier:?} {} in {seconds:.0} s: {} runs of models, {} of mutants",
        if passed { "PASSED" } else { "FAILED" },
        count(false),
        count(true),
    );
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    fn wants(&self, job: &Job) -> bool {
        match &self.mutant {
            Some(name) => job.mutant && job.name == *name,
            None if self.model.is_empty() => true,
            None => !job.mutant && self.model.contains(&job.name),
        }
    }
}

/// How long a run may take. One that does not end has shown nothing.
fn limit(tier: Tier) -> Duration {
    match tier {
        Tier::Quick => Duration::from_secs(120),
        Tier::Full => Duration::from_secs(3600),
    }
}
