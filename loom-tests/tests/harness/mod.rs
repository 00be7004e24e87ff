//! What every model file shares: the runner that keeps an exploration honest, and helpers that add nothing
//! loom could see.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use keylane::internals::Word;
use keylane::internals::model::{self, Hints};

/// loom counts the main thread, and allows five in all.
const MAX_THREADS: usize = 5;

/// More branches than any model here needs in one execution; more is an endless loop.
const MAX_BRANCHES: usize = 10_000;

/// One model: a scenario, what it is about, and what an honest exploration of it must show.
pub struct Model {
    name: &'static str,
    guarantees: &'static str,
    threads: usize,
    preemption_bound: Option<usize>,
    hints: Hints,
    iterations: u64,
    reaches: &'static [&'static str],
}

impl Model {
    /// `name` is the test's; `threads` counts the main one; `guarantees` are those of the README.
    pub fn new(name: &'static str, guarantees: &'static str, threads: usize) -> Self {
        assert!(threads <= MAX_THREADS, "loom allows {MAX_THREADS} threads");
        Self {
            name,
            guarantees,
            threads,
            preemption_bound: None,
            hints: Hints::Oldest,
            iterations: 0,
            reaches: &[],
        }
    }

    /// How many interleavings there are. A model that explores more or fewer fails: something has changed,
    /// and a reviewer should know what.
    pub fn iterations(mut self, iterations: u64) -> Self {
        self.iterations = iterations;
        self
    }

    /// Branches (`mark` in the sources or in the model) that some interleaving must take, else the model
    /// asks nothing.
    pub fn reaches(mut self, labels: &'static [&'static str]) -> Self {
        self.reaches = labels;
        self
    }

    /// Explores only executions with at most `bound` preemptions, and says so.
    pub fn bounded(mut self, bound: usize) -> Self {
        self.preemption_bound = Some(bound);
        self
    }

    /// Answers hints with the newest value instead of the oldest.
    pub fn newest_hints(mut self) -> Self {
        self.hints = Hints::Newest;
        self
    }

    /// Explores, prints the model's line, and compares with what was promised.
    pub fn check(self, scenario: impl Fn() + Send + Sync + 'static) {
        for budget in ["LOOM_MAX_PERMUTATIONS", "LOOM_MAX_DURATION"] {
            assert!(
                std::env::var_os(budget).is_none(),
                "{budget} is set: loom would stop early and report success. Unset it."
            );
        }
        model::take_marks();
        model::set_hints(self.hints);
        let iterations = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&iterations);
        let started = Instant::now();

        let mut builder = loom::model::Builder::new();
        // Everything that the environment could have set is set here.
        builder.max_threads = MAX_THREADS;
        builder.max_branches = MAX_BRANCHES;
        builder.max_permutations = None;
        builder.max_duration = None;
        builder.preemption_bound = self.preemption_bound;
        builder.checkpoint_file = None;
        builder.check(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            scenario();
        });

        let iterations = iterations.load(Ordering::Relaxed);
        let reached = model::take_marks();
        let bound = match self.preemption_bound {
            None => "exhaustive".to_owned(),
            Some(bound) => format!("bounded({bound})"),
        };
        // Past libtest's capture, on purpose: the line is part of the result.
        let _ = writeln!(
            std::io::stdout(),
            "model {:<42} {:<16} threads {}  {:<11} {:>8} interleavings {:>8.2} s",
            self.name,
            self.guarantees,
            self.threads,
            bound,
            iterations,
            started.elapsed().as_secs_f64(),
        );
        let reached: BTreeSet<_> = reached.into_keys().collect();
        let missing: Vec<_> = self.reaches.iter().filter(|label| !reached.contains(*label)).collect();
        assert!(missing.is_empty(), "{}: never reached {missing:?}; did reach {reached:?}", self.name);
        assert_eq!(
            iterations, self.iterations,
            "{}: explored {iterations} interleavings where {} are pinned; reached {reached:?}. \
             Find out what changed, then pin the new count (0 means that it was never pinned).",
            self.name, self.iterations
        );
    }
}

/// A record of what happened, in an order that loom neither sees nor adds to: std types, so that the subject
/// alone must synchronise. Only its content at the end means anything.
#[derive(Clone, Debug, Default)]
pub struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Log<T> {
    pub fn new() -> Self {
        Self(Arc::default())
    }

    pub fn add(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
    }

    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl<T: Ord> Log<T> {
    pub fn sorted(&self) -> Vec<T> {
        let mut entries = self.take();
        entries.sort();
        entries
    }

    pub fn set(&self) -> BTreeSet<T> {
        self.take().into_iter().collect()
    }
}

/// An order that loom sees: two stamps are dependent, so both of their orders are explored. With a std clock
/// real-time order would not be. It also synchronises, so it goes into models that ask about order, and never
/// into those that ask about visibility.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Word>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(Word::new(0)))
    }

    /// The next tick.
    pub fn stamp(&self) -> usize {
        self.0.fetch_add(1)
    }
}

/// A plain, non-atomic cell that loom checks: two accesses that are not ordered by happens-before fail the
/// model. It orders nothing itself.
#[derive(Debug)]
pub struct Plain<T>(loom::cell::UnsafeCell<T>);

// SAFETY: every access goes through loom's cell, which fails the execution before two of them can overlap
// or race; loom runs all threads of a model on one OS thread.
unsafe impl<T: Send> Sync for Plain<T> {}

impl<T: Copy> Plain<T> {
    pub fn new(value: T) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    pub fn get(&self) -> T {
        self.0.with(|value| {
            // SAFETY: loom has just checked that no write is unordered with this read.
            unsafe { *value }
        })
    }

    pub fn set(&self, new: T) {
        self.0.with_mut(|value| {
            // SAFETY: loom has just checked that no access is unordered with this write.
            unsafe { *value = new }
        });
    }
}
