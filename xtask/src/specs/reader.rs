//! What `specs/README.md` tells of actions and functions, held against both.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Each action in a table is in its specification, each function in its file; and no action of a specification is left out.
pub fn check(root: &Path) -> Result<()> {
    let readme = fs::read_to_string(root.join("specs/README.md"))?;
    let (_, tables) = readme.split_once("## Actions and code").context("the tables have gone")?;
    let tables = tables.split("\n## ").next().unwrap_or_default();
    let mut told = 0;
    for table in tables.split("\n### ").skip(1) {
        let module = table.lines().next().unwrap_or_default();
        let spec = fs::read_to_string(root.join(format!("specs/{module}.tla")))?;
        let mut named = BTreeSet::new();
        for row in table.lines().filter(|line| line.starts_with("| `")) {
            // Odd pieces are in backticks.
            let words: Vec<_> = row.split('`').skip(1).step_by(2).collect();
            let [action, file, function, ..] = words[..] else { continue };
            ensure!(defines(&spec, action), "{module} has no action {action}");
            let source = fs::read_to_string(root.join("src").join(file));
            let source = source.with_context(|| format!("{action}: there is no src/{file}"))?;
            let heads = [format!("fn {function}("), format!("fn {function}<")];
            ensure!(heads.iter().any(|head| source.contains(head)), "src/{file} has no function {function}");
            named.insert(action);
        }
        let lost: Vec<_> = actions(&spec).into_iter().filter(|action| !named.contains(action)).collect();
        ensure!(lost.is_empty(), "actions of {module} that specs/README.md does not tell of: {lost:?}");
        told += named.len();
    }
    ensure!(told > 0, "no table tells of any action");
    Ok(())
}

fn defines(spec: &str, action: &str) -> bool {
    let heads = [format!("{action} =="), format!("{action}(")];
    spec.lines().any(|line| heads.iter().any(|head| line.starts_with(head)))
}

/// What `Next` is made of.
pub fn actions(spec: &str) -> BTreeSet<&str> {
    let next = spec.split_once("\nNext ==").map_or("", |(_, next)| next);
    let next = next.split("\n\n").next().unwrap_or_default();
    let steps = next.split("\\/").map(|step| step.rsplit(" : ").next().unwrap_or_default().trim());
    steps.map(|step| step.split('(').next().unwrap_or_default()).filter(|step| !step.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_those_of_next() {
        let spec = "A == 1\n\nNext ==\n    \\/ \\E p \\in P : Push(p)\n    \\/ Close\n\nSpec == Init\n";
        assert_eq!(actions(spec), BTreeSet::from(["Close", "Push"]));
        assert!(defines(spec, "A") && !defines(spec, "Push"));
    }

    #[test]
    fn readers_are_told_of_every_action() {
        check(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap();
    }
}
