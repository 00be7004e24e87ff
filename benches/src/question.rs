//! One row of the table: what is asked, of whom, and what is hoped for.

use crate::meter::Sample;

/// A workload of one size, and who competes in it.
pub struct Question {
    /// As the issue tracker and the README call it, from the general to the particular: `W1/unbounded/2 producers/64 B`.
    pub name: String,
    /// keylane first, then its peers.
    pub contenders: Vec<Contender>,
    /// What is compared: the higher the better, or the lower.
    pub figure: Figure,
    /// What keylane is to reach, of whom.
    pub targets: Vec<Target>,
}

/// One that does the work.
pub struct Contender {
    /// What it is: a crate, or what it is built of.
    pub name: &'static str,
    /// Why it is not quite the same that is compared, if so: what it does not promise, for example.
    pub lacks: Option<&'static str>,
    /// Does the work once, from building what it needs until the last operation is done.
    pub run: Box<dyn Fn() -> Sample>,
}

/// What of a sample is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// Operations per second: more is better.
    Rate,
    /// This percentile of single operations, in nanoseconds: less is better.
    Percentile(f64),
}

/// keylane's figure, in terms of others'.
#[derive(Clone, Debug)]
pub struct Target {
    /// At least so many times as good as the best of these: where less is better, at most 1/so many.
    pub times: f64,
    /// Names of contenders; all peers if there are none.
    pub of: Vec<&'static str>,
}

impl Figure {
    /// How good a sample is: more is better.
    pub fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Rate => sample.rate(),
            Self::Percentile(wanted) => {
                let found = sample.percentiles.iter().find(|(percentile, _)| *percentile == wanted);
                let &(_, nanoseconds) = found.expect("the workload measures what it is asked for");
                1e9 / nanoseconds.max(1) as f64
            }
        }
    }
}
