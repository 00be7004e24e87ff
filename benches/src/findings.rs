//! All that came out, for programs: what `--json` writes, and what the tables and the page tell.

use anyhow::Result;
use serde::Serialize;

use crate::allocations::{self, Allocated};
use crate::machine::Machine;
use crate::meter::Sample;
use crate::question::{Contender, Figure, Question};
use crate::rounds::{Spread, median};
use crate::verdict::{self, Verdict};

/// Of one call.
#[derive(Debug, Serialize)]
pub struct Findings {
    /// Where and when.
    pub machine: Machine,
    /// Whether it was a tenth of the work only.
    pub quick: bool,
    /// How often each contender had its turn.
    pub rounds: usize,
    /// What was asked in rounds.
    pub answers: Vec<Answer>,
    /// What was measured beside that.
    pub beside: Vec<Beside>,
}

/// To one question.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The question's name.
    pub name: String,
    /// What is compared.
    pub figure: String,
    /// In which unit that is told.
    pub unit: &'static str,
    /// Whether a lower figure is the better one.
    pub less_is_better: bool,
    /// In the question's order.
    pub contenders: Vec<Outcome>,
    /// One for each target.
    pub verdicts: Vec<Verdict>,
}

/// Of one contender.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The contender's name.
    pub name: &'static str,
    /// What it does not promise, for example.
    pub lacks: Option<&'static str>,
    /// What is compared, in the answer's unit.
    pub figure: Spread,
    /// Its figure's median by that of the best peer.
    pub of_best_peer: Option<f64>,
    /// Processor seconds for a million operations, the median.
    pub cpu_per_million: f64,
    /// Voluntary switches for each operation, the median.
    pub switches: f64,
    /// Allocations for each operation, if they were counted.
    pub allocations: Option<f64>,
    /// Percentile and nanoseconds, the median, if single operations were measured.
    pub percentiles: Vec<(f64, f64)>,
    /// One for each round.
    pub samples: Vec<Sample>,
}

/// A table of what is measured for itself.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    /// What it is.
    pub title: String,
    /// One for each figure.
    pub rows: Vec<Row>,
}

/// A figure that nobody competes for.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Of what.
    pub name: String,
    /// Of which contender, if it is of one.
    pub contender: Option<String>,
    /// The figure; of several rounds, the middle one.
    pub figure: f64,
    /// The lowest and the highest, if there were several.
    pub range: Option<(f64, f64)>,
    /// Of the figure.
    pub unit: String,
}

impl Row {
    /// Of several rounds.
    pub fn of_rounds(name: &str, spread: Spread, unit: &str) -> Self {
        let range = Some((spread.lowest, spread.highest));
        Self { name: name.to_owned(), contender: None, figure: spread.median, range, unit: unit.to_owned() }
    }

    /// Measured once, of one contender.
    pub fn once(name: &str, contender: &str, figure: f64, unit: &str) -> Self {
        let contender = Some(contender.to_owned());
        Self { name: name.to_owned(), contender, figure, range: None, unit: unit.to_owned() }
    }
}

impl Findings {
    /// How many targets were reached, of how many.
    pub fn reached(&self) -> (usize, usize) {
        let verdicts = || self.answers.iter().flat_map(|answer| &answer.verdicts);
        (verdicts().filter(|verdict| verdict.reached).count(), verdicts().count())
    }

    /// What has to be said of them before they are believed.
    pub fn reservations(&self) -> Vec<&'static str> {
        let all = [
            (self.quick, "A tenth of the work: this shows that all runs, and compares nothing."),
            (self.rounds < 7, "Fewer than seven rounds: a middle of few is no middle."),
            (cfg!(debug_assertions), "Built without optimisation: no figure means anything."),
        ];
        all.into_iter().filter(|(applies, _)| *applies).map(|(_, what)| what).collect()
    }
}

impl Answer {
    /// What the samples of a question say. They are of its contenders in their order.
    pub fn new(question: &Question, samples: Vec<Vec<Sample>>, allocated: &[Allocated]) -> Result<Self> {
        let figure = question.figure;
        let verdicts = verdict::judge(question, &samples)?;
        let best = verdict::best(figure, &samples, &question.peers());
        let best = best.map(|at| median(&samples[at], |sample| figure.shown(sample)).median);
        let outcome = |(contender, samples): (&Contender, Vec<Sample>)| {
            let figure = median(&samples, |sample| figure.shown(sample));
            Outcome {
                name: contender.name,
                lacks: contender.lacks,
                figure,
                of_best_peer: best.map(|best| figure.median / best),
                cpu_per_million: median(&samples, Sample::cpu_per_million).median,
                switches: median(&samples, Sample::switches).median,
                allocations: allocations::of(allocated, &question.name, contender.name),
                percentiles: percentiles(&samples),
                samples,
            }
        };
        Ok(Self {
            name: question.name.clone(),
            figure: figure.to_string(),
            unit: figure.unit(),
            less_is_better: figure.less_is_better(),
            contenders: question.contenders.iter().zip(samples).map(outcome).collect(),
            verdicts,
        })
    }
}

/// The median of each percentile that all samples have.
fn percentiles(samples: &[Sample]) -> Vec<(f64, f64)> {
    let of = |wanted: f64| median(samples, |sample| Figure::Percentile(wanted).shown(sample)).median;
    samples[0].percentiles.iter().map(|&(percentile, _)| (percentile, of(percentile))).collect()
}
