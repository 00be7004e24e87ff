//! Many programs, and what came of them.

use std::io::Write;
use std::ops::AddAssign;
use std::time::Instant;

use crate::compare::Comparison;
use crate::explore::{Failure, Setup, Words};
use crate::generate::{self, Language};
use crate::program::{Ending, Program};
use crate::shrink::shrink;

/// A program that loom needs more executions for is skipped and counted. It is some seconds' worth.
pub const EXECUTIONS_LIMIT: u64 = 30_000;

/// Which programs to compare.
#[derive(Clone, Copy, Debug)]
pub struct Study {
    /// Its name in the report.
    pub name: &'static str,
    /// What the programs are made of.
    pub language: Language,
    /// The bound on preemptions that loom is given; none but for a control.
    pub preemption_bound: Option<usize>,
    /// How many.
    pub programs: u64,
    /// The first one's seed; the others have the following ones.
    pub seed: u64,
}

/// A program on which the two sides differ.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The program's own seed.
    pub seed: u64,
    /// What was generated from it.
    pub program: Program,
    /// Both results.
    pub comparison: Comparison,
}

/// Sums over the programs of a study.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Programs generated.
    pub programs: u64,
    /// Programs that were too large for loom.
    pub skipped: u64,
    /// Programs whose exploration loom completed, so that losses could show.
    pub complete: u64,
    /// Of those, programs with more than one outcome.
    pub undecided: u64,
    /// Outcomes that brute force found, deadlocks and races not counted.
    pub outcomes: u64,
    /// Programs that can deadlock.
    pub deadlocking: u64,
    /// Programs with a data race.
    pub racy: u64,
    /// Executions that loom ran.
    pub executions: u64,
    /// States that brute force saw.
    pub states: u64,
    /// Endings that loom lost, over all programs.
    pub lost_endings: u64,
    /// Endings that no interleaving has, over all programs.
    pub invented_endings: u64,
}

/// What a study found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The sums.
    pub totals: Totals,
    /// The programs of which loom lost something, by seed.
    pub lost: Vec<Finding>,
    /// The programs for which loom invented something, by seed.
    pub invented: Vec<Finding>,
    /// Panics of loom that are neither a deadlock nor a race: seed and message.
    pub broken: Vec<(u64, String)>,
    /// How long it took.
    pub seconds: f64,
}

impl Study {
    /// Takes the number of programs and the seed from `KEYLANE_CHECKER_PROGRAMS` and `KEYLANE_CHECKER_SEED`, where
    /// they are set.
    pub fn or_from_environment(self) -> Self {
        let number = |name| {
            std::env::var(name).ok().map(|text| {
                text.parse().unwrap_or_else(|_| panic!("{name} must be a number, and is {text:?}"))
            })
        };
        Self {
            programs: number("KEYLANE_CHECKER_PROGRAMS").unwrap_or(self.programs),
            seed: number("KEYLANE_CHECKER_SEED").unwrap_or(self.seed),
            ..self
        }
    }

    /// The finding for a human who is to report it: the program, smaller ones tried first, and what is missing.
    pub fn describe_loss(&self, finding: &Finding) -> String {
        let lost = |program: &Program| {
            Comparison::of(program, self.setup()).map(|both| both.lost()).unwrap_or_default()
        };
        let smallest = shrink(&finding.program, |program| !lost(program).is_empty());
        let endings: String =
            lost(&smallest).iter().map(|ending| format!("  lost: {}\n", smallest.describe(ending))).collect();
        format!(
            "seed {}:\n{}shrunk to:\n{smallest}{endings}again: KEYLANE_CHECKER_PROGRAMS=1 KEYLANE_CHECKER_SEED={} \
             cargo test -p keylane-checker --test differential {}\n",
            finding.seed, finding.program, finding.seed, self.name
        )
    }

    /// How this study asks loom.
    pub fn setup(&self) -> Setup {
        let words = match self.language {
            Language::Vocabulary => Words::Vocabulary,
            Language::PlainLoads => Words::Plain,
        };
        Setup { words, preemption_bound: self.preemption_bound, limit: EXECUTIONS_LIMIT }
    }

