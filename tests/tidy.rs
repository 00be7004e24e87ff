//! The laws of CONTRIBUTING.md that a machine can keep: they fail here and not in a review.

use std::fs;
use std::path::{Path, PathBuf};

/// What only `src/sync` may name.
const PRIMITIVES: [&str; 13] = [
    "std::sync",
    "core::sync",
    "alloc::sync",
    "std::thread",
    "std::time",
    "std::hint",
    "parking_lot",
    "crossbeam",
    "loom::",
    "Ordering::",
    "use loom",
    "shuttle::",
    "use shuttle",
];

/// The operations of `sync::Word`.
const ATOMIC_OPERATIONS: [&str; 4] = [".fetch_or(", ".fetch_and(", ".fetch_add(", ".hint("];

/// The files outside `src/sync` that may use them.
const ATOMICS: [&str; 2] = ["lane/lane.rs", "lane/news.rs"];

/// No file gets this long.
const MAX_LINES: usize = 1000;

struct Source {
    /// Below the folder that was searched, with forward slashes.
    name: String,
    text: String,
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the repository is readable") {
            let path: PathBuf = entry.expect("the repository is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name =
                    path.strip_prefix(&root).expect("it is below").to_string_lossy().replace('\\', "/");
                found.push(Source { name, text: fs::read_to_string(&path).expect("sources are UTF-8") });
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

/// The lines that are code, with their numbers: no comments (and so no doctests), nothing blank.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source
        .text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default().trim()))
        .filter(|(_, line)| !line.is_empty())
}

/// Each offending line of `sources`, ready to be printed.
fn offences(sources: &[Source], offends: impl Fn(&Source, usize, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in code(source) {
            if offends(source, number, line) {
                found.push(format!("src/{}:{number}: {line}", source.name));
            }
        }
    }
    found
}

fn names_a_primitive(source: &Source, line: &str) -> bool {
    !source.name.starts_with("sync/") && PRIMITIVES.iter().any(|primitive| line.contains(primitive))
}

fn is_atomic(line: &str) -> bool {
    ATOMIC_OPERATIONS.iter().any(|operation| line.contains(operation))
}

/// Whether the comment directly above line `number` starts with `tag`.
fn is_tagged(source: &Source, number: usize, tag: &str) -> bool {
    let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
    let above = lines[..number - 1].iter().rev();
    let comment: Vec<&&str> = above.take_while(|line| line.starts_with("// ")).collect();
    comment.last().is_some_and(|first| first.starts_with(&format!("// {tag}")))
}

#[test]
fn only_sync_names_primitives() {
    let found = offences(&sources("src"), |source, _, line| names_a_primitive(source, line));
    assert!(found.is_empty(), "use crate::sync instead:\n{}", found.join("\n"));
}

#[test]
fn all_atomic_operations_are_in_two_places() {
    let found = offences(&sources("src"), |source, _, line| {
        is_atomic(line) && !ATOMICS.contains(&source.name.as_str()) && !source.name.starts_with("sync/")
    });
    assert!(found.is_empty(), "atomics belong to {ATOMICS:?}:\n{}", found.join("\n"));
}

#[test]
fn every_atomic_operation_says_why() {
    let sources = sources("src");
    let found =
        offences(&sources, |source, number, line| is_atomic(line) && !is_tagged(source, number, "ORDERING:"));
    assert!(found.is_empty(), "each needs an ORDERING: comment above it:\n{}", found.join("\n"));
    for (name, at_least) in ATOMICS.into_iter().zip([5, 3]) {
        let here = sources.iter().find(|source| source.name == name).expect("it exists");
        let found = code(here).filter(|(_, line)| is_atomic(line)).count();
        assert!(found >= at_least, "the search still finds them in {name}");
    }
}

/// The models explore `sync/loom/mod.rs` and the samples `sync/shuttle.rs`. What ships is `sync/native.rs`, and no model
/// would notice if it were weaker.
#[test]
fn the_words_that_ship_are_as_strong_as_those_explored() {
    let sources = sources("src");
    let operations = |name: &str| -> Vec<String> {
        let door = sources.iter().find(|source| source.name == name).expect("the door has three leaves");
        let atomic = |line: &&str| is_atomic(line) && line.contains("Ordering::");
        // The hint of a model is a read-modify-write of its own.
        let hint = |line: &&str| line.contains("fetch_add(0,");
        let lines = code(door).map(|(_, line)| line).filter(atomic).filter(|line| !hint(line));
        lines.map(|line| line.split_once(".fetch_").expect("an operation").1.replace(';', "")).collect()
    };
    let native = operations("sync/native.rs");
    assert_eq!(native.len(), 3, "the search still finds them: {native:?}");
    assert!(native.iter().all(|operation| operation.ends_with(", Ordering::AcqRel)")), "{native:?}");
    assert_eq!(native, operations("sync/loom/mod.rs"));
    assert_eq!(native, operations("sync/shuttle.rs"));
}

#[test]
fn the_crate_forbids_unsafe_code() {
    let sources = sources("src");
    let lib = sources.iter().find(|source| source.name == "lib.rs").expect("it exists");
    assert!(lib.text.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn no_file_is_long() {
    for folder in ["src", "checker", "loom-tests", "shuttle-tests", "proptests", "examples", "tests", "xtask"]
    {
        for source in sources(folder) {
            let lines = source.text.lines().count();
            assert!(lines < MAX_LINES, "{folder}/{} has {lines} lines", source.name);
        }
    }
}

/// The only files that may know about the model cfgs: the door itself, the crate root that opens the protocols to
/// the models, and what dependants make models with.
const CFG: [&str; 3] = ["lib.rs", "sync/mod.rs", "testing/mod.rs"];

#[test]
fn no_cfg_forest() {
    let found = offences(&sources("src"), |source, _, line| {
        let knows = ["keylane_loom", "keylane_shuttle"].iter().any(|cfg| line.contains(cfg));
        knows && !CFG.contains(&source.name.as_str())
    });
    assert!(found.is_empty(), "the model cfgs belong to {CFG:?}:\n{}", found.join("\n"));
}

/// The searches above must be able to fail.
#[test]
fn the_searches_find_what_they_look_for() {
    let bad = Source {
        name: "lane/bad.rs".to_owned(),
        text: "use std::sync::atomic::AtomicUsize;\n// a comment\nself.word.fetch_or(1);\n\
               // ORDERING: AcqRel, with a reason\n// on two lines.\nself.word.fetch_and(1);\n"
            .to_owned(),
    };
    let bad = [bad];
    assert_eq!(offences(&bad, |source, _, line| names_a_primitive(source, line)).len(), 1);
    assert_eq!(offences(&bad, |_, _, line| is_atomic(line)).len(), 2);
    let untagged =
        offences(&bad, |source, number, line| is_atomic(line) && !is_tagged(source, number, "ORDERING:"));
    assert_eq!(untagged, ["src/lane/bad.rs:3: self.word.fetch_or(1);"]);
}
