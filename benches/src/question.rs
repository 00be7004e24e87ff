//! One row of the table: what is asked, of whom, and what is hoped for.

use anyhow::{Context, Result};

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
    /// Processor seconds for a million operations: less is better.
    Cpu,
}

/// keylane's figure, in terms of others'.
#[derive(Clone, Debug)]
pub struct Target {
    /// At least so many times as good as the best of these: where less is better, at most 1/so many.
    pub times: f64,
    /// Names of contenders; all peers if there are none.
    pub of: Vec<&'static str>,
}

impl Question {
    /// Which contenders a target is about: its own names, or all peers. More contenders than the first may be keylane, used otherwise.
    pub fn peers_of(&self, target: &Target) -> Result<Vec<usize>> {
        if target.of.is_empty() {
            return Ok(self.peers());
        }
        let at = |name: &&str| {
            let found = self.contenders.iter().position(|contender| contender.name == *name);
            found.with_context(|| format!("{} has no contender {name}", self.name))
        };
        target.of.iter().map(at).collect()
    }

    /// Which contenders are not keylane.
    pub fn peers(&self) -> Vec<usize> {
        let is_peer = |at: &usize| !self.contenders[*at].name.starts_with("keylane");
        (1..self.contenders.len()).filter(is_peer).collect()
    }
}

impl Figure {
    /// As it is shown, in its [`unit`](Self::unit).
    pub fn shown(self, sample: &Sample) -> f64 {
        match self {
            Self::Rate => sample.rate() / 1e6,
            Self::Percentile(_) => 1e9 / self.of(sample),
            Self::Cpu => sample.cpu_per_million(),
        }
    }

    /// What it is shown in.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Rate => "M/s",
            Self::Percentile(_) => "ns",
            Self::Cpu => "CPU s/M",
        }
    }

    /// Whether a lower figure is the better one, as it is shown.
    pub fn less_is_better(self) -> bool {
        self != Self::Rate
    }

    /// How good a sample is: more is better.
    pub fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Rate => sample.rate(),
            Self::Percentile(wanted) => {
                let found = sample.percentiles.iter().find(|(percentile, _)| *percentile == wanted);
                let &(_, nanoseconds) = found.expect("the workload measures what it is asked for");
                1e9 / nanoseconds.max(1) as f64
            }
            Self::Cpu => 1.0 / sample.cpu_per_million(),
        }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rate => write!(f, "rate"),
            Self::Percentile(percentile) => write!(f, "p{percentile}"),
            Self::Cpu => write!(f, "CPU time"),
        }
    }
}
