//! The workspace again, with all mutants in its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};

use super::splice::{Choice, Place, Spliced, splice};
use super::{Mutant, scope};

/// The packages that judge mutants, and what these need. The others are left out.
const MEMBERS: [&str; 5] = [".", "loom-tests", "loom-stacks", "proptests", "specs/twin"];

/// What these packages consist of. (`README.md`: the crate's doctests include it.)
const PARTS: [&str; 8] =
    ["src", "tests", "loom-tests", "loom-stacks", "proptests", "specs/twin", "README.md", "Cargo.lock"];

/// Of these a mutant needs some small models and tests: to optimise them fully takes longer than to run those.
const SMALL: [&str; 2] = ["keylane", "keylane-loom"];

/// Packages with a profile of their own in the workspace, which are not here.
const ELSEWHERE: [&str; 8] = [
    "keylane-checker",
    "keylane-interleavings",
    "keylane-traces",
    "shuttle-engine",
    "corosensei",
    "ahash",
    "dashmap",
    "stateright",
];

/// What would only judge the copying (the search for primitives outside `sync`), and what needs a package that is
/// left out.
const LEFT_OUT: [&str; 2] = ["tests/tidy.rs", "tests/stress.rs"];

/// Mutants make code unreachable and arithmetic overflow; that is no reason not to build them.
const ALLOWED: &str = "#![allow(warnings, arithmetic_overflow, unconditional_panic)]\n";

/// The operations of loom's `Word` take the ordering that a mutant asks for.
const DOOR: &str = "sync/loom/mod.rs";

/// A mutated copy of the workspace. The number of a mutant is its place in the list, counted from 1.
#[derive(Debug)]
pub struct Copy {
    repo: PathBuf,
    home: PathBuf,
    mutants: Vec<Mutant>,
    pub(super) left_out: BTreeSet<usize>,
    /// Where the choices of each file are.
    pub(super) places: BTreeMap<String, Vec<Place>>,
    pub(super) texts: BTreeMap<String, String>,
    /// Of the texts with all mutants in them.
    pub(super) fingerprint: u64,
}

impl Copy {
    /// Writes the copy of the workspace `repo` to `home`, with `mutants` in it. Files that would stay the same
    /// are not touched, so that a build after a small change is a small build.
    pub fn write(repo: &Path, home: &Path, mutants: Vec<Mutant>) -> Result<Self> {
        let mut copy = Self {
            repo: repo.to_owned(),
            home: home.to_owned(),
            mutants,
            left_out: BTreeSet::new(),
            places: BTreeMap::new(),
            texts: BTreeMap::new(),
            fingerprint: 0,
        };
        copy.write_surroundings()?;
        copy.render()?;
        copy.recall();
        copy.write_sources()?;
        Ok(copy)
    }

    /// Where it is: what cargo is run in.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The mutants that are in it, with their numbers.
    pub fn mutants(&self) -> impl Iterator<Item = (usize, &Mutant)> {
        self.all().filter(|(number, _)| !self.left_out.contains(number))
    }

    /// Those that do not build, and are not in it. (Known after [`settle`](Self::settle).)
    pub fn dropped(&self) -> impl Iterator<Item = &Mutant> {
        self.all().filter(|(number, _)| self.left_out.contains(number)).map(|(_, mutant)| mutant)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Mutant)> {
        self.mutants.iter().enumerate().map(|(index, mutant)| (index + 1, mutant))
    }

    /// Writes the sources, without the mutants that are left out.
    pub(super) fn write_sources(&mut self) -> Result<()> {
        self.render()?;
        for (file, text) in &self.texts {
            update(&self.home.join("src").join(file), text)?;
        }
        Ok(())
    }

