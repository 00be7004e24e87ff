//! Turns the model cfg on for keylane's sources and for the models, and plants the bugs of `planted.rs` in
//! copies of both, for `tests/controls.rs`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "planted.rs"]
mod planted;

fn main() {
    println!("cargo:rustc-cfg=keylane_loom");
    for input in ["build.rs", "planted.rs", "tests", "../src"] {
        println!("cargo:rerun-if-changed={input}");
    }

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("planted");
    let mut modules = String::new();
    let mut stale = Vec::new();
    for bug in planted::PLANTED {
        let source = fs::read_to_string(format!("../src/{}", bug.file)).expect("the file exists");
        let Some(changed) = plant(bug, &source) else {
            stale.push(bug.name);
            continue;
        };
        let home = out.join(bug.name);
        let root = format!("crate::planted_sources::{}::", bug.name);
        copy(Path::new("../src"), &home, &|path, text| {
            let text = if path == bug.file { changed.clone() } else { text };
            // The policies' unit tests are not what is being controlled.
            text.replace("crate::", &root).replace("#[cfg(test)]", "#[cfg(any())]")
        });
        let (file, _) = bug.model;
        let model = fs::read_to_string(format!("tests/{file}.rs")).expect("the model's file exists");
        let model = model
            .replace("extern crate keylane_loom as keylane;", "")
            .replace("mod harness;", "use crate::harness;")
            .replace("keylane::", &root)
            .replace("#[test]", "#[test]\n#[ignore = \"a planted bug: this must fail\"]");
        fs::write(home.join("model.rs"), model).expect("OUT_DIR is writable");
        let sources = home.join("lib.rs");
        let models = home.join("model.rs");
        writeln!(
            modules,
            "#[path = {sources:?}] pub mod {name};\n#[path = {models:?}] mod {name}_model;",
            name = bug.name
        )
        .expect("writing to a String succeeds");
    }
    // Not a build failure: the models themselves must run on whatever the sources have become.
    writeln!(modules, "pub const STALE: &[&str] = &{stale:?};").expect("writing to a String succeeds");
    fs::create_dir_all(&out).expect("OUT_DIR is writable");
    fs::write(out.join("mod.rs"), modules).expect("OUT_DIR is writable");
}

/// The text with the bug in it; nothing if an edit does not fit in exactly one place.
fn plant(bug: &planted::Planted, text: &str) -> Option<String> {
    bug.edits.iter().try_fold(text.to_owned(), |text, (find, replace)| {
        (text.matches(find).count() == 1).then(|| text.replace(find, replace))
    })
}

/// Copies the Rust files below `from` to `to`; `change` gets each one's path below `from` and its text.
fn copy(from: &Path, to: &Path, change: &dyn Fn(&str, String) -> String) {
    fn walk(from: &Path, below: &Path, to: &Path, change: &dyn Fn(&str, String) -> String) {
        fs::create_dir_all(to.join(below)).expect("OUT_DIR is writable");
        for entry in fs::read_dir(from.join(below)).expect("src is readable") {
            let entry = entry.expect("src is readable");
            let path = below.join(entry.file_name());
            if entry.file_type().expect("src is readable").is_dir() {
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
