//! What is checked beside the models: the sequential policies by properties, the whole by samples, the checker by brute
//! force.

use anyhow::Result;
use serde_json::json;

use super::Tier;
use super::build::Executables;
use super::crew::Crew;
use super::findings::{Suite, Verdict};
use super::process;

/// One test executable, or some tests of it.
#[derive(Debug)]
pub struct Plan {
    name: &'static str,
    kind: &'static str,
    guarantees: &'static str,
    /// `package/target`.
    executable: &'static str,
    /// Only the tests whose names contain this.
    filter: &'static str,
    /// What it needs to know about the tier.
    environment: fn(Tier) -> Vec<(&'static str, String)>,
}

const fn plan(
    name: &'static str,
    kind: &'static str,
    guarantees: &'static str,
    executable: &'static str,
) -> Plan {
    Plan { name, kind, guarantees, executable, filter: "", environment: |_| Vec::new() }
}

/// The packages whose tests these are.
pub const PACKAGES: &[&str] = &["keylane", "keylane-loom", "keylane-proptests"];

/// All of them, the costliest first.
pub fn plans() -> Vec<Plan> {
    vec![
        plan("queue programs", "property", "D1 D2 D3 D5 D6 D10", "keylane-proptests/queue"),
        plan("pool programs", "property", "P1 P2 P3 P6 P7 P8", "keylane-proptests/pool"),
        plan(
            "laws of the queue's reference model",
            "property",
            "D3 D5 D6 D10",
            "keylane-proptests/queue_model_laws",
        ),
        plan(
            "reference models and the history checker",
            "property",
            "",
            "keylane-proptests/keylane_proptests",
        ),
        plan("policies", "native", "D3 P2 P3", "keylane/keylane"),
        plan("queue, threads", "native", "D1 D2 D6 D10 D12", "keylane/queue_threads"),
        plan("queue, ends", "native", "D1 D10", "keylane/queue_stop"),
        plan("pool, threads", "native", "P1 P2 P3 P5", "keylane/pool_threads"),
        plan("pool, controls", "native", "P6 P7", "keylane/pool_control"),
        plan("pool, ends", "native", "P8", "keylane/pool_stop"),
        plan("odd places", "native", "D10 P8", "keylane/odd_places"),
        plan("errors", "native", "D10 P8", "keylane/errors"),
        plan("laws of the sources", "native", "", "keylane/tidy"),
    ]
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
pub fn run(crew: &Crew, executables: &Executables, plans: &[Plan], tier: Tier) -> Result<Vec<Suite>> {
    crew.run("suites", plans, Plan::name, |plan| {
        let mut command = executables.get(plan.executable)?.command();
        if !plan.filter.is_empty() {
            command.arg(plan.filter);
        }
        command.envs((plan.environment)(tier));
        let ended = process::run(command, tier.limit())?;
        let mut reports = ended.reports();
        reports.extend(tests_run(&ended.output).map(|tests| json!({ "tests": tests })));
        // Filters that match nothing pass; here they must not.
        let vacuous = ended.verdict == Verdict::Pass && tests_run(&ended.output) == Some(0);
        let result = if vacuous { Verdict::Fail } else { ended.verdict };
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

/// How many tests libtest says have passed.
fn tests_run(output: &str) -> Option<u64> {
    let summary = output.lines().find_map(|line| line.trim().strip_prefix("test result: ok. "))?;
    summary.split_whitespace().next()?.parse().ok()
}
