//! What a verification found: the same values make the table, the JSON and the page.

use serde::{Deserialize, Serialize};

/// Everything, as `--json` writes it.
#[derive(Debug, Serialize)]
pub struct Findings {
    /// `quick`, `default` or `deep`.
    pub tier: &'static str,
    /// Which part of a whole spread over machines, as in `1/4`; `null` for all of it.
    pub partition: Option<String>,
    /// Wall-clock time of it all, building included.
    pub seconds: f64,
    /// Whether everything that ran did as it should.
    pub passed: bool,
    /// What is promised, from the README.
    pub guarantees: Vec<Guarantee>,
    pub models: Vec<Explored>,
    pub suites: Vec<Suite>,
    /// `null` if the mutants were not run: they mean nothing while something else fails.
    pub mutants: Option<Mutants>,
    /// `null` likewise.
    pub museum: Option<Vec<Piece>>,
}

/// One row of the README's table.
#[derive(Clone, Debug, Serialize)]
pub struct Guarantee {
    pub name: String,
    pub text: String,
}

/// How something that must succeed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Fail,
    /// Was still running at the limit, and was ended.
    DidNotEnd,
    /// What it needs is not on this machine, which is said where it is missed.
    NotRun,
}

impl Verdict {
    /// Whether nothing is wrong, as far as this shows.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Pass | Self::NotRun)
    }
}

/// What a model says of itself before it is explored.
#[derive(Clone, Debug, Deserialize)]
pub struct Described {
    pub name: String,
    pub guarantees: Vec<String>,
    pub threads: usize,
    pub bound: Option<usize>,
    pub pinned: u64,
    #[serde(default)]
    pub spurious_wakes: u32,
}

/// One model, explored.
#[derive(Clone, Debug, Serialize)]
pub struct Explored {
    pub name: String,
    pub guarantees: Vec<String>,
    /// The main one included.
    pub threads: usize,
    /// At most so many preemptions in an execution; `null` says exhaustive.
    pub bound: Option<usize>,
    /// So many sleeps of each execution were also tried with a wake-up for no reason.
    pub spurious_wakes: u32,
    /// Interleavings; `null` if the model failed before its end.
    pub iterations: Option<u64>,
    pub seconds: f64,
    pub result: Verdict,
    pub failure: Option<Failure>,
}

/// A failing interleaving, made readable.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// What was panicked with, and what the test printed besides.
    pub output: String,
    /// Its steps in their order, if it could be replayed.
    pub steps: Option<String>,
    /// The command that replays just this interleaving.
    pub replay: Option<String>,
}

/// Tests beside the models: properties, samples, the checker's own check.
#[derive(Clone, Debug, Serialize)]
pub struct Suite {
    pub name: String,
    /// `property`, `sampled`, `checker`, `native` or `sanitizer`.
    pub kind: &'static str,
    pub guarantees: Vec<String>,
    pub seconds: f64,
    pub result: Verdict,
    /// What the suite reported in its own words: cases, schedules, seeds.
    pub reports: Vec<serde_json::Value>,
    pub failure: Option<String>,
}

/// The sources with one change each, and whether anything noticed.
#[derive(Clone, Debug, Serialize)]
pub struct Mutants {
    /// How many there are.
    pub total: usize,
    /// How many of them were run this time.
    pub run: usize,
    pub killed: usize,
    /// Of the killed: those that no outcome gave away, only a count of interleavings or an unreached branch.
    pub killed_by_pin_only: usize,
    /// `loom-tests/survivors.toml` says why nobody notices them. A quick run believes it, others run them again.
    pub explained: usize,
    /// Nobody noticed, and nobody knows why.
    pub survivors: Vec<String>,
    /// Explained as survivors, and killed all the same: the explanation is wrong.
    pub falsely_explained: Vec<String>,
    pub mutants: Vec<Mutant>,
}

/// One mutant.
#[derive(Clone, Debug, Serialize)]
pub struct Mutant {
    pub id: String,
    pub file: String,
    pub line: usize,
    pub function: String,
    pub operator: String,
    /// For those of the table: what is wrong.
    pub story: Option<String>,
    pub diff: String,
    pub fate: Fate,
    /// What noticed it.
    pub killer: Option<String>,
    /// How it showed: `outcome`, `pin`, or `endless` if the killer did not end.
    pub symptom: Option<&'static str>,
    pub seconds: f64,
    /// Why it may survive.
    pub explanation: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Killed,
    Survived,
    /// Survived, for the reason that is given.
    Explained,
    NotRun,
}

/// One piece of the bug museum.
#[derive(Clone, Debug, Serialize)]
pub struct Piece {
    pub id: String,
    pub name: String,
    pub story: String,
    pub page: Option<String>,
    /// The model that must find it.
    pub model: String,
    /// The interleaving in which it did.
    pub interleaving: Option<u64>,
    pub seconds: f64,
    pub result: Verdict,
    pub failure: Option<String>,
    pub diff: String,
}
