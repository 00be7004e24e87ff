//! All contenders of a question in turn, again and again.

use crate::meter::Sample;
use crate::question::Question;

/// What each contender of a question came to, in the order of the contenders: a sample for each round.
pub fn ask(question: &Question, rounds: usize) -> Vec<Vec<Sample>> {
    let count = question.contenders.len();
    let mut samples = vec![Vec::with_capacity(rounds); count];
    for round in 0..rounds {
        // Each is first as often as the others: what the one before has left in caches and in the allocator is not always the same.
        for turn in 0..count {
            let which = (round + turn) % count;
            samples[which].push((question.contenders[which].run)());
        }
    }
    samples
}

/// The middle one by `figure`, with the lowest and the highest.
pub fn median(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> Spread {
    Spread::of(samples.iter().map(figure).collect())
}

/// Of several rounds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Spread {
    /// The lowest of all rounds.
    pub lowest: f64,
    /// The middle one; of an even number, the upper of the two.
    pub median: f64,
    /// The highest of all rounds.
    pub highest: f64,
}

impl Spread {
    /// Of these, of which there must be one.
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        Self { lowest: figures[0], median: figures[figures.len() / 2], highest: figures[figures.len() - 1] }
    }
}
