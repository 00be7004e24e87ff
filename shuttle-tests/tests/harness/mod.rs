//! The runner that samples schedules of a scenario, says what it did, and tells how to see a failure again.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::panic::{catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Instant;

use keylane::internals::model;
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

/// How many schedules a small scenario gets under each scheduler, unless `KEYLANE_SCHEDULES` says otherwise.
pub const SCHEDULES: usize = 1_000;

/// Of so many schedules of a small scenario, a wide one gets one,
pub const WIDE: usize = 50;

/// and so does one that the twin follows, which has to be told and taken step by step once more.
pub const FOLLOWED: usize = 4;

/// Far more than any execution here takes; more is an endless loop.
const MAX_STEPS: usize = 1_000_000;

/// Room for a panic's message, which is formatted on the stack of the thread that panics.
const STACK: usize = 0x4_0000;

/// Who chooses the thread that takes the next step.
#[derive(Clone, Copy, Debug)]
pub enum Scheduler {
    /// Anybody, each time.
    Random,
    /// Probabilistic concurrency testing: strict priorities, changed at so many random moments minus one.
    Pct(usize),
}

/// What each scenario is sampled under.
pub const SCHEDULERS: [Scheduler; 3] = [Scheduler::Random, Scheduler::Pct(3), Scheduler::Pct(6)];

impl std::fmt::Display for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Pct(depth) => write!(f, "pct({depth})"),
        }
    }
}

/// A scenario at one size, and what an honest sampling of it must show.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// The test's.
    pub name: &'static str,
    /// Those of the README.
    pub guarantees: &'static [&'static str],
    /// All of them, the main one included.
    pub threads: usize,
    /// Before callbacks hand in more.
    pub messages: usize,
    /// How many schedules a small scenario has for one of this.
    pub one_in: usize,
    /// Branches (`mark` in the sources) that some schedule must take, else the sampling asks nothing.
    pub reaches: &'static [&'static str],
}

impl Sampling {
    /// Samples under every scheduler; or replays the one schedule that `KEYLANE_REPLAY` names.
    pub fn check(&self, scenario: fn()) {
        assert!(
            env::var_os("SHUTTLE_RANDOM_SEED").is_none(),
            "SHUTTLE_RANDOM_SEED is set: it would overrule the seed that is printed. Use KEYLANE_SEED."
        );
        if let Some(schedule) = setting("KEYLANE_REPLAY") {
            return replay(&schedule, scenario);
        }
        let small = setting("KEYLANE_SCHEDULES").map_or(SCHEDULES, |number| parse(&number) as usize);
        let schedules = small.div_ceil(self.one_in);
        let seed =
            setting("KEYLANE_SEED").map_or_else(|| RandomState::new().hash_one(0), |seed| parse(&seed));
        let mut marks = BTreeMap::new();
        for scheduler in SCHEDULERS {
            self.sample(scheduler, schedules, seed, scenario, &mut marks);
        }
        let missing: Vec<_> = self.reaches.iter().filter(|label| !marks.contains_key(*label)).collect();
        // Fewer than usual may well miss some.
        assert!(
            missing.is_empty() || small < SCHEDULES,
            "{}: never reached {missing:?}; did reach {marks:?}",
            self.name
        );
    }

    fn sample(
        &self,
        scheduler: Scheduler,
        schedules: usize,
        seed: u64,
        scenario: fn(),
        marks: &mut BTreeMap<&'static str, usize>,
    ) {
        let Self { name, guarantees, threads, messages, .. } = *self;
        model::take_spurious_wakes();
        model::take_marks();
        let started = Instant::now();
        let outcome = catch_unwind(|| explore(scheduler, schedules, seed, kept(), scenario));
        let seconds = started.elapsed().as_secs_f64();
        let spurious = model::take_spurious_wakes();
        // Past libtest's capture, on purpose: the line is part of the result.
        let mut out = std::io::stdout();
        if let Err(panic) = outcome {
            let _ = writeln!(
                out,
                "FAILED {name}/{scheduler} with seed {seed}: the schedule is in the last file that shuttle names \
                 below. To see it again:\n    \
                 KEYLANE_REPLAY=<that file> cargo test -p keylane-shuttle --test {} -- --exact {name}",
                env!("CARGO_CRATE_NAME")
            );
            resume_unwind(panic);
        }
        let _ = writeln!(
            out,
            "sampled {:<24} {:<32} threads {threads:>2}  messages {messages:>3}  {schedules:>8} schedules  \
             {spurious:>8} spurious wakes  seed {seed:<20} {seconds:>7.2} s  {:>6.0}/s",
            format!("{name}/{scheduler}"),
            guarantees.join(" "),
            schedules as f64 / seconds,
        );
        if setting("KEYLANE_REPORT").is_some() {
            let _ = writeln!(
                out,
                "keylane-report {{\"kind\":\"sampled\",\"name\":\"{name}/{scheduler}\",\"guarantees\":{guarantees:?},\
                 \"threads\":{threads},\"messages\":{messages},\"scheduler\":\"{scheduler}\",\
                 \"schedules\":{schedules},\"seed\":\"{seed}\",\"spurious_wakes\":{spurious},\
                 \"seconds\":{seconds:.3}}}"
            );
        }
        for (label, times) in model::take_marks() {
            *marks.entry(label).or_insert(0) += times;
        }
    }
}

/// Runs so many schedules, and fails in the first that fails.
fn explore(
    scheduler: Scheduler,
    schedules: usize,
    seed: u64,
    kept: FailurePersistence,
    scenario: impl Fn() + Send + Sync + 'static,
) {
    let ran = match scheduler {
        Scheduler::Random => {
            Runner::new(RandomScheduler::new_from_seed(seed, schedules), config(kept)).run(scenario)
        }
        Scheduler::Pct(depth) => {
            Runner::new(PctScheduler::new_from_seed(seed, depth, schedules), config(kept)).run(scenario)
        }
    };
    assert_eq!(ran, schedules, "shuttle ran what it was asked to");
}

/// Panics, or worse, if one of so many schedules of `scenario` fails. Keeps nothing of it.
pub fn survives(
    scheduler: Scheduler,
    schedules: usize,
    seed: u64,
    scenario: impl Fn() + Send + Sync + 'static,
) {
    explore(scheduler, schedules, seed, FailurePersistence::None, scenario);
}

/// Runs one schedule, as shuttle printed it or from the file it wrote.
fn replay(schedule: &str, scenario: fn()) {
    let scheduler = if Path::new(schedule).exists() {
        ReplayScheduler::new_from_file(schedule).expect("the schedule is readable")
    } else {
        ReplayScheduler::new_from_encoded(schedule)
    };
    Runner::new(scheduler, config(FailurePersistence::None)).run(scenario);
    let _ = writeln!(std::io::stdout(), "replayed, and it did not fail");
}

fn config(kept: FailurePersistence) -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.failure_persistence = kept;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    // About orderings weaker than SeqCst: src/sync/README.md proves that here they make no difference.
    config.silence_warnings = true;
    config
}

/// Failing schedules of wide scenarios are long: they go to files.
fn kept() -> FailurePersistence {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schedules");
    std::fs::create_dir_all(&folder).expect("the target directory is writable");
    FailurePersistence::File(Some(folder))
}

fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn parse(number: &str) -> u64 {
    number.replace('_', "").parse().unwrap_or_else(|_| panic!("{number:?} is not a number"))
}
