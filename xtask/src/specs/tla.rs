//! The checker of the crate `tla-checker`: how it is called, and what it says.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::job::Found;
use super::tools::Tools;

pub fn command(tools: &Tools, home: &Path, module: &str) -> Command {
    let mut command = Command::new(&tools.tla);
    command.current_dir(home).arg(format!("{module}.tla")).args(["--config", "model.cfg", "--json"]);
    // Its own limits are low, and a hit one is no answer. Without the last, Nat ends at 100.
    command.args(["--allow-deadlock", "--max-states", "100000000", "--max-depth", "1000000"]);
    command.arg("--symbolic-integers");
    command
}

/// What its output comes to.
pub fn read(output: &str) -> Found {
    let Some(report) = report(output) else { return Found::Unclear };
    match report["status"].as_str() {
        Some("ok") => states(output).map_or(Found::Unclear, Found::Nothing),
        Some("invariant_violation" | "property_violation" | "liveness_violation") => Found::Broken,
        _ => Found::Unclear,
    }
}

/// How many distinct states it has come to, whatever it found there.
pub fn states(output: &str) -> Option<u64> {
    report(output)?["stats"]["states_explored"].as_u64()
}

fn report(output: &str) -> Option<Value> {
    serde_json::from_str(output.lines().find(|line| line.starts_with('{'))?).ok()
}

/// The schedule: each action, and what it changes.
pub fn story(output: &str) -> String {
    let Some(report) = report(output) else { return output.to_owned() };
    let mut lines = Vec::new();
    for part in ["trace", "prefix", "cycle"] {
        let Some(steps) = report[part].as_array() else { continue };
        if part == "cycle" {
            lines.push("and from here on again and again:".to_owned());
        }
        let mut before = &Value::Null;
        for step in steps {
            lines.push(step["action"].as_str().unwrap_or("begin").to_owned());
            let state = step["state"].as_object();
            for (variable, value) in
                state.into_iter().flatten().filter(|(name, value)| before[*name] != **value)
            {
                lines.push(format!("    {variable} = {value}"));
            }
            before = &step["state"];
        }
    }
    lines.extend(report["error"].as_str().map(str::to_owned));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_ends_are_told_apart() {
        let good = "Checking spec: A.tla\n{\"status\": \"ok\", \"stats\": {\"states_explored\": 43}}\n";
        assert_eq!(read(good), Found::Nothing(43));
        assert_eq!(read("{\"status\": \"ok\"}"), Found::Unclear);
        assert_eq!(read("{\"status\": \"liveness_violation\", \"property\": \"A\"}"), Found::Broken);
        assert_eq!(read("{\"status\": \"limit_reached\"}"), Found::Unclear);
        assert_eq!(read("out of memory"), Found::Unclear);
    }

    #[test]
    fn a_story_has_what_changes() {
        let trace = r#"{"status": "invariant_violation", "trace": [{"action": null, "state": {"a": 1, "b": 2}},
            {"action": "Go", "state": {"a": 1, "b": 3}}]}"#;
        assert_eq!(story(&trace.replace('\n', "")), "begin\n    a = 1\n    b = 2\nGo\n    b = 3");
    }
}
