//! The log as steps: what `convert.py` writes.

use std::collections::HashMap;
use std::fmt::{self, Display};

use serde::Deserialize;

/// What an OSD did, line by line.
#[derive(Clone, Debug)]
pub struct Log {
    /// The first is that of line 1.
    pub steps: Vec<Step>,
}

/// One line. What the fields mean is in `convert.py`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What was done.
    pub step: Kind,
    /// By whom.
    pub thread: u64,
    /// Whose queue it is about.
    pub messenger: u64,
    /// Which connection the message came in on.
    pub conn: u64,
    /// The message's number there.
    pub seq: u64,
    /// What kind of message it is; nothing depends on it.
    #[serde(rename = "type")]
    pub of: String,
    /// Known from `queue` on.
    pub priority: Option<u8>,
}

/// What a step is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A message was read.
    Arrive,
    /// Its fast dispatch begins.
    Fast,
    /// It was put into the queue.
    Queue,
    /// It was taken out some time ago, and its callback begins.
    Dispatch,
    /// The callback has returned.
    Done,
}

/// Why a log is none of a queue as it is specified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Of the log, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: String,
}

impl Fault {
    pub(super) fn at<T>(line: usize, why: impl Into<String>) -> Result<T, Self> {
        Err(Self { line, why: why.into() })
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Fault {}

impl Log {
    /// From lines of JSON.
    ///
    /// # Errors
    /// The first line that is no step.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let step = |(at, line): (usize, &str)| {
            serde_json::from_str(line).or_else(|fault| Fault::at(at + 1, fault.to_string()))
        };
        Ok(Self { steps: text.lines().enumerate().map(step).collect::<Result<_, _>>()? })
    }

    /// A thread in a callback does nothing else. (The specification does not know that connections share threads.)
    pub(super) fn one_after_the_other(&self) -> Result<(), Fault> {
        let mut inside = HashMap::new();
        for (at, step) in self.steps.iter().enumerate() {
            let ends = if step.step == Kind::Done { Some(step.message()) } else { None };
            if inside.remove(&step.thread) != ends {
                return Fault::at(at + 1, "its thread does one thing after the other");
            }
            if matches!(step.step, Kind::Fast | Kind::Dispatch) {
                inside.insert(step.thread, step.message());
            }
        }
        Ok(())
    }
}

impl Step {
    /// The message, among all of the log.
    pub fn message(&self) -> (u64, u64) {
        (self.conn, self.seq)
    }
}
