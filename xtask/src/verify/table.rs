//! The findings as text.

use std::fmt::{self, Display};

use super::findings::{Explored, Fate, Findings, Verdict};

/// Prints the findings: guarantee, models, threads, bound, interleavings, seconds, verdict.
#[derive(Debug)]
pub struct Table<'a>(pub &'a Findings);

impl Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings = self.0;
        for guarantee in &findings.guarantees {
            let concerns = |names: &[String]| names.contains(&guarantee.name);
            let models: Vec<_> = findings.models.iter().filter(|model| concerns(&model.guarantees)).collect();
            let suites: Vec<_> = findings.suites.iter().filter(|suite| concerns(&suite.guarantees)).collect();
            if models.is_empty() && suites.is_empty() {
                continue;
            }
            writeln!(f, "\n{:<4} {}", guarantee.name, guarantee.text)?;
            for model in models {
                writeln!(f, "     {}", row(model))?;
            }
            for suite in suites {
                writeln!(
                    f,
                    "     {:<52} {:<29}{:>12.2} s  {}",
                    suite.name,
                    suite.kind,
                    suite.seconds,
                    word(suite.result)
                )?;
            }
        }
        self.totals(f)
    }
}

impl Table<'_> {
    fn totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { models, suites, mutants, museum, .. } = self.0;
        let exhaustive = models.iter().filter(|model| model.bound.is_none()).count();
        let interleavings: u64 = models.iter().filter_map(|model| model.iterations).sum();
        writeln!(
            f,
            "\nmodels    {} of {} pass; {exhaustive} exhaustive, {} bounded; {interleavings} interleavings",
            models.iter().filter(|model| model.result == Verdict::Pass).count(),
            models.len(),
            models.len() - exhaustive,
        )?;
        let passed = suites.iter().filter(|suite| suite.result == Verdict::Pass).count();
        writeln!(f, "suites    {passed} of {} pass", suites.len())?;
        match mutants {
            None => {
                writeln!(f, "mutants   not run: they mean nothing while something else fails or is left out")?
            }
            Some(mutants) => {
                let not_run = mutants.mutants.iter().filter(|mutant| mutant.fate == Fate::NotRun).count();
                writeln!(
                    f,
                    "mutants   {} in all; of {} run {} are killed ({} of them by a pin only) and {} survive; {} are \
                     explained as survivors ({not_run} of them not run again)",
                    mutants.total,
                    mutants.run,
                    mutants.killed,
                    mutants.killed_by_pin_only,
                    mutants.survivors.len(),
                    mutants.explained,
                )?;
                for mutant in mutants.mutants.iter().filter(|mutant| mutant.fate == Fate::Survived) {
                    writeln!(f, "  SURVIVED {} ({}:{})", mutant.id, mutant.file, mutant.line)?;
                }
                for id in &mutants.falsely_explained {
                    writeln!(f, "  KILLED, though explained as a survivor: {id}")?;
                }
            }
        }
        match museum {
            None => writeln!(f, "museum    not run")?,
            Some(pieces) => {
                let found = pieces.iter().filter(|piece| piece.result == Verdict::Pass).count();
                writeln!(f, "museum    {found} of {} pieces found", pieces.len())?;
                for piece in pieces {
                    let interleaving =
                        piece.interleaving.map_or_else(String::new, |n| format!("in interleaving {n}"));
                    writeln!(
                        f,
                        "  {:<4} {:<34} {:<42} {interleaving:<24}{:>6.2} s  {}",
                        piece.id,
                        piece.name,
                        piece.model,
                        piece.seconds,
                        word(piece.result)
                    )?;
                }
            }
        }
        for model in models.iter().filter(|model| model.result != Verdict::Pass) {
            writeln!(f, "\nFAILED model {}", model.name)?;
            if let Some(failure) = &model.failure {
                writeln!(f, "{}", failure.output)?;
                if let Some(steps) = &failure.steps {
                    writeln!(f, "the interleaving that failed:\n{steps}")?;
                }
                if let Some(replay) = &failure.replay {
                    writeln!(f, "to replay just this one:\n  {replay}")?;
                }
            }
        }
        for suite in suites.iter().filter(|suite| !suite.result.is_well()) {
            writeln!(f, "\nFAILED suite {}\n{}", suite.name, suite.failure.as_deref().unwrap_or_default())?;
        }
        for piece in museum.iter().flatten().filter(|piece| piece.result != Verdict::Pass) {
            let failure = piece.failure.as_deref().unwrap_or_default();
            writeln!(f, "\nNOT FOUND museum piece {} by {}\n{failure}", piece.id, piece.model)?;
        }
        let outcome = if self.0.passed { "PASSED" } else { "FAILED" };
        writeln!(f, "\nverify {} {outcome} in {:.0} s", self.0.tier, self.0.seconds)
    }
}

fn row(model: &Explored) -> String {
    let bound = model.bound.map_or_else(|| "exhaustive".to_owned(), |bound| format!("bounded({bound})"));
    let iterations = model.iterations.map_or_else(|| "-".to_owned(), |count| count.to_string());
    format!(
        "{:<52} {} threads  {bound:<11} {iterations:>10} {:>8.2} s  {}",
        model.name,
        model.threads,
        model.seconds,
        word(model.result)
    )
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::DidNotEnd => "DID NOT END",
        Verdict::NotRun => "not run",
    }
}
