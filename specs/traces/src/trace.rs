//! A recorded run in a specification's own words, and whether it is one of that specification's behaviours.

use std::fmt::{self, Debug, Display};

use anyhow::{Context, Result};
use keylane_twin::constants::Constants;
use keylane_twin::protocol::{AtRest, Law, Protocol};
use serde_json::Value;

/// Actions in the order in which they were taken.
#[derive(Clone, Debug)]
pub struct Trace<P: Protocol> {
    /// As in `specs/models/`: `Name = value`, line by line.
    pub constants: String,
    /// What was done.
    pub actions: Vec<P::Action>,
}

/// Why a run is none of the specification's.
#[derive(Debug)]
pub struct Rejected<P: Protocol> {
    /// So many actions are well.
    pub after: usize,
    /// The next one is not.
    pub action: P::Action,
    /// Where it cannot be taken, or what it leads to.
    pub state: P::State,
    /// The law that does not hold then; none, if the action cannot be taken at all.
    pub law: Option<&'static str>,
}

impl<P: Protocol> Trace<P> {
    /// Takes each action where the one before has led, and looks at all laws: where it ends.
    ///
    /// # Errors
    /// The first action that cannot be taken, or breaks a law.
    pub fn replay(&self) -> Result<P::State, Box<Rejected<P>>> {
        let protocol = P::new(&Constants::read(&self.constants));
        let mut state = protocol.initial();
        for (after, action) in self.actions.iter().enumerate() {
            let rejected = |state, law| Box::new(Rejected { after, action: action.clone(), state, law });
            let Some(next) = protocol.step(&state, action) else { return Err(rejected(state, None)) };
            let broken = P::LAWS.iter().find(|(_, law)| match law {
                Law::Always(holds) => !holds(&protocol, &next),
                Law::Step(holds) => !holds(&protocol, &state, action, &next),
            });
            if let Some((name, _)) = broken {
                return Err(rejected(next, Some(name)));
            }
            state = next;
        }
        Ok(state)
    }

    /// Whether it is a behaviour, and may end where it does.
    ///
    /// # Errors
    /// How many of its actions are well: all of them, if it only stops too early.
    pub fn ends_well(&self) -> Result<(), usize>
    where
        P: AtRest,
    {
        let state = self.replay().map_err(|rejected| rejected.after)?;
        let rests = P::new(&Constants::read(&self.constants)).is_at_rest(&state);
        if rests { Ok(()) } else { Err(self.actions.len()) }
    }

    /// Lines of JSON: what it is of, and then the actions.
    pub fn to_lines(&self) -> Result<String> {
        let head = serde_json::json!({ "module": P::MODULE, "constants": self.constants });
        let mut lines = format!("{head}\n");
        for action in &self.actions {
            lines.push_str(&serde_json::to_string(action)?);
            lines.push('\n');
        }
        Ok(lines)
    }

    /// From these lines.
    ///
    /// # Errors
    /// If they are not what [`to_lines`](Self::to_lines) writes.
    pub fn from_lines(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let head: Value = serde_json::from_str(lines.next().context("it is empty")?)?;
        anyhow::ensure!(head["module"] == P::MODULE, "it is no trace of {}", P::MODULE);
        let constants = head["constants"].as_str().context("it has no constants")?.to_owned();
        let actions = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self { constants, actions })
    }
}

impl<P: Protocol> Display for Rejected<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, action, state, law } = self;
        match law {
            Some(law) => write!(f, "after {after} actions, {action:?} breaks {law}: {state:#?}"),
            None => write!(f, "after {after} actions, {action:?} cannot be taken in {state:#?}"),
        }
    }
}
