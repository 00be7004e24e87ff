//! One run of one tool.

use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::manifest::{Edit, Model, Mutant, Tool, only};
use super::tools::Tools;
use super::{coverage, reader, tla, tlc};
use crate::verify::process;

/// What is to be run, and what is to come out.
#[derive(Debug)]
pub struct Job {
    pub name: String,
    /// What it is about.
    pub story: String,
    pub mutant: bool,
    pub tool: Tool,
    pub module: String,
    edits: Vec<Edit>,
    model: String,
    /// What has to break.
    pub breaks: Option<String>,
    /// How many distinct states there have to be.
    pub states: Option<u64>,
    never: Vec<String>,
    specs: PathBuf,
    home: PathBuf,
}

/// What a tool has found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    /// Nothing is wrong, in so many distinct states.
    Nothing(u64),
    /// An invariant or a property does not hold.
    Broken,
    /// It says something else, or nothing that is understood.
    Unclear,
}

/// What came out.
#[derive(Debug, Serialize)]
pub struct Report {
    pub name: String,
    pub mutant: bool,
    pub tool: Tool,
    pub states: Option<u64>,
    pub breaks: Option<String>,
    pub seconds: f64,
    pub passed: bool,
    /// What is wrong, if something is.
    pub fault: Option<String>,
    /// From where on it matters: the schedule that breaks it.
    #[serde(skip)]
    pub output: String,
}

impl Job {
    pub fn of_model(root: &Path, model: &Model, tool: Tool) -> Self {
        Self {
            name: model.name.clone(),
            story: model.about.clone(),
            mutant: false,
            tool,
            module: model.module.clone(),
            edits: Vec::new(),
            model: model.name.clone(),
            breaks: model.breaks.clone(),
            states: model.states,
            never: model.never.clone(),
            specs: root.join("specs"),
            home: root.join(format!("target/specs/run/{}-{tool:?}", model.name)),
        }
    }

    pub fn of_mutant(root: &Path, mutant: &Mutant, tool: Tool) -> Self {
        let Mutant { name, story, module, edits, model, breaks, .. } = mutant;
        Self {
            name: name.clone(),
            story: story.clone(),
            mutant: true,
            tool,
            module: module.clone(),
            edits: edits.clone(),
            model: model.clone(),
            breaks: Some(breaks.clone()),
            states: None,
            never: Vec::new(),
            specs: root.join("specs"),
            home: root.join(format!("target/specs/run/{module}-{name}-{tool:?}")),
        }
    }

    /// Runs the tool on a copy of the specifications of its own.
    pub fn run(&self, tools: &Tools, limit: Duration) -> Result<Report> {
        self.write().with_context(|| format!("cannot write {}", self.home.display()))?;
        let command = match self.tool {
            Tool::Tlc => tlc::command(tools, &self.home, &self.module, self.states),
            Tool::Tla => tla::command(tools, &self.home, &self.module),
        };
        let ended = process::run(command, limit)?;
        let found = match self.tool {
            Tool::Tlc => tlc::read(&ended.output),
            Tool::Tla => tla::read(&ended.output),
        };
        let spec = fs::read_to_string(self.home.join(format!("{}.tla", self.module)))?;
        let fault = self.judge(&ended, found, &spec);
        let states = if let Found::Nothing(states) = found { Some(states) } else { None };
        Ok(Report {
            name: self.name.clone(),
            mutant: self.mutant,
            tool: self.tool,
            states,
            breaks: self.breaks.clone(),
            seconds: ended.seconds,
            passed: fault.is_none(),
            fault,
            output: match self.tool {
                Tool::Tlc => tlc::story(&ended.output),
                Tool::Tla => tla::story(&ended.output),
            },
        })
    }

    fn write(&self) -> Result<()> {
        if self.home.exists() {
            fs::remove_dir_all(&self.home)?;
        }
        copy(&self.specs, &self.home)?;
        let file = self.home.join(format!("{}.tla", self.module));
        let mut text = fs::read_to_string(&file)?;
        for Edit { find, put } in &self.edits {
            text = text.replace(find.as_str(), put);
        }
        fs::write(file, text)?;
        let cfg = fs::read_to_string(self.specs.join(format!("models/{}.cfg", self.model)))?;
        // What has to break is looked at alone: then it is what breaks.
        let cfg = match &self.breaks {
            Some(breaks) => only(&cfg, breaks).with_context(|| format!("{} is not in it", breaks))?,
            None => cfg,
        };
        Ok(fs::write(self.home.join("model.cfg"), cfg)?)
    }

    /// What is wrong with that.
    fn judge(&self, ended: &process::Ended, found: Found, spec: &str) -> Option<String> {
        if ended.verdict == crate::verify::findings::Verdict::DidNotEnd {
            return Some("did not end".to_owned());
        }
        // Of a mutant one property is looked at, and that the others are not is as it should be.
        let narrowed = |warning: &&str| self.breaks.is_some() && warning.contains("are not being checked");
        if let Some(warning) = warning(&ended.output).filter(|warning| !narrowed(warning)) {
            return Some(format!("it warns: {warning}"));
        }
        match (found, &self.breaks) {
            (Found::Unclear, _) => Some("ended in neither way".to_owned()),
            (Found::Broken, Some(_)) => None,
            (Found::Broken, None) => Some("something breaks".to_owned()),
            (Found::Nothing(_), Some(breaks)) => Some(format!("{breaks} does not break")),
            (Found::Nothing(states), None) if Some(states) != self.states => {
                Some(format!("{states} states, where {} are written down", self.states.unwrap_or(0)))
            }
            (Found::Nothing(_), None) if self.tool == Tool::Tlc => {
                coverage::fault(&ended.output, &self.module, &reader::actions(spec), &self.never)
            }
            (Found::Nothing(_), None) => None,
        }
    }
}

/// The modules in a folder, into another one.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "tla") {
            fs::copy(&path, to.join(path.file_name().context("a file has a name")?))?;
        }
    }
    Ok(())
}

/// Neither tool warns of anything that may be passed over, but for one line of TLC's.
pub fn warning(output: &str) -> Option<&str> {
    let lines = output.lines().filter(|line| !line.starts_with('{'));
    lines.map(str::trim).find(|line| line.to_lowercase().starts_with("warning") && !harmless(line))
}

/// TLC would like another garbage collector than it has been given.
fn harmless(line: &str) -> bool {
    line.contains("garbage collector")
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, tool, states, breaks, seconds, fault, mutant, .. } = self;
        let what = match (breaks, states) {
            (Some(breaks), _) => format!("breaks {breaks}"),
            (None, Some(states)) => format!("{states} states"),
            (None, None) => String::new(),
        };
        let kind = if *mutant { "mutant" } else { "model" };
        let tool = format!("{tool:?}").to_lowercase();
        write!(f, "{kind:<7} {name:<46} {tool} {what:<32} {seconds:>6.1} s  ")?;
        match fault {
            None => write!(f, "pass"),
            Some(fault) => write!(f, "FAILED: {fault}"),
        }
    }
}
