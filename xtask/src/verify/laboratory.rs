//! The mutated copy, built: run anything there with one mutant active.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::build::{self, Executables};
use super::findings::{Described, Verdict};
use super::models;
use super::process::{self, Ended};
use crate::mutants;
use crate::mutate::{Copy, Mutant};

/// See the module's documentation.
#[derive(Debug)]
pub struct Laboratory {
    copy: Copy,
    executables: Executables,
    /// The models there, the cheapest first.
    models: Vec<Described>,
}

/// The packages whose tests judge mutants.
const PACKAGES: &[&str] = &["keylane", "keylane-loom", "keylane-proptests"];

/// What judges a mutant beside the models, the cheapest first. Native tests run with real threads.
const SUITES: [&str; 29] = [
    "keylane/keylane",
    "keylane/errors",
    "keylane/odd_places",
    "keylane/queue_events",
    "keylane/queue_limits",
    "keylane/queue_snapshot",
    "keylane/queue_watch",
    "keylane/observers",
    "keylane/queue_threads",
    "keylane/queue_stop",
    "keylane/pool_threads",
    "keylane/pool_keys",
    "keylane/pool_control",
    "keylane/pool_stop",
    "keylane/pool_panics",
    "keylane/pool_resize",
    "keylane/pool_schedulers",
    "keylane/pool_snapshot",
    "keylane/pool_observation",
    "keylane/pool_watch",
    "keylane/pool_together",
    "keylane/pool_help",
    "keylane/throttle_threads",
    "keylane/gate",
    "keylane-proptests/pool_together",
    "keylane-proptests/pool",
    "keylane-proptests/queue",
    "keylane-proptests/throttle",
    "keylane-proptests/gate",
];

/// Somebody who may notice that a mutant is active.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    /// A model, by name.
    Model(String),
    /// A test executable: `package/target`.
    Suite(String),
}

impl std::fmt::Display for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Model(name) => write!(f, "model {name}"),
            Self::Suite(name) => write!(f, "suite {name}"),
        }
    }
}

impl Witness {
    /// What [`Display`](std::fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("model", name) => Some(Self::Model(name.to_owned())),
            ("suite", name) => Some(Self::Suite(name.to_owned())),
            _ => None,
        }
    }
}

/// What a witness noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symptom {
    /// An assertion, a deadlock, a race, a panic.
    Outcome,
    /// It did not end.
    Endless,
    /// Every outcome was right; only the number of interleavings, or a branch that was not reached, gave it away.
    Pin,
}

impl Symptom {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Endless => "endless",
            Self::Pin => "pin",
        }
    }
}

impl Laboratory {
    /// Writes and builds the copy.
    pub fn build(root: &Path) -> Result<Self> {
        let mut copy = Copy::write(root, &mutants::home(root), mutants::all(root)?)?;
        copy.settle()?;
        // One that somebody thought of is to be noticed, and not left out in silence.
        let lost: Vec<_> =
            copy.dropped().filter(|mutant| mutant.entry.is_some()).map(|mutant| &mutant.id).collect();
        ensure!(lost.is_empty(), "{lost:?}: do not build among the others");
        let executables = build::tests(copy.home(), &root.join("target"), PACKAGES)?;
        let mut models = models::describe(executables.get("keylane-loom/models")?)?;
        models.sort_by_key(|model| model.pinned);
        Ok(Self { copy, executables, models })
    }

    /// All mutants that build, with their numbers.
    pub fn mutants(&self) -> impl Iterator<Item = (usize, &Mutant)> {
        self.copy.mutants()
    }

    /// The models there, the cheapest first.
    pub fn models(&self) -> &[Described] {
        &self.models
    }

    /// Everybody who is not a model and may notice something in `file`, the cheapest first.
    pub fn suites(file: &str) -> impl Iterator<Item = Witness> {
        let elsewhere = move |suite: &str| {
            // What else a file is used by; `lane/`, `policy/` and the rest by queues and pools, the bell by throttles.
            let homes =
                [("/queue", "dispatch/"), ("/pool", "pool/"), ("/throttle", "throttle/"), ("/gate", "gate/")];
            let of_part = homes.iter().any(|(_, folder)| file.starts_with(folder));
            homes.iter().any(|(name, folder)| {
                let outside = match *name {
                    "/gate" => true,
                    "/throttle" => file != "lane/bell.rs",
                    _ => of_part,
                };
                suite.contains(name) && !file.starts_with(folder) && outside
            })
        };
        SUITES.iter().filter(move |suite| !elsewhere(suite)).map(|suite| Witness::Suite((*suite).to_owned()))
    }

    /// Whether asking the witness takes well under a second.
    pub fn is_cheap(&self, witness: &Witness) -> bool {
        match witness {
            Witness::Model(name) => {
                self.models.iter().any(|model| model.name == *name && model.pinned <= 2_000)
            }
            Witness::Suite(name) => name == "keylane/keylane",
        }
    }

    /// Runs a witness with mutant `number` active.
    pub fn run(&self, witness: &Witness, number: usize) -> Result<Ended> {
        let mut command = self.command(witness)?;
        command.env("KEYLANE_MUTANT", number.to_string());
        process::run(command, self.limit(witness))
    }

    /// Which mutants the witness comes to, when none is active.
    pub fn reached(&self, witness: &Witness, file: &Path) -> Result<Vec<usize>> {
        if file.exists() {
            std::fs::remove_file(file)?;
        }
        let mut command = self.command(witness)?;
        command.env("KEYLANE_MUTANT_COVERAGE", file);
        let ended = process::run(command, self.limit(witness))?;
        ensure!(
            ended.verdict == Verdict::Pass,
            "{witness} fails in the copy with no mutant active:\n{}",
            ended.output
        );
        let Ok(text) = std::fs::read_to_string(file) else { return Ok(Vec::new()) };
        text.lines().map(|line| line.parse().with_context(|| format!("{line:?} in the coverage"))).collect()
    }

    fn command(&self, witness: &Witness) -> Result<Command> {
        let command = match witness {
            Witness::Model(name) => {
                let mut command = self.executables.get("keylane-loom/models")?.command();
                command.args(["--exact", name]);
                command
            }
            Witness::Suite(name) => {
                let mut command = self.executables.get(name)?.command();
                if name == "keylane/keylane" {
                    // It has cargo-mutants for its own, takes seconds, and sees nothing of ours.
                    command.args(["--skip", "mclock"]);
                }
                command
            }
        };
        Ok(command)
    }

    /// Far more than it takes, on a machine that is busy with something else. A mutant that loses a wake-up makes the
    /// tests with real threads hang, and costs as long as that.
    fn limit(&self, witness: &Witness) -> Duration {
        let pinned =
            |name: &str| self.models.iter().find(|model| model.name == name).map(|model| model.pinned);
        match witness {
            Witness::Model(name) => {
                Duration::from_secs(20) + Duration::from_millis(2 * pinned(name).unwrap_or_default())
            }
            Witness::Suite(name) if name.starts_with("keylane/") => Duration::from_secs(20),
            Witness::Suite(_) => Duration::from_secs(300),
        }
    }
}

/// What `ended` says about a mutant, if it says anything.
pub fn symptom(ended: &Ended) -> Option<Symptom> {
    match ended.verdict {
        Verdict::Pass | Verdict::NotRun => None,
        Verdict::DidNotEnd => Some(Symptom::Endless),
        Verdict::Fail => {
            let counted = ended.output.contains(" interleavings where ");
            let unreached = ended.output.contains(": never reached [");
            Some(if counted || unreached { Symptom::Pin } else { Symptom::Outcome })
        }
    }
}