    /// Compares all programs, one after the other: loom maps and unmaps stacks all the time, so that several OS threads
    /// of one process would wait for each other (two are no faster than one).
    pub fn run(&self) -> Report {
        let started = Instant::now();
        let mut report = Report::default();
        for seed in (0..self.programs).map(|index| self.seed.wrapping_add(index)) {
            let program = generate::program(self.language, seed);
            let result = Comparison::of(&program, self.setup());
            report.add(seed, program, result);
        }
        report.seconds = started.elapsed().as_secs_f64();
        report
    }

    /// Prints the sums past libtest's capture: they are the result.
    pub fn print(&self, report: &Report) {
        let Report { totals, seconds, .. } = report;
        let (lost, invented) = (report.lost.len(), report.invented.len());
        let bound = self.preemption_bound.map(|bound| format!("({bound})")).unwrap_or_default();
        let _ = writeln!(
            std::io::stdout(),
            "checker {}{bound}: {} programs from seed {}, {} skipped (more than {EXECUTIONS_LIMIT} executions); {} explored \
             to the end, {} of them with more than one outcome; {} can deadlock, {} have a race; {} outcomes; lost: \
             {} in {lost} programs; invented: {} in {invented} programs; {} executions, {} states, {seconds:.1} s",
            self.name,
            totals.programs,
            self.seed,
            totals.skipped,
            totals.complete,
            totals.undecided,
            totals.deadlocking,
            totals.racy,
            totals.outcomes,
            totals.lost_endings,
            totals.invented_endings,
            totals.executions,
            totals.states,
        );
    }

    /// The same as one line for machines, if `KEYLANE_REPORT` is set. `lost` and `invented` count programs.
    pub fn print_for_machines(&self, report: &Report) {
        if std::env::var_os("KEYLANE_REPORT").is_none() {
            return;
        }
        let Report { totals, seconds, .. } = report;
        let _ = writeln!(
            std::io::stdout(),
            "keylane-report {{\"kind\":\"checker\",\"name\":\"{}\",\"programs\":{},\"skipped\":{},\"outcomes\":{},\
             \"lost\":{},\"invented\":{},\"deadlocking\":{},\"racy\":{},\"seed\":{},\"seconds\":{seconds:.1}}}",
            self.name,
            totals.programs,
            totals.skipped,
            totals.outcomes,
            report.lost.len(),
            report.invented.len(),
            totals.deadlocking,
            totals.racy,
            self.seed,
        );
    }
}

impl Report {
    fn add(&mut self, seed: u64, program: Program, result: Result<Comparison, Failure>) {
        self.totals.programs += 1;
        let comparison = match result {
            Ok(comparison) => comparison,
            Err(Failure::TooLarge) => {
                self.totals.skipped += 1;
                return;
            }
            Err(Failure::Panicked(message)) => {
                self.broken.push((seed, message));
                return;
            }
        };
        self.totals += Totals::of(&comparison);
        let finding = Finding { seed, program, comparison };
        if !finding.comparison.lost().is_empty() {
            self.lost.push(finding.clone());
        }
        if !finding.comparison.invented().is_empty() {
            self.invented.push(finding);
        }
    }
}

impl Totals {
    /// What one compared program adds, its own count excepted.
    fn of(comparison: &Comparison) -> Self {
        let Comparison { reachable, explored } = comparison;
        let outcomes = reachable.outcomes();
        Self {
            complete: explored.complete.into(),
            undecided: (explored.complete && outcomes > 1).into(),
            outcomes: outcomes as u64,
            deadlocking: reachable.endings.contains(&Ending::Deadlock).into(),
            racy: reachable.endings.contains(&Ending::Race).into(),
            executions: explored.executions,
            states: reachable.states as u64,
            lost_endings: comparison.lost().len() as u64,
            invented_endings: comparison.invented().len() as u64,
            ..Self::default()
        }
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.programs += other.programs;
        self.skipped += other.skipped;
        self.complete += other.complete;
        self.undecided += other.undecided;
        self.outcomes += other.outcomes;
        self.deadlocking += other.deadlocking;
        self.racy += other.racy;
        self.executions += other.executions;
        self.states += other.states;
        self.lost_endings += other.lost_endings;
        self.invented_endings += other.invented_endings;
    }
}