    fn render(&mut self) -> Result<()> {
        let src = self.repo.join("src");
        for file in files(&src)? {
            let text = read(&src.join(&file))?;
            let mut choices = Vec::new();
            for (number, mutant) in self.mutants() {
                for edit in mutant.edits.iter().filter(|edit| edit.file == file) {
                    let fits = text.get(edit.span.clone()) == Some(&*edit.find);
                    ensure!(fits, "{}: {file} has changed since the mutant was found", mutant.id);
                    choices.push(Choice { number, span: edit.span.clone(), put: edit.put.clone() });
                }
            }
            let Spliced { text, places } = match choices.is_empty() {
                true => Spliced { text, places: Vec::new() },
                false => splice(&text, choices).with_context(|| format!("in {file}"))?,
            };
            let text = match &*file {
                "lib.rs" => with_runtime(&text)?,
                DOOR => with_orderings(&text)?,
                _ => text,
            };
            self.places.insert(file.clone(), places);
            self.texts.insert(file, text);
        }
        let count = self.mutants.len();
        let runtime = include_str!("runtime.rs");
        let (docs, code) = runtime.split_once("\n\n").context("runtime.rs begins with its documentation")?;
        let runtime = format!("{docs}\n\nconst COUNT: usize = {count};\n\n{code}");
        self.texts.insert("mutation.rs".to_owned(), runtime);
        Ok(())
    }

    /// Writes everything but the sources, and removes what is not in the repository any more.
    fn write_surroundings(&self) -> Result<()> {
        let mut kept: BTreeSet<PathBuf> = ["src/mutation.rs".into()].into();
        for part in PARTS {
            for file in files(&self.repo.join(part))? {
                let below = if file.is_empty() { PathBuf::from(part) } else { Path::new(part).join(&file) };
                if LEFT_OUT.iter().any(|left_out| below == Path::new(left_out)) {
                    continue;
                }
                if part != "src" {
                    let from = self.repo.join(&below);
                    let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
                    update_bytes(&self.home.join(&below), &bytes)?;
                }
                kept.insert(below);
            }
        }
        for part in PARTS.iter().filter(|part| self.home.join(part).is_dir()) {
            for file in files(&self.home.join(part))? {
                let below = Path::new(part).join(file);
                if !kept.contains(&below) {
                    fs::remove_file(self.home.join(&below))?;
                }
            }
        }
        let mut manifest: toml::Table = read(&self.repo.join("Cargo.toml"))?.parse()?;
        let workspace = manifest.get_mut("workspace").and_then(toml::Value::as_table_mut);
        let workspace = workspace.context("the root manifest has a workspace")?;
        workspace.insert("members".to_owned(), MEMBERS.map(String::from).to_vec().into());
        let packages = manifest.get_mut("profile").and_then(|profile| profile.get_mut("dev"));
        let packages = packages.and_then(|dev| dev.get_mut("package")).and_then(toml::Value::as_table_mut);
        if let Some(packages) = packages {
            packages.retain(|name, _| !ELSEWHERE.contains(&name));
            for name in SMALL {
                let little = toml::Table::from_iter([("opt-level".to_owned(), 1.into())]);
                packages.insert(name.to_owned(), little.into());
            }
        }
        update(&self.home.join("Cargo.toml"), &toml::to_string(&manifest)?)
    }
}

/// The crate root with the module that knows which mutant is active.
fn with_runtime(text: &str) -> Result<String> {
    let tree = syn::parse_file(text)?;
    let first = tree.items.first().context("the crate root has items")?;
    let mut text = text.to_owned();
    text.insert_str(scope::bytes(first).start, ALLOWED);
    Ok(text + "\n#[doc(hidden)]\npub mod mutation;\n")
}

/// loom's `Word`, whose operations take the ordering that has been armed. Not its hint, which is a model's
/// choice and no operation.
fn with_orderings(text: &str) -> Result<String> {
    const STRONG: &str = "Ordering::AcqRel";
    let tree = syn::parse_file(text)?;
    let mut text = text.to_owned();
    let mut replaced = 0;
    for (name, span) in scope::functions(&tree).into_iter().rev() {
        let operation = super::operator::ATOMIC.iter().any(|operation| name == format!("Word::{operation}"));
        if operation {
            let changed = text[span.clone()].replace(STRONG, "crate::mutation::ordering()");
            replaced += usize::from(changed != text[span.clone()]);
            text.replace_range(span, &changed);
        }
    }
    let expected = super::operator::ATOMIC.len();
    ensure!(replaced == expected, "{DOOR}: {replaced} operations of Word with {STRONG}, not {expected}");
    Ok(text)
}

