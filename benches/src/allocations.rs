//! Allocations for each operation. Counting costs time, so it has a process of its own: `src/bin/allocations.rs`.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::question::{Contender, Figure, Question};

/// The name of that program. It lies beside the one that calls it.
const PROGRAM: &str = "allocations";

/// What one contender of one question allocates.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Allocated {
    /// The question's name.
    pub question: String,
    /// The contender's name.
    pub contender: String,
    /// Allocations and reallocations for each operation.
    pub per_operation: f64,
}

/// Has each contender of each question do little and much: what the two differ by, in allocations and in operations, is what an operation
/// takes. So what is built once is not in it. Percentiles ask the same work again, and are left out.
///
/// # Panics
/// If `little` and `much` are not the same questions, of less and of more operations.
pub fn measure(little: &[Question], much: &[Question], counter: impl Fn() -> usize) -> Vec<Allocated> {
    let count = |contender: &Contender| {
        let before = counter();
        let operations = (contender.run)().operations;
        (counter() - before, operations)
    };
    let mut found = Vec::new();
    for (less, more) in little.iter().zip(much).filter(|(question, _)| question.figure == Figure::Rate) {
        assert_eq!(less.name, more.name, "the same questions");
        for (less, contender) in less.contenders.iter().zip(&more.contenders) {
            assert_eq!(less.name, contender.name, "the same contenders");
            let (of_few, few) = count(less);
            let (of_many, many) = count(contender);
            assert!(few < many, "{} is of {few} operations whatever its size", more.name);
            let allocations = of_many as f64 - of_few as f64;
            found.push(Allocated {
                question: more.name.clone(),
                contender: contender.name.to_owned(),
                per_operation: allocations / (many - few) as f64,
            });
        }
    }
    found
}

/// Calls the program.
pub fn ask(only: &[String]) -> Result<Vec<Allocated>> {
    let mut path = std::env::current_exe().context("where this program is")?;
    path.set_file_name(PROGRAM);
    let mut command = Command::new(&path);
    command.args(only.iter().flat_map(|part| ["--only", part])).stderr(Stdio::inherit());
    let output = command.output().with_context(|| path.display().to_string())?;
    ensure!(output.status.success(), "{}: {}", path.display(), output.status);
    serde_json::from_slice(&output.stdout).with_context(|| path.display().to_string())
}

/// What is known of a contender.
pub fn of(allocated: &[Allocated], question: &str, contender: &str) -> Option<f64> {
    let is_it = |one: &&Allocated| one.question == question && one.contender == contender;
    allocated.iter().find(is_it).map(|one| one.per_operation)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use super::{measure, of};
    use crate::meter::Sample;
    use crate::question::{Contender, Figure, Question};

    #[test]
    fn what_is_built_once_is_not_counted() {
        let counted = Rc::new(Cell::new(0));
        let question = |operations: usize| {
            let counted = Rc::clone(&counted);
            let run = move || {
                counted.set(counted.get() + 1000 + 2 * operations);
                let elapsed = Duration::from_secs(1);
                let operations = operations as u64;
                Sample { operations, elapsed, cpu: elapsed, voluntary_switches: 0, percentiles: Vec::new() }
            };
            let contenders = vec![Contender { name: "keylane", lacks: None, run: Box::new(run) }];
            Question { name: "W0".to_owned(), contenders, figure: Figure::Rate, targets: Vec::new() }
        };
        let found = measure(&[question(10)], &[question(100)], || counted.get());
        assert_eq!(of(&found, "W0", "keylane"), Some(2.0));
        assert_eq!(of(&found, "W0", "nobody"), None);
    }
}
