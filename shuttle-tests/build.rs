//! Turns the sampling cfg on for keylane's sources and for the scenarios, and plants the bugs of `planted.rs` in
//! copies of both, for `tests/controls.rs`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "planted.rs"]
mod planted;

/// The bugs that the models find, those that were thought of and those that were real.
const TABLES: [&str; 2] = ["../loom-tests/mutants.toml", "../loom-tests/museum.toml"];

const WRITES: &str = "writing to a String succeeds";

/// The plans of the recorded runs.
const TRACES: &str = "../specs/traces/src";

fn main() {
    println!("cargo:rustc-cfg=keylane_shuttle");
    for input in ["build.rs", "planted.rs", "scenarios", "followed", "../src", TRACES].iter().chain(&TABLES) {
        println!("cargo:rerun-if-changed={input}");
    }

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("planted");
    let (mut modules, mut table, mut followed) = (String::new(), String::new(), String::new());
    let mut stale = Vec::new();
    for name in bugs() {
        let Some((file, changed)) = plant(name) else {
            stale.push(name);
            continue;
        };
        let home = out.join(name);
        let root = format!("crate::planted_sources::{name}::");
        copy(Path::new("../src"), &home, &|path, text| {
            let text = if path == file { changed.clone() } else { text };
            // The policies' unit tests are not what is being controlled.
            text.replace("crate::", &root).replace("#[cfg(test)]", "#[cfg(any())]")
        });
        let renamed = |_: &str, text: String| text.replace("keylane::", &root);
        writeln!(modules, "#[path = {:?}] pub mod {name};", home.join("lib.rs")).expect(WRITES);
        if let Some(scenario) = asked_of(name, planted::CONTROLS) {
            copy(Path::new("scenarios"), &home.join("scenarios"), &renamed);
            let scenarios = home.join("scenarios/mod.rs");
            writeln!(modules, "#[path = {scenarios:?}] mod {name}_scenarios;").expect(WRITES);
            let scenario = format!("{name}_scenarios::{scenario}");
            writeln!(table, "({name:?}, || {scenario}::run({scenario}::Size::SMALL)),").expect(WRITES);
        }
        if let Some(plan) = asked_of(name, planted::REJECTED) {
            // As far from each other as they are here.
            copy(Path::new("followed"), &home.join("shuttle-tests/followed"), &renamed);
            copy(Path::new(TRACES), &home.join("specs/traces/src"), &renamed);
            let plans = home.join("shuttle-tests/followed/mod.rs");
            writeln!(modules, "#[path = {plans:?}] mod {name}_followed;").expect(WRITES);
            writeln!(followed, "({name:?}, {name}_followed::follow_{plan}),").expect(WRITES);
        }
    }
    // Not a build failure: the scenarios themselves must run on whatever the sources have become.
    writeln!(
        modules,
        "pub const STALE: &[&str] = &{stale:?};\npub const RUN: &[(&str, fn())] = &[{table}];\n\
         pub const FOLLOW: &[(&str, fn())] = &[{followed}];"
    )
    .expect(WRITES);
    fs::create_dir_all(&out).expect("OUT_DIR is writable");
    fs::write(out.join("mod.rs"), modules).expect("OUT_DIR is writable");
}

/// All that are planted, each once.
fn bugs() -> BTreeSet<&'static str> {
    planted::CONTROLS.iter().chain(planted::REJECTED).map(|control| control.bug).collect()
}

/// Who must find it, if that is in `controls`.
fn asked_of(bug: &str, controls: &[planted::Control]) -> Option<&'static str> {
    controls.iter().find(|control| control.bug == bug).map(|control| control.scenario)
}

/// The file that the bug is in, and its text with it; nothing if an edit does not fit in exactly one place.
fn plant(name: &str) -> Option<(String, String)> {
    let (file, edits) = bug(name)?;
    let text = fs::read_to_string(format!("../src/{file}")).ok()?;
    let changed = edits.iter().try_fold(text, |text, (find, put)| {
        (text.matches(find).count() == 1).then(|| text.replace(find, put))
    })?;
    Some((file, changed))
}

/// The file of `src/` that the bug is in, and its edits: what stands there, and what is put in its place.
fn bug(name: &str) -> Option<(String, Vec<(String, String)>)> {
    if let Some(own) = planted::OWN.iter().find(|own| own.bug == name) {
        let (find, put) = own.edit;
        return Some((own.file.to_owned(), vec![(find.to_owned(), put.to_owned())]));
    }
    let entry = TABLES.iter().find_map(|table| entry(table, name))?;
    let text = |value: &toml::Value| value.as_str().expect("text").trim().to_owned();
    let edits = entry["edits"].as_array().expect("a list of edits").iter();
    let edits = edits.map(|edit| {
        let (find, put) = (text(&edit["find"]), text(&edit["put"]));
        // An expression may be replaced by several statements and an expression.
        let put = if find.ends_with(';') { put } else { format!("({{ {put} }})") };
        (find, put)
    });
    Some((text(&entry["file"]), edits.collect()))
}

/// The mutant of that name, if it is in this table.
fn entry(table: &str, name: &str) -> Option<toml::Value> {
    let table: toml::Table = fs::read_to_string(table).ok()?.parse().expect("a table of mutants is TOML");
    let mut entries = table["mutant"].as_array().expect("a list of mutants").iter();
    entries.find(|entry| entry["name"].as_str() == Some(name)).cloned()
}

/// Copies the Rust files below `from` to `to`; `change` gets each one's path below `from` and its text.
fn copy(from: &Path, to: &Path, change: &dyn Fn(&str, String) -> String) {
    fn walk(from: &Path, below: &Path, to: &Path, change: &dyn Fn(&str, String) -> String) {
        fs::create_dir_all(to.join(below)).expect("OUT_DIR is writable");
        for entry in fs::read_dir(from.join(below)).expect("sources are readable") {
            let entry = entry.expect("sources are readable");
            let path = below.join(entry.file_name());
            if entry.file_type().expect("sources are readable").is_dir() {
                walk(from, &path, to, change);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(entry.path()).expect("sources are UTF-8");
                let name = path.to_str().expect("sources have UTF-8 names").replace('\\', "/");
                fs::write(to.join(&path), change(&name, text)).expect("OUT_DIR is writable");
            }
        }
    }
    walk(from, Path::new(""), to, change);
}