/// The files below `root`, with forward slashes, in order. If it is a file, the empty path; if there is
/// nothing, nothing. Build products are none.
pub(super) fn files(root: &Path) -> Result<Vec<String>> {
    if root.is_file() {
        return Ok(vec![String::new()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.extend((!path.ends_with("target")).then_some(path));
            } else {
                let below = path.strip_prefix(root).expect("it is below").to_str();
                let below = below.ok_or_else(|| anyhow!("not UTF-8: {}", path.display()))?;
                found.push(below.replace('\\', "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes `text` to `path`, unless it is there.
fn update(path: &Path, text: &str) -> Result<()> {
    update_bytes(path, text.as_bytes())
}

fn update_bytes(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("keylane-xtask-{name}-{}", std::process::id()))
    }

    /// Small enough to be written in no time, and with all that the copy needs.
    fn workspace(home: &Path) {
        let door =
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../src/sync/loom/mod.rs")).unwrap();
        for (file, text) in [
            ("Cargo.toml", "[workspace]\nmembers = ['.', 'else']\n[package]\nname = 'keylane'\n"),
            ("src/lib.rs", "//! Docs.\n#![forbid(unsafe_code)]\n\nmod lane;\n"),
            ("src/lane/mod.rs", "fn f() { g(); }\n"),
            ("src/sync/loom/mod.rs", &door),
            ("tests/tidy.rs", ""),
            ("tests/other.rs", "// kept"),
        ] {
            update(&home.join(file), text).unwrap();
        }
    }

    #[test]
    fn a_copy_has_all_mutants_and_only_what_judges_them() {
        let (repo, home) = (scratch("repo"), scratch("copy"));
        workspace(&repo);
        update(&home.join("tests/stale.rs"), "").unwrap();
        let mutants = super::super::find(&repo.join("src")).unwrap();
        assert_eq!(mutants.len(), 1);
        let copy = Copy::write(&repo, &home, mutants).unwrap();
        assert_eq!(copy.mutants().map(|(number, _)| number).collect::<Vec<_>>(), [1]);
        let of = |file: &str| fs::read_to_string(home.join(file)).unwrap();
        assert!(of("src/lane/mod.rs").contains("if crate::mutation::is(1)"));
        assert!(of("src/lib.rs").starts_with("//! Docs.\n#![forbid(unsafe_code)]\n\n#![allow("));
        assert!(of("src/lib.rs").contains("pub mod mutation;"));
        syn::parse_file(&of("src/lib.rs")).unwrap();
        assert!(of("src/mutation.rs").contains("const COUNT: usize = 1;"));
        syn::parse_file(&of("src/mutation.rs")).unwrap();
        assert!(!of("Cargo.toml").contains("else"));
        let tests = files(&home.join("tests")).unwrap();
        assert_eq!(tests, ["other.rs"]);

        let written = |file: &str| fs::metadata(home.join(file)).unwrap().modified().unwrap();
        let before = ["src/lane/mod.rs", "src/lib.rs", "Cargo.toml", "tests/other.rs"].map(written);
        update(&repo.join("tests/other.rs"), "// changed").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        let mutants = super::super::find(&repo.join("src")).unwrap();
        Copy::write(&repo, &home, mutants).unwrap();
        let after = ["src/lane/mod.rs", "src/lib.rs", "Cargo.toml", "tests/other.rs"].map(written);
        assert_eq!(before[..3], after[..3]);
        assert_ne!(before[3], after[3]);
        fs::remove_dir_all(&repo).unwrap();
        fs::remove_dir_all(&home).unwrap();
    }

    #[test]
    fn the_door_takes_orders_but_for_its_hint() {
        let door = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../src/sync/loom/mod.rs"))).unwrap();
        let changed = with_orderings(&door).unwrap();
        assert_eq!(changed.matches("crate::mutation::ordering()").count(), 3);
        assert!(changed.contains("self.value.fetch_add(0, Ordering::AcqRel)"));
        assert!(
            with_orderings(&door.replace("fetch_add(amount, Ordering::AcqRel)", "fetch_add(amount, STRONG)"))
                .is_err()
        );
    }
}
