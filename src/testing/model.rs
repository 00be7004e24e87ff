//! One model: a scenario, what it is about, and what an honest exploration of it must show.

use std::collections::BTreeSet;
use std::io::Write;

use crate::sync::model::{Exploration, Explored, Hints, MAX_THREADS, explore};
use crate::testing::replay;

/// A scenario of a few threads, all of whose interleavings are explored by loom.
///
/// [`check`](Self::check) fails unless every interleaving met its assertions, without a deadlock, a data race or
/// a panic; every branch of [`reaches`](Self::reaches) was taken in some interleaving; and there were exactly as many
/// interleavings as [pinned](Self::iterations). The last two keep a model from being green by exploring nothing.
///
/// An interleaving that fails is named by its number. `KEYLANE_REPLAY=NUMBER` replays it, and prints its steps.
#[must_use = "nothing is explored until `check`"]
pub struct Model {
    name: String,
    guarantees: &'static str,
    threads: usize,
    how: Exploration,
    iterations: u64,
    reaches: Vec<&'static str>,
    scenario: Box<dyn Fn() + Send + Sync>,
}

impl Model {
    /// A model called `name`, about `guarantees` (separated by blanks), of so many threads, the main one counted.
    ///
    /// # Panics
    /// If it has more than five threads, which is all that loom can do.
    pub fn new(name: impl Into<String>, guarantees: &'static str, threads: usize) -> Self {
        assert!(threads <= MAX_THREADS, "loom allows {MAX_THREADS} threads");
        Self {
            name: name.into(),
            guarantees,
            threads,
            how: Exploration {
                preemption_bound: None,
                hints: Hints::Oldest,
                spurious_wakes: 0,
                deadlines_pass: true,
            },
            iterations: 0,
            reaches: Vec::new(),
            scenario: Box::new(|| panic!("a model without a scenario")),
        }
    }

    /// How many interleavings there are. A model that explores more or fewer fails: something has changed, and a
    /// reviewer should know what.
    pub fn iterations(mut self, iterations: u64) -> Self {
        self.iterations = iterations;
        self
    }

    /// Branches (see [`mark`](crate::testing::mark)) that some interleaving must take, else the model asks nothing.
    pub fn reaches(mut self, labels: &[&'static str]) -> Self {
        self.reaches.extend(labels);
        self
    }

    /// Explores only executions with at most `bound` preemptions, and says so. `KEYLANE_UNBOUNDED` lifts all bounds
    /// (and the pins of those models with them).
    pub fn bounded(mut self, bound: usize) -> Self {
        self.how.preemption_bound = Some(bound);
        self
    }

    /// Answers hints with the newest value instead of the oldest.
    pub fn newest_hints(mut self) -> Self {
        self.how.hints = Hints::Newest;
        self
    }

    /// Explores the scenario once for each plan in which some of the first `sleeps` sleeps end for no reason; the
    /// interleavings of all plans are counted together.
    pub fn spurious_wakes(mut self, sleeps: u32) -> Self {
        self.how.spurious_wakes = sleeps;
        self
    }

    /// Waits with a deadline never give up, so that a wake-up which is lost is a deadlock and not a delay. Without this
    /// they give up at every moment, before and after what would have ended them.
    pub fn deadlines_never_pass(mut self) -> Self {
        self.how.deadlines_pass = false;
        self
    }

    /// What every interleaving does, and asserts. Its threads are loom's.
    pub fn scenario(mut self, scenario: impl Fn() + Send + Sync + 'static) -> Self {
        self.scenario = Box::new(scenario);
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One line of JSON that says what it is and what is pinned, before it is explored.
    pub fn to_json(&self) -> String {
        format!("{{{}}}", self.describe())
    }

    /// Explores, prints the model's line, and compares with what was promised. With `KEYLANE_REPORT` set it prints the
    /// same as JSON after `keylane-report `.
    ///
    /// # Panics
    /// If the model fails.
    pub fn check(mut self) {
        let lifted = self.how.preemption_bound.is_some() && std::env::var_os("KEYLANE_UNBOUNDED").is_some();
        if lifted {
            self.how.preemption_bound = None;
        }
        let name = self.name.clone();
        let scenario = std::mem::replace(&mut self.scenario, Box::new(|| {}));
        let failed = move |position, steps| replay::tell(&name, position, steps);
        let explored = explore(self.how, failed, scenario);
        self.print(&explored);

        let Explored { interleavings, marks, .. } = explored;
        let reached: BTreeSet<_> = marks.into_keys().collect();
        let missing: Vec<_> = self.reaches.iter().filter(|label| !reached.contains(*label)).collect();
        assert!(missing.is_empty(), "{}: never reached {missing:?}; did reach {reached:?}", self.name);
        assert!(
            lifted || interleavings == self.iterations,
            "{}: explored {interleavings} interleavings where {} are pinned; reached {reached:?}. \
             Find out what changed, then pin the new count (0 means that it was never pinned).",
            self.name,
            self.iterations
        );
    }

    fn print(&self, explored: &Explored) {
        let bound = match self.how.preemption_bound {
            None => "exhaustive".to_owned(),
            Some(bound) => format!("bounded({bound})"),
        };
        let seconds = explored.elapsed.as_secs_f64();
        // Past libtest's capture, on purpose: the line is part of the result.
        let mut out = std::io::stdout().lock();
        let _ = writeln!(
            out,
            "model {:<46} {:<16} threads {}  {bound:<11} {:>8} interleavings {seconds:>8.2} s",
            self.name, self.guarantees, self.threads, explored.interleavings,
        );
        if std::env::var_os("KEYLANE_REPORT").is_some() {
            let reached: Vec<_> = explored.marks.keys().collect();
            let _ = writeln!(
                out,
                "keylane-report {{{},\"iterations\":{},\"seconds\":{seconds:.3},\"reached\":{reached:?}}}",
                self.describe(),
                explored.interleavings,
            );
        }
    }

    /// The inside of a JSON object. Names and guarantees are words, so Rust's quotes are JSON's.
    fn describe(&self) -> String {
        let guarantees: Vec<_> = self.guarantees.split_whitespace().collect();
        let bound = self.how.preemption_bound.map_or_else(|| "null".to_owned(), |bound| bound.to_string());
        format!(
            "\"kind\":\"model\",\"name\":{:?},\"guarantees\":{guarantees:?},\"threads\":{},\"bound\":{bound},\
             \"pinned\":{},\"spurious_wakes\":{}",
            self.name, self.threads, self.iterations, self.how.spurious_wakes,
        )
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("name", &self.name).finish_non_exhaustive()
    }
}
