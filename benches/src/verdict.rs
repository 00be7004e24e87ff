//! Whether keylane's figures reach what was hoped for.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::meter::Sample;
use crate::question::{Figure, Question};
use crate::rounds::{Spread, median};

/// What became of a target.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// At least so many times as good as the peer was wanted.
    pub wanted: f64,
    /// The best of those that the target names, by medians.
    pub peer: String,
    /// How many times as good keylane was: the ratio of the medians.
    pub ratio: f64,
    /// The same of each round by itself: what drifts from round to round is not in it.
    pub paired: Spread,
    /// By the medians.
    pub reached: bool,
    /// As people are told the figure: then ratios are told of it, and not of how good it is.
    pub less_is_better: bool,
}

/// A verdict for each target. `samples` are of the contenders in their order, a sample for each round.
pub fn judge(question: &Question, samples: &[Vec<Sample>]) -> Result<Vec<Verdict>> {
    let figure = question.figure;
    let verdict = |target| {
        let peers = question.peers_of(target)?;
        let best = best(figure, samples, &peers).expect("a target is about somebody");
        let ratio = goodness(figure, &samples[0]) / goodness(figure, &samples[best]);
        let pairs = samples[0].iter().zip(&samples[best]);
        Ok(Verdict {
            wanted: target.times,
            peer: question.contenders[best].name.to_owned(),
            ratio,
            paired: Spread::of(pairs.map(|(ours, theirs)| figure.of(ours) / figure.of(theirs)).collect()),
            reached: ratio >= target.times,
            less_is_better: figure.less_is_better(),
        })
    };
    question.targets.iter().map(verdict).collect()
}

/// The best of `candidates`, by medians.
pub fn best(figure: Figure, samples: &[Vec<Sample>], candidates: &[usize]) -> Option<usize> {
    let good = |at: &usize| goodness(figure, &samples[*at]);
    candidates.iter().copied().max_by(|one, other| good(one).total_cmp(&good(other)))
}

/// The median: more is better.
pub fn goodness(figure: Figure, samples: &[Sample]) -> f64 {
    median(samples, |sample| figure.of(sample)).median
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |times: f64| if self.less_is_better { 1.0 / times } else { times };
        let Spread { lowest, median, highest } = self.paired;
        let (from, to) = if self.less_is_better { (highest, lowest) } else { (lowest, highest) };
        write!(
            f,
            "{}: {:.2} times {} is wanted at {}, and it is {:.2} (by rounds {:.2}, {:.2}..{:.2})",
            if self.reached { "reached" } else { "missed" },
            shown(self.wanted),
            self.peer,
            if self.less_is_better { "most" } else { "least" },
            shown(self.ratio),
            shown(median),
            shown(from),
            shown(to),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::judge;
    use crate::demonstration::fixed;
    use crate::meter::Sample;
    use crate::question::Figure;

    /// A thousand operations in so many milliseconds each round.
    fn samples(milliseconds: [u64; 3]) -> Vec<Sample> {
        let sample = |milliseconds| Sample {
            operations: 1000,
            elapsed: Duration::from_millis(milliseconds),
            cpu: Duration::from_millis(2 * milliseconds),
            voluntary_switches: 0,
            percentiles: vec![(99.0, 1000 * milliseconds)],
        };
        milliseconds.map(sample).into()
    }

    #[test]
    fn the_best_peer_is_the_one_to_reach() {
        let times = [samples([10, 12, 30]), samples([24, 18, 20]), samples([40, 30, 60])];
        for figure in [Figure::Rate, Figure::Percentile(99.0), Figure::Cpu] {
            let question = fixed(figure, &[(1.5, &[]), (1.7, &[]), (3.0, &["slow"])]);
            let [within, beyond, of_slow] = &judge(&question, &times).unwrap()[..] else { panic!("three") };
            assert_eq!((within.peer.as_str(), within.reached), ("quick", true), "{figure}");
            assert!((within.ratio - 20.0 / 12.0).abs() < 1e-9, "{figure}: {within:?}");
            assert!(!beyond.reached, "{figure}");
            assert_eq!((of_slow.peer.as_str(), of_slow.reached), ("slow", true), "{figure}");
        }
    }

    #[test]
    fn rounds_are_compared_with_themselves() {
        let times = [samples([10, 12, 30]), samples([24, 18, 20]), samples([99, 99, 99])];
        let verdict = &judge(&fixed(Figure::Rate, &[(1.0, &[])]), &times).unwrap()[0];
        let paired = verdict.paired;
        assert!((paired.lowest - 20.0 / 30.0).abs() < 1e-9, "{paired:?}");
        assert!((paired.median - 1.5).abs() < 1e-9, "{paired:?}");
        assert!((paired.highest - 2.4).abs() < 1e-9, "{paired:?}");
        let told = verdict.to_string();
        let expected =
            "reached: 1.00 times quick is wanted at least, and it is 1.67 (by rounds 1.50, 0.67..2.40)";
        assert_eq!(told, expected);
    }

    #[test]
    fn where_less_is_better_it_is_told_so() {
        let times = [samples([24, 24, 24]), samples([20, 20, 10]), samples([99, 99, 99])];
        let told = judge(&fixed(Figure::Cpu, &[(1.0 / 1.3, &[])]), &times).unwrap()[0].to_string();
        let expected =
            "reached: 1.30 times quick is wanted at most, and it is 1.20 (by rounds 1.20, 1.20..2.40)";
        assert_eq!(told, expected);
    }

    #[test]
    fn other_ways_to_use_keylane_are_no_peers() {
        let mut question = fixed(Figure::Rate, &[(1.0, &[])]);
        question.contenders[1].name = "keylane, bounded";
        let times = [samples([10; 3]), samples([5; 3]), samples([30; 3])];
        assert_eq!(judge(&question, &times).unwrap()[0].peer, "slow");
    }

    #[test]
    fn a_target_of_nobody_is_an_error() {
        let times = [samples([1; 3]), samples([1; 3]), samples([1; 3])];
        assert!(judge(&fixed(Figure::Rate, &[(1.0, &["nobody"])]), &times).is_err());
    }
}
