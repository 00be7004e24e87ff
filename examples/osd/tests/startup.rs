//! Flags, ports, and what the program says when it cannot start.

mod common;

use common::{Daemon, command};

#[test]
fn a_port_in_use_is_reported() {
    let daemon = Daemon::start(&[]);
    let port = daemon.address.port().to_string();
    let output = command(&["--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}: ")), "{said}");
    assert!(output.stdout.is_empty());
    daemon.shut_down();
}

#[test]
fn bad_flags_are_reported() {
    let cases: [&[&str]; 8] = [
        &["--nonsense"],
        &["--port", "65536"],
        &["--bind", "nowhere"],
        &["--pgs", "0"],
        &["--shards", "0"],
        &["--threads-per-shard", "x"],
        &["--demo", "--port", "1"],
        &["stray"],
    ];
    for flags in cases {
        let output = command(flags).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("error: ") && said.contains("--help"), "{said}");
    }
}

#[test]
fn help_names_every_flag() {
    let output = command(&["--help"]).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    for flag in ["--port", "--bind", "--pgs", "--shards", "--threads-per-shard", "--demo"] {
        assert!(said.contains(flag), "{flag} is missing from {said}");
    }
}
