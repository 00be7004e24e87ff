//! What there is for a guarantee: models, pairs of operations, suites.

use std::collections::BTreeMap;

use super::pairs::Pair;
use crate::verify::findings::{Explored, Findings, Suite, Verdict};

/// The evidence for one guarantee, or for none.
pub struct Evidence<'a> {
    /// Those that failed first, then those with a bound.
    pub models: Vec<&'a Explored>,
    /// By object: too many to be listed one by one.
    pub pairs: BTreeMap<&'a str, Vec<&'a Explored>>,
    pub suites: Vec<&'a Suite>,
}

/// What the evidence comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Failed,
    /// It holds as far as a bound let anybody look.
    Bounded,
    Held,
    /// Nothing of it ran this time.
    Silent,
}

impl<'a> Evidence<'a> {
    /// Everything whose guarantees `concerns` accepts.
    pub fn of(findings: &'a Findings, concerns: impl Fn(&[String]) -> bool) -> Self {
        let mut evidence = Self { models: Vec::new(), pairs: BTreeMap::new(), suites: Vec::new() };
        for model in findings.models.iter().filter(|model| concerns(&model.guarantees)) {
            match Pair::of(&model.name) {
                Some(pair) => evidence.pairs.entry(pair.object).or_default().push(model),
                None => evidence.models.push(model),
            }
        }
        evidence.models.sort_by_key(|model| (model.result == Verdict::Pass, model.bound.is_none()));
        evidence.suites = findings.suites.iter().filter(|suite| concerns(&suite.guarantees)).collect();
        evidence.suites.sort_by_key(|suite| suite.result == Verdict::Pass);
        evidence
    }

    /// All its models, those of pairs included.
    pub fn explored(&self) -> impl Iterator<Item = &'a Explored> {
        self.models.iter().chain(self.pairs.values().flatten()).copied()
    }

    /// What it comes to.
    pub fn standing(&self) -> Standing {
        let failed = self.explored().any(|model| model.result != Verdict::Pass)
            || self.suites.iter().any(|suite| suite.result != Verdict::Pass);
        if failed {
            Standing::Failed
        } else if self.explored().any(|model| model.bound.is_some()) {
            Standing::Bounded
        } else if self.explored().next().is_some() || !self.suites.is_empty() {
            Standing::Held
        } else {
            Standing::Silent
        }
    }
}

impl Standing {
    /// A name for the style.
    pub fn class(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Bounded => "bounded",
            Self::Held => "held",
            Self::Silent => "silent",
        }
    }

    /// A sign and what it stands for: colour alone would leave some readers without.
    pub fn sign(self) -> (&'static str, &'static str) {
        match self {
            Self::Failed => ("✗", "failed"),
            Self::Bounded => ("≤", "holds; one model or more has a bound"),
            Self::Held => ("✓", "holds"),
            Self::Silent => ("–", "nothing of it ran"),
        }
    }
}

/// All interleavings of some models.
pub fn interleavings<'a>(models: impl IntoIterator<Item = &'a Explored>) -> u64 {
    models.into_iter().filter_map(|model| model.iterations).sum()
}
