//! Mutants written by hand: tables of named edits.
//!
//! ```toml
//! [[mutant]]
//! name = "push_wakes_nobody"
//! story = "A producer that finds the consumer asleep does not say so."
//! file = "lane/inbox.rs"
//! edits = [{ find = 'Ok(state.wake())', put = 'Ok(Pushed::Quietly)' }]
//! ```
//!
//! What an edit replaces must be in its file exactly once, and be a whole expression or whole statements: a
//! table that no longer fits the sources is an error, because it would prove nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::shape::{Shape, Shapes};
use super::{Edit, Mutant, Operator, Put, line_of, normalised, scope};

/// One entry of a table. Those of known bugs say more about them than those of made-up ones.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Its name, unique in its table: the mutant's id.
    pub name: String,
    /// What is wrong, for the reader.
    pub story: String,
    /// The file that the edits change, below `src/`, unless they name their own.
    pub file: Option<String>,
    /// What is changed. All edits are in force, or none.
    pub edits: Vec<Replacement>,
    /// The model that must fail.
    pub model: Option<String>,
    /// What the failure must say.
    pub symptom: Option<String>,
    /// Under which number the bug is known.
    pub id: Option<String>,
    /// What it is called there.
    pub title: Option<String>,
    /// Where one can read about it.
    pub page: Option<String>,
}

/// One edit of an entry.
#[derive(Clone, Debug, Deserialize)]
pub struct Replacement {
    /// Its own file, if it is not the entry's.
    pub file: Option<String>,
    /// What stands there. Blanks around it do not count.
    pub find: String,
    /// What is put in its place.
    pub put: String,
}

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    mutant: Vec<Entry>,
}

/// The mutants of the table at `path`, for the sources below `src`.
pub fn read(path: &Path, src: &Path) -> Result<Vec<Mutant>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let entries = parse(&text).with_context(|| format!("in {}", path.display()))?;
    let source =
        |file: &str| fs::read_to_string(src.join(file)).with_context(|| format!("cannot read {file}"));
    let resolve = |entry: Entry| resolve(entry, &source).with_context(|| format!("in {}", path.display()));
    entries.into_iter().map(resolve).collect()
}

pub(super) fn parse(text: &str) -> Result<Vec<Entry>> {
    let entries = toml::from_str::<Table>(text)?.mutant;
    let mut names = BTreeSet::new();
    for entry in &entries {
        ensure!(names.insert(&entry.name), "{}: there are two of that name", entry.name);
        ensure!(!entry.edits.is_empty(), "{}: no edits", entry.name);
    }
    Ok(entries)
}

/// The mutant that `entry` describes. Fails if it does not fit the sources.
pub(super) fn resolve(entry: Entry, source: &dyn Fn(&str) -> Result<String>) -> Result<Mutant> {
    let mut edits = Vec::new();
    let mut places = Vec::new();
    for replacement in &entry.edits {
        let Some(file) = replacement.file.as_ref().or(entry.file.as_ref()) else {
            bail!("{}: no file", entry.name);
        };
        let text = source(file)?;
        let find = replacement.find.trim();
        let times = text.matches(find).count();
        ensure!(times == 1, "{}: found {times} times in {file}, not once: {find}", entry.name);
        let start = text.find(find).expect("it has just been counted");
        let span = start..start + find.len();
        let tree = syn::parse_file(&text).with_context(|| format!("cannot parse {file}"))?;
        let Some(shape) = Shapes::of(&tree).at(&span) else {
            bail!("{}: neither a whole expression nor whole statements of {file}: {find}", entry.name);
        };
        let put = replacement.put.trim();
        let block = format!("{{ {put}\n }}");
        let fits =
            syn::parse_str::<syn::Block>(&block).is_ok() && (shape == Shape::Statements || !put.is_empty());
        ensure!(fits, "{}: cannot stand in the place of {find}: {put}", entry.name);
        // Several statements where one expression was.
        let whole = shape == Shape::Statements || syn::parse_str::<syn::Expr>(put).is_ok();
        let put = if whole { put.to_owned() } else { format!("{{ {put} }}") };
        places.push((line_of(&text, start), scope::function_at(&tree, start)));
        edits.push(Edit { file: file.clone(), span, find: find.to_owned(), put: Put::Text(put) });
    }
    let (line, function) = places.swap_remove(0);
    let joined = |text: &dyn Fn(&Edit) -> &str| {
        edits.iter().map(|edit| normalised(text(edit))).collect::<Vec<_>>().join("; ")
    };
    Ok(Mutant {
        id: entry.name.clone(),
        file: edits[0].file.clone(),
        line,
        function,
        operator: Operator::ByHand,
        original: joined(&|edit| &edit.find),
        replacement: joined(&|edit| match &edit.put {
            Put::Text(text) => text,
            Put::Weaken(_) => "",
        }),
        edits,
        entry: Some(entry),
    })
}
