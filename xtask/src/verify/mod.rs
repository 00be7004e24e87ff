//! `cargo xtask verify`: everything that shows that the guarantees hold, and that what shows it can see.

mod build;
pub mod crew;
pub mod findings;
mod laboratory;
mod models;
mod museum;
mod mutants;
mod page;
pub mod process;
mod readme;
mod sanitizer;
mod suites;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::crew::Crew;
use self::findings::{Described, Findings, Verdict};

/// What to verify, how thoroughly, and where to put the findings.
#[derive(Args, Debug)]
pub struct Options {
    /// At most ten minutes on two cores: what CI runs
    #[arg(long)]
    quick: bool,
    /// Without preemption bounds, with more samples; as long as it takes
    #[arg(long, conflicts_with = "quick")]
    deep: bool,
    /// Only what concerns this guarantee, as in D11
    #[arg(long, value_name = "NAME")]
    guarantee: Option<String>,
    /// Only this model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Only this piece of the bug museum, as in B2
    #[arg(long, value_name = "ID", conflicts_with_all = ["model", "guarantee"])]
    museum: Option<String>,
    /// Only the mutants and the museum, without asking first whether everything else passes
    #[arg(long, conflicts_with_all = ["model", "guarantee", "museum"])]
    mutants: bool,
    /// Only this mutant (`cargo xtask mutants --list` has their names)
    #[arg(long, value_name = "ID", conflicts_with_all = ["model", "guarantee", "museum"])]
    mutant: Option<String>,
    /// Writes down who noticed which mutant, so that these are asked first the next time
    #[arg(long)]
    record: bool,
    /// Only the i-th of n parts, as in 1/4, so that n machines share the work
    #[arg(long, value_name = "I/N")]
    partition: Option<Partition>,
    /// How many processes at a time [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Writes the findings as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the findings as an HTML page
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// How thoroughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Quick,
    Default,
    Deep,
}

impl Tier {
    fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Default => "default",
            Self::Deep => "deep",
        }
    }

    /// What no single process may exceed; one that does has failed, and says so.
    fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Quick => 10 * 60,
            Self::Default => 60 * 60,
            Self::Deep => 7 * 24 * 60 * 60,
        })
    }
}

/// One of several parts of the work.
#[derive(Clone, Copy, Debug)]
struct Partition {
    part: usize,
    of: usize,
}

impl FromStr for Partition {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (part, of) = text.split_once('/').context("a partition is I/N, as in 1/4")?;
        let (part, of) = (part.parse()?, of.parse()?);
        ensure!((1..=of).contains(&part), "the parts of {of} are 1 to {of}");
        Ok(Self { part, of })
    }
}

impl Options {
    fn tier(&self) -> Tier {
        match (self.quick, self.deep) {
            (true, _) => Tier::Quick,
            (_, true) => Tier::Deep,
            _ => Tier::Default,
        }
    }

    /// The part of `all` that is this machine's: every n-th, so that parts of a list by cost cost about the same.
    fn part<T>(&self, all: Vec<T>) -> Vec<T> {
        match self.partition {
            None => all,
            Some(Partition { part, of }) => all
                .into_iter()
                .enumerate()
                .filter(|(index, _)| index % of == part - 1)
                .map(|(_, one)| one)
                .collect(),
        }
    }

    fn wants(&self, model: &Described) -> bool {
        self.model.as_ref().is_none_or(|name| *name == model.name)
            && self.guarantee.as_ref().is_none_or(|name| model.guarantees.contains(name))
    }
}

/// Verifies.
pub fn run(options: &Options) -> Result<ExitCode> {
    let started = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is in the workspace")?;
    // Before anything that takes long: each of them fits the sources.
    crate::mutants::named(root)?;
    let mut findings = Findings {
        tier: options.tier().name(),
        partition: options.partition.map(|Partition { part, of }| format!("{part}/{of}")),
        seconds: 0.0,
        passed: false,
        guarantees: readme::guarantees(root)?,
        models: Vec::new(),
        suites: Vec::new(),
        mutants: None,
        museum: None,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let crew = Crew::new(options.jobs.unwrap_or(cores));
    if options.museum.is_none() && options.mutant.is_none() && !options.mutants {
        explore(options, &crew, root, &mut findings)?;
    }
    // A mutant that is noticed while everything else is noticed too shows nothing.
    let sound = findings.models.iter().all(|model| model.result == Verdict::Pass)
        && findings.suites.iter().all(|suite| suite.result.is_well());
    if sound && options.model.is_none() && options.guarantee.is_none() {
        // Mutants that hang cost time and nothing else.
        let crew = Crew::new(2 * options.jobs.unwrap_or(cores));
        mutate(options, &crew, root, &mut findings)?;
    }
    findings.passed = sound && mutants_passed(&findings);
    findings.seconds = started.elapsed().as_secs_f64();

    println!("{}", table::Table(&findings));
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(&findings)?)?;
    }
    if let Some(file) = &options.report {
        std::fs::write(file, page::html(&findings))?;
    }
    Ok(if findings.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The sources as they are: models and suites.
fn explore(options: &Options, crew: &Crew, root: &Path, findings: &mut Findings) -> Result<()> {
    let (tier, target) = (options.tier(), root.join("target"));
    let executables = build::tests(root, &target, suites::PACKAGES)?;
    let how = models::How {
        executable: executables.get("keylane-loom/models")?,
        unbounded: tier == Tier::Deep,
        limit: tier.limit(),
        checkpoints: &target.join("verify"),
    };
    let mut chosen = models::describe(how.executable)?;
    chosen.retain(|model| options.wants(model));
    ensure!(!chosen.is_empty(), "no model is called that, or concerns that guarantee");
    chosen.sort_by_key(|model| std::cmp::Reverse(model.pinned));
    findings.models = models::explore(crew, &how, &options.part(chosen))?;

    let mut plans = suites::plans(tier);
    let wanted = |plan: &suites::Plan| options.guarantee.as_ref().is_none_or(|name| plan.concerns(name));
    plans.retain(|plan| options.model.is_none() && wanted(plan));
    findings.suites = suites::run(crew, &executables, root, &options.part(plans), tier)?;
    Ok(())
}

/// The sources with one change each: museum and mutants.
fn mutate(options: &Options, crew: &Crew, root: &Path, findings: &mut Findings) -> Result<()> {
    let laboratory = laboratory::Laboratory::build(root)?;
    if options.mutant.is_none() {
        findings.museum = Some(museum::run(crew, &laboratory, root, options)?);
    }
    if options.museum.is_none() {
        findings.mutants = Some(mutants::run(crew, &laboratory, root, options)?);
    }
    Ok(())
}

fn mutants_passed(findings: &Findings) -> bool {
    let found = findings.museum.iter().flatten().all(|piece| piece.result == Verdict::Pass);
    let killed = findings
        .mutants
        .as_ref()
        .is_none_or(|mutants| mutants.survivors.is_empty() && mutants.falsely_explained.is_empty());
    found && killed
}
