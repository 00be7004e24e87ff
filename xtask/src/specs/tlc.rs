//! TLC 2.15: how it is called, and what it says.

use std::path::Path;
use std::process::Command;

use super::job::Found;
use super::tools::Tools;

/// How to run what has few states: Java is at its end before it would have compiled anything better.
const SMALL: &[&str] = &["-Xmx1500m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const LARGE: &[&str] = &["-Xmx1500m", "-XX:+UseParallelGC"];
/// And so many that the queue of those to look at is large itself.
const HUGE: &[&str] = &["-Xmx4g", "-XX:+UseParallelGC"];
const FEW: u64 = 50_000;
const MANY: u64 = 5_000_000;

/// For so many states, if that is known.
pub fn command(tools: &Tools, home: &Path, module: &str, states: Option<u64>) -> Command {
    let machine = match states {
        Some(MANY..) => HUGE,
        Some(FEW..) => LARGE,
        _ => SMALL,
    };
    call(tools, home, module, machine, &["-coverage", "1"])
}

/// For a run of the code. What is taken how often it does not say.
pub fn brief_command(tools: &Tools, home: &Path, module: &str) -> Command {
    call(tools, home, module, SMALL, &[])
}

fn call(tools: &Tools, home: &Path, module: &str, machine: &[&str], more: &[&str]) -> Command {
    let mut command = Command::new(&tools.java);
    // It unpacks its own modules there, and deletes them when it ends: others may be reading them.
    command.current_dir(home).arg(format!("-Djava.io.tmpdir={}", home.display()));
    command.args(machine).arg("-cp").arg(&tools.jar);
    // Several workers could miss violations of liveness. That all may come to rest is for invariants to judge.
    command.args(["tlc2.TLC", "-workers", "1", "-deadlock", "-difftrace"]).args(more);
    command.args(["-metadir", "states", "-config", "model.cfg"]).arg(format!("{module}.tla"));
    command
}

/// What its output comes to.
pub fn read(output: &str) -> Found {
    let broken = |line: &str| {
        line.starts_with("Error: Temporal properties were violated")
            || (line.starts_with("Error: Invariant ") || line.starts_with("Error: Action property "))
                && line.ends_with(" is violated.")
    };
    let mut errors = output.lines().filter(|line| line.starts_with("Error:"));
    match errors.next() {
        Some(first) if broken(first) => Found::Broken,
        Some(_) => Found::Unclear,
        None if output.contains("Model checking completed. No error has been found.") => {
            states(output).map_or(Found::Unclear, Found::Nothing)
        }
        None => Found::Unclear,
    }
}

/// "72 states generated, 43 distinct states found, 0 states left on queue." So it says whatever it found there.
pub fn states(output: &str) -> Option<u64> {
    let line = output.lines().rev().find(|line| line.ends_with(" 0 states left on queue."))?;
    line.split(", ").nth(1)?.split(' ').next()?.parse().ok()
}

/// The part that tells of what went wrong, without the figures after it.
pub fn story(output: &str) -> String {
    let from = output.find("Error:").unwrap_or(0);
    let to = output[from..].find("The coverage statistics").map_or(output.len(), |to| from + to);
    output[from..to].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_ends_are_told_apart() {
        let end = "72 states generated, 43 distinct states found, 0 states left on queue.\n";
        let good = format!("Model checking completed. No error has been found.\n{end}");
        assert_eq!(read(&good), Found::Nothing(43));
        assert_eq!(read(end), Found::Unclear);
        assert_eq!(read("Error: Invariant OneWake is violated.\n"), Found::Broken);
        assert_eq!(read("Error: Invariant OneWake is violated by the initial state:\n"), Found::Unclear);
        assert_eq!(read("Error: Evaluating invariant OneWake failed.\n"), Found::Unclear);
        assert_eq!(read("Error: Action property line 4, col 2 of module A is violated.\n"), Found::Broken);
        assert_eq!(
            read("Error: Temporal properties were violated.\n\nError: The following\n"),
            Found::Broken
        );
        assert_eq!(read("Error: Deadlock reached.\n"), Found::Unclear);
    }
}
