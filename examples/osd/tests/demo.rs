//! The demo, short.

mod common;

use common::command;

#[test]
fn holds_what_it_claims() {
    let output = command(&["--demo", "--demo-seconds", "1", "--shards", "5", "--threads-per-shard", "2"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("    pass  ").count(), 8, "{said}");
    assert!(!said.contains('\x1b'), "no colours in a pipe: {said}");
    for part in ["ops/s", "p99.9", "one request", "pipeline of 16", "queued for the dispatch thread"] {
        assert!(said.contains(part), "{part} is missing from {said}");
    }
}
