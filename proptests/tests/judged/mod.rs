//! How programs are put before their twin: nothing here knows which.

use std::cell::Cell;
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

/// For so many programs.
pub fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        // As for the reference model.
        max_shrink_iters: if std::env::var_os("KEYLANE_MUTANT").is_some() { 0 } else { 20_000 },
        ..Config::default()
    }
}

/// The twin explains each program; `judge` says by how many parts of calls.
pub fn all_are_explained<S: Strategy, E: Debug>(
    config: Config,
    programs: &S,
    judge: impl Fn(S::Value) -> Result<usize, E>,
) {
    let cases = config.cases as usize;
    let judged = Cell::new((0, 0));
    let outcome = TestRunner::new(config).run(programs, |program| {
        let found = judge(program).map_err(|unexplained| TestCaseError::fail(format!("{unexplained:?}")))?;
        let (programs, parts) = judged.get();
        judged.set((programs + 1, parts + found));
        Ok(())
    });
    outcome.unwrap_or_else(|failed| panic!("{failed}"));
    let (programs, parts) = judged.get();
    println!("{programs} programs judged by the twin, {parts} parts of calls");
    assert!(programs >= cases && parts > 10 * programs, "judged: {judged:?}");
}

/// It would have objected to anything else: to each outcome that was not seen, at each part of each of these. `judge` says how
/// often it did.
pub fn nothing_else_is<S: Strategy, E: Debug>(
    programs: &S,
    more_than: usize,
    judge: impl Fn(S::Value) -> Result<usize, E>,
) {
    let mut runner = TestRunner::deterministic();
    let judged = (0..256).map(|_| judge(programs.new_tree(&mut runner).unwrap().current()).unwrap());
    let objections: usize = judged.sum();
    println!("{objections} objections");
    assert!(objections > more_than, "{objections}");
}
