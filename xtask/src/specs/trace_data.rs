//! Recorded runs, from lines of JSON to what both checkers read.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A run as it is in a file: of the code, or of nothing.
#[derive(Clone, Debug)]
pub struct Recording {
    pub name: String,
    pub module: String,
    /// As in `specs/models/`: `Name = value`, line by line.
    pub constants: String,
    pub events: Vec<Value>,
    /// How many events of a corrupted one are well.
    pub after: Option<u64>,
}

impl Recording {
    /// All in a folder, in the order of their names.
    pub fn all(folder: &Path) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for file in fs::read_dir(folder).with_context(|| format!("no runs in {}", folder.display()))? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let text = fs::read_to_string(&path)?;
                found.push(Self::read(&name, &text).with_context(|| path.display().to_string())?);
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    fn read(name: &str, text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let head: Value = serde_json::from_str(lines.next().context("it is empty")?)?;
        let word = |key: &str| head[key].as_str().map(str::to_owned);
        let events: Vec<_> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
        ensure!(!events.is_empty(), "nothing happens in it");
        Ok(Self {
            name: name.to_owned(),
            module: word("module").context("it is of no module")?,
            constants: word("constants").context("it has no constants")?,
            events,
            after: head["after"].as_u64(),
        })
    }

    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|event| event["action"].as_str())
    }
}

/// `TraceData.tla`: runs that have the same constants.
pub fn module(constants: &str, runs: &[Recording]) -> Result<String> {
    let names = model_values(constants);
    let declared =
        if names.is_empty() { String::new() } else { format!("CONSTANTS {}\n\n", names.join(", ")) };
    let sets = values(constants).filter_map(|(name, value)| {
        let members = value.strip_prefix('{')?.strip_suffix('}')?;
        Some(format!("{name} |-> <<{members}>>"))
    });
    let named = sets.collect::<Vec<_>>().join(", ");
    let mut all = Vec::new();
    for run in runs {
        let events = run.events.iter().map(record).collect::<Result<Vec<_>>>()?;
        all.push(format!("\\* {}\n<<\n{}\n>>", run.name, events.join(",\n")));
    }
    Ok(format!(
        "---- MODULE TraceData ----\n{declared}Named == [{named}]\n\nRuns == <<\n{}\n>>\n====\n",
        all.join(",\n")
    ))
}

/// And what the checkers are told of it.
pub fn configuration(constants: &str) -> String {
    let given = values(constants).map(|(name, value)| format!("    {name} = {value}\n"));
    let named = model_values(constants).into_iter().map(|name| format!("    {name} = {name}\n"));
    let constants: String = given.chain(named).collect();
    format!("SPECIFICATION TraceSpec\nCONSTANTS\n{constants}INVARIANTS NotAccepted\nCONSTRAINT Told\n")
}

fn values(constants: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = constants.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim()))
}

/// Names that stand for themselves, and so have to be declared where they are used: all that are not in quotes.
fn model_values(constants: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (_, value) in values(constants) {
        for word in value.split(['{', '}', ',', ' ']).filter(|word| !word.is_empty()) {
            let is_name = word.starts_with(|first: char| first.is_ascii_alphabetic());
            if is_name && !["TRUE", "FALSE"].contains(&word) && !names.contains(&word) {
                names.push(word);
            }
        }
    }
    names
}

/// What it does not say it has no field for.
fn record(event: &Value) -> Result<String> {
    let fields = event.as_object().context("an event has fields")?.iter();
    let fields = fields.filter(|(_, value)| !value.is_null()).map(|(name, value)| {
        let value = match value {
            Value::Bool(true) => "TRUE".to_owned(),
            Value::Bool(false) => "FALSE".to_owned(),
            Value::Number(number) => number.to_string(),
            Value::String(word) => format!("\"{word}\""),
            other => anyhow::bail!("{name} is {other}"),
        };
        Ok(format!("{name} |-> {value}"))
    });
    Ok(format!("  [{}]", fields.collect::<Result<Vec<_>>>()?.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"module": "A", "constants": "Conns = {\"c0\", \"c1\"}\nGroups = {g1}\nNone = {}\nHow = \"run\"\nFast = TRUE\nNobody = nobody\n", "after": 1}
{"action": "Push", "thread": 0, "fast": true}
{"action": "Pick", "from": null}
"#;

    #[test]
    fn a_run_is_written_so_that_both_read_it() {
        let run = Recording::read("a_run", LINES).unwrap();
        assert_eq!((run.module.as_str(), run.after), ("A", Some(1)));
        assert_eq!(run.actions().collect::<Vec<_>>(), ["Push", "Pick"]);
        assert_eq!(
            module(&run.constants, std::slice::from_ref(&run)).unwrap(),
            "---- MODULE TraceData ----\nCONSTANTS g1, nobody\n\n\
             Named == [Conns |-> <<\"c0\", \"c1\">>, Groups |-> <<g1>>, None |-> <<>>]\n\n\
             Runs == <<\n\\* a_run\n<<\n  [action |-> \"Push\", fast |-> TRUE, thread |-> 0],\n  \
             [action |-> \"Pick\"]\n>>\n>>\n====\n"
        );
        let configuration = configuration(&run.constants);
        assert!(configuration.contains("    Groups = {g1}\n"), "{configuration}");
        assert!(configuration.contains("    g1 = g1\n    nobody = nobody\nINVARIANTS"), "{configuration}");
    }

    #[test]
    fn what_is_no_run_is_not_read() {
        assert!(Recording::read("a", "").is_err());
        assert!(Recording::read("a", "{\"module\": \"A\", \"constants\": \"\"}\n").is_err());
        assert!(Recording::read("a", "{\"module\": \"A\"}\n{}\n").is_err());
    }
}
