//! Redis' own clients, where they are installed (Debian: redis-tools).

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::{Daemon, bulk};

/// Runs a tool against the daemon; its output, or nothing if the tool is not installed.
fn run(tool: &str, daemon: &Daemon, arguments: &[&str]) -> Option<String> {
    let port = daemon.address.port().to_string();
    let output = Command::new(tool).args(["-p", &port]).args(arguments).stdin(Stdio::null()).output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Not println!, which the test harness captures.
            let line = format!("skipped: {tool} is not installed\n");
            std::io::stdout().write_all(line.as_bytes()).unwrap();
            return None;
        }
        Err(error) => panic!("{tool}: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {arguments:?}: {said}{complaints}");
    // redis-benchmark reports errors of the server and goes on.
    assert!(!said.contains("rror") && complaints.is_empty(), "{tool} {arguments:?}: {said}{complaints}");
    Some(said)
}

#[test]
fn redis_benchmark_runs_without_an_error() {
    let daemon = Daemon::start(&[]);
    let load = ["-t", "set,get,incr", "-c", "50", "-P", "16", "-n", "100000", "-r", "1000", "-q"];
    let Some(said) = run("redis-benchmark", &daemon, &load) else { return };
    for name in ["SET: ", "GET: ", "INCR: "] {
        let summary =
            said.split(['\r', '\n']).find(|line| line.starts_with(name) && line.contains("per second"));
        assert!(summary.is_some(), "{name} is missing from {said}");
    }
    // A multiple of the pipeline's length: of others, redis-benchmark sends a few more than it is asked for.
    let increments = ["-c", "50", "-P", "16", "-n", "64000", "-q", "INCR", "total"];
    run("redis-benchmark", &daemon, &increments).unwrap();
    assert_eq!(daemon.client().ask(&["GET", "total"]), bulk("64000"));
    daemon.shut_down();
}

#[test]
fn redis_cli_gets_its_answers() {
    let daemon = Daemon::start(&[]);
    for (arguments, answer) in [
        (&["PING"][..], "PONG\n"),
        (&["SET", "greeting", "hello"], "OK\n"),
        (&["GET", "greeting"], "hello\n"),
        (&["INCRBY", "n", "7"], "7\n"),
        (&["-2", "MGET", "greeting", "n"], "hello\n7\n"),
    ] {
        let Some(said) = run("redis-cli", &daemon, arguments) else { return };
        assert_eq!(said, answer, "{arguments:?}");
    }
    daemon.shut_down();
}
