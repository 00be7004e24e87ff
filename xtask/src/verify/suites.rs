//! What is checked beside the models: the sequential policies by properties, the whole by samples, the checker by brute
//! force.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use super::build::Executables;
use super::crew::Crew;
use super::findings::{Suite, Verdict};
use super::process;
use super::{Tier, sanitizer};
use crate::policies;

/// One test executable, or one script.
#[derive(Debug)]
pub struct Plan {
    name: &'static str,
    kind: &'static str,
    guarantees: &'static str,
    program: Program,
    /// What it needs to know about the tier.
    environment: fn(Tier) -> Vec<(&'static str, String)>,
}

#[derive(Debug)]
enum Program {
    /// `package/target`.
    Executable(&'static str),
    /// One test of an executable, which as a whole is not a suite.
    Test { executable: &'static str, test: &'static str },
    /// Below the workspace.
    Script(&'static str),
    /// The stress test on the nightly toolchain, if there is one: slow to build, so not for a quick run.
    Sanitizer,
    /// cargo-mutants on the policies, if it is installed: a build for each mutant.
    Policies,
}

const fn plan(
    name: &'static str,
    kind: &'static str,
    guarantees: &'static str,
    executable: &'static str,
) -> Plan {
    let program = Program::Executable(executable);
    Plan { name, kind, guarantees, program, environment: |_| Vec::new() }
}

/// The packages whose tests these are.
pub const PACKAGES: &[&str] =
    &["keylane", "keylane-loom", "keylane-proptests", "keylane-shuttle", "keylane-checker"];

/// All of them, the costliest first.
pub fn plans(tier: Tier) -> Vec<Plan> {
    let mut plans = vec![
        Plan { environment: schedules, ..plan("samples", "sampled", SAMPLED, "keylane-shuttle/sampled") },
        Plan {
            environment: followed,
            ..plan("samples, followed by the specifications", "sampled", FOLLOWED, "keylane-shuttle/traces")
        },
        Plan {
            environment: programs,
            ..plan("the checker, checked", "checker", "", "keylane-checker/differential")
        },
        plan("queue programs", "property", "D1 D2 D3 D5 D6 D7 D8 D9 D10", "keylane-proptests/queue"),
        plan("pool programs", "property", "P1 P2 P3 P6 P7 P8 P9", "keylane-proptests/pool"),
        plan(
            "pool programs with several keys",
            "property",
            "P1 P2 P3 P5 P6 P8 P9",
            "keylane-proptests/pool_together",
        ),
        plan("throttle programs", "property", "D8", "keylane-proptests/throttle"),
        plan("gate programs", "property", "E1 E2 E3 E4 E5", "keylane-proptests/gate"),
        plan(
            "laws of the queue's reference model",
            "property",
            "D3 D5 D6 D10",
            "keylane-proptests/queue_model_laws",
        ),
        plan("the history checker", "property", "", "keylane-proptests/keylane_proptests"),
        plan("samples find planted bugs", "sampled", "", "keylane-shuttle/controls"),
        plan("the checker's programs", "checker", "", "keylane-checker/generator"),
        plan("the checker on known programs", "checker", "", "keylane-checker/known"),
        plan("the invariant checkers reject", "native", "", "keylane-loom/rejects"),
        Plan {
            program: Program::Test { executable: "keylane-loom/models", test: "every_operation_has_its_row" },
            ..plan("every public operation is raced, or why not", "native", "", "")
        },
        Plan { environment: soak, ..plan("soak, threads", "native", "D1 D7 D8 D9", "keylane/soak") },
        plan(
            "stress, threads",
            "native",
            "D1 D2 D5 D6 D7 D8 D9 P1 P2 P3 P6 P7 E1 E2 E3 E4 E5",
            "keylane/stress",
        ),
        plan("policies", "native", "D2 D3 D4 P2 P3 P14", "keylane/keylane"),
        plan("queue, threads", "native", "D1 D2 D6 D10 D12", "keylane/queue_threads"),
        plan("queue, snapshots", "native", "D1 D7 D8 D10", "keylane/queue_snapshot"),
        plan("queue, ages and slow callbacks", "native", "D1 P13", "keylane/queue_watch"),
        plan("queue, spans and metrics", "native", "", "keylane/observers"),
        plan("queue, limits and order", "native", "D3 D4 D8", "keylane/queue_limits"),
        plan("queue, events and chains", "native", "D7 D9", "keylane/queue_events"),
        plan("queue, ends", "native", "D1 D10", "keylane/queue_stop"),
        plan("pool, threads", "native", "P1 P2 P3 P5", "keylane/pool_threads"),
        plan("throttle, threads", "native", "D8", "keylane/throttle_threads"),
        plan("pool, keys", "native", "P2 P3 P7 P8 P9", "keylane/pool_keys"),
        plan("pool, schedulers", "native", "P2 P8 P10 P14", "keylane/pool_schedulers"),
        plan("pool, figures and commits", "native", "P1 P11 P12", "keylane/pool_snapshot"),
        plan("pool, histograms, metrics, spans and hooks", "native", "P1", "keylane/pool_observation"),
        plan("pool, more and fewer threads", "native", "P5 P6 P8", "keylane/pool_resize"),
        Plan {
            environment: soak,
            ..plan("pool, soak", "native", "P1 P2 P3 P4 P6 P7 P8 P9", "keylane/pool_soak")
        },
        plan("pool, memory of keys that are gone", "native", "", "keylane/pool_memory"),
        plan("pool, panics", "native", "P8 P12", "keylane/pool_panics"),
        plan("pool, slow items", "native", "P13", "keylane/pool_watch"),
        plan("pool, several keys", "native", "P1 P2 P3 P6 P7 P8 P9 P12", "keylane/pool_together"),
        plan("pool, help", "native", "P2 P5 P6 P8 P10", "keylane/pool_help"),
        plan("pool, controls", "native", "P6 P7", "keylane/pool_control"),
        plan("pool, ends", "native", "P8", "keylane/pool_stop"),
        plan("gate, threads", "native", "E1 E2 E4 E5", "keylane/gate"),
        plan("the invariant checkers", "native", "", "keylane/testing"),
        plan("memory after a burst", "native", "", "keylane/memory"),
        plan("odd places", "native", "D10 P8", "keylane/odd_places"),
        plan("errors", "native", "D10 P8", "keylane/errors"),
        plan("laws of the sources", "native", "", "keylane/tidy"),
    ];
    if tier != Tier::Quick {
        let sanitizer = plan("stress, under ThreadSanitizer", "sanitizer", "P4", "");
        let policies = plan("policies, by cargo-mutants", "mutants", "", "");
        let downstream = plan("a dependant's model finds its bug", "downstream", "", "");
        // Builds all of it once more, with other flags.
        plans.insert(0, Plan { program: Program::Script("examples/downstream/check.sh"), ..downstream });
        plans.insert(0, Plan { program: Program::Policies, ..policies });
        plans.insert(0, Plan { program: Program::Sanitizer, ..sanitizer });
    }
    plans
}

const SAMPLED: &str = "D1 D2 D5 D6 D7 D8 D9 D10 D11 D12 P1 P2 P3 P5 P6 P7 P8 P12 E1 E2 E3 E4 E5";

const FOLLOWED: &str = "D1 D2 D3 D5 D7 D8 D9 D10 D11 P1 P2 P3 P5 P6 P7 P8 P11 E1 E2 E3 E4 E5";

/// So many for each of four small tests under each of three schedulers, and a fiftieth for each wide one: 85,000 are a
/// million in all.
fn schedules(tier: Tier) -> Vec<(&'static str, String)> {
    let schedules = match tier {
        Tier::Quick => 2_500,
        Tier::Default => 85_000,
        Tier::Deep => 850_000,
    };
    vec![("KEYLANE_SCHEDULES", schedules.to_string())]
}

/// A fourth of that for each of five plans under each of three schedulers. They take ten times as long as small samples do.
fn followed(tier: Tier) -> Vec<(&'static str, String)> {
    let schedules = match tier {
        Tier::Quick => 1_000,
        Tier::Default => 8_000,
        Tier::Deep => 80_000,
    };
    vec![("KEYLANE_SCHEDULES", schedules.to_string())]
}

/// Messages through one queue, items through one pool.
fn soak(tier: Tier) -> Vec<(&'static str, String)> {
    let messages: u64 = match tier {
        Tier::Quick => 2_000_000,
        Tier::Default => 20_000_000,
        Tier::Deep => 1_000_000_000,
    };
    vec![("KEYLANE_SOAK", messages.to_string())]
}

fn programs(tier: Tier) -> Vec<(&'static str, String)> {
    match tier {
        Tier::Quick | Tier::Default => Vec::new(),
        Tier::Deep => vec![("KEYLANE_CHECKER_PROGRAMS", 50_000.to_string())],
    }
}

impl Plan {
    /// Whether it says something about `guarantee`.
    pub fn concerns(&self, guarantee: &str) -> bool {
        self.guarantees.split_whitespace().any(|name| name == guarantee)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.name
    }
}

/// Runs `plans`.
pub fn run(
    crew: &Crew,
    executables: &Executables,
    root: &Path,
    plans: &[Plan],
    tier: Tier,
) -> Result<Vec<Suite>> {
    crew.run("suites", plans, Plan::name, |plan| {
        let mut command = match plan.program {
            Program::Executable(name) => executables.get(name)?.command(),
            Program::Test { executable, test } => {
                let mut command = executables.get(executable)?.command();
                command.args(["--exact", test]);
                command
            }
            Program::Script(path) => {
                let mut command = Command::new(root.join(path));
                command.current_dir(root);
                command
            }
            Program::Sanitizer => return sanitizer::run(crew, root, tier, plan.name, plan.guarantees),
            Program::Policies => return by_cargo_mutants(crew, root, plan),
        };
        command.envs((plan.environment)(tier));
        let ended = process::run(command, tier.limit())?;
        let tests = tests_run(&ended.output);
        let mut reports = ended.reports();
        reports.extend(tests.map(|tests| json!({ "tests": tests })));
        // An executable without tests passes, and so does one that is no test; here they must not.
        let vacuous = matches!(plan.program, Program::Executable(_) | Program::Test { .. })
            && tests.is_none_or(|tests| tests == 0);
        let result = if vacuous && ended.verdict == Verdict::Pass { Verdict::Fail } else { ended.verdict };
        if result != Verdict::Pass {
            crew.say(format!("FAILED suite {}", plan.name));
        }
        Ok(Suite {
            name: plan.name.to_owned(),
            kind: plan.kind,
            guarantees: plan.guarantees.split_whitespace().map(str::to_owned).collect(),
            seconds: ended.seconds,
            result,
            reports,
            failure: (result != Verdict::Pass).then_some(ended.output),
        })
    })
}

fn by_cargo_mutants(crew: &Crew, root: &Path, plan: &Plan) -> Result<Suite> {
    let started = Instant::now();
    let outcome = if policies::is_installed() {
        Some(policies::examine(root)?)
    } else {
        crew.say("not run: cargo-mutants on the policies, for want of cargo-mutants");
        None
    };
    let result = match &outcome {
        None => Verdict::NotRun,
        Some(outcome) if outcome.is_well() => Verdict::Pass,
        Some(_) => Verdict::Fail,
    };
    Ok(Suite {
        name: plan.name.to_owned(),
        kind: plan.kind,
        guarantees: Vec::new(),
        seconds: started.elapsed().as_secs_f64(),
        result,
        reports: Vec::new(),
        failure: outcome.filter(|_| result == Verdict::Fail).map(|outcome| outcome.to_string()),
    })
}

/// How many tests libtest says have passed.
fn tests_run(output: &str) -> Option<u64> {
    let summary = output.lines().find_map(|line| line.trim().strip_prefix("test result: ok. "))?;
    summary.split_whitespace().next()?.parse().ok()
}
