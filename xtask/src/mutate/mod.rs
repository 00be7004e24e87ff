//! Mutants of keylane's sources: found in the syntax tree or written by hand, and all of them built at once.
//!
//! [`find()`] lists what can be broken automatically, [`table::read`] what somebody thought of. A [`struct@Copy`] is the
//! workspace with every mutant in it, chosen when it runs (`KEYLANE_MUTANT=7`): one build serves them all.
//!
//! ```text
//!   src/ ──find──▶ mutants ─┐
//!   *.toml ──table::read──▶ ┴─▶ Copy::write ──▶ Copy::settle (drops what does not build) ──▶ cargo test
//! ```

mod copy;
pub mod diff;
mod find;
mod operator;
mod scope;
mod settle;
mod shape;
mod splice;
pub mod table;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use copy::Copy;
pub use diff::diff;
pub use find::find;
pub use operator::Operator;
pub use table::Entry;

/// One way in which the sources could be wrong.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Its name: the same as long as the function keeps the text that is changed. A hand-written one is called
    /// what its table calls it.
    pub id: String,
    /// Where it (or its first edit) is, below `src/`.
    pub file: String,
    /// The line there, counting from 1.
    pub line: usize,
    /// The function that is changed, like `Inbox::push`.
    pub function: String,
    /// What kind of change it is.
    pub operator: Operator,
    /// What stands there, on one line.
    pub original: String,
    /// What is put in its place, on one line.
    pub replacement: String,
    /// The change itself. Automatic mutants have one.
    pub edits: Vec<Edit>,
    /// What its table says of it, if it is hand-written.
    pub entry: Option<Entry>,
}

/// One change to one place of a file.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Below `src/`.
    pub file: String,
    /// The bytes that are replaced: whole expressions or whole statements.
    pub span: Range<usize>,
    /// What they must be, else the source has changed since the mutant was found.
    pub find: String,
    /// What replaces them.
    pub put: Put,
}

/// What replaces a piece of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// Other source.
    Text(String),
    /// The same, but its atomic operation is weaker than AcqRel. Only loom's `Word` obeys.
    Weaken(Weaker),
}

/// The orderings weaker than AcqRel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weaker {
    /// Orders nothing.
    Relaxed,
    /// No longer releases.
    Acquire,
    /// No longer acquires.
    Release,
}

/// Source on one line and without its comments, for names and reports.
fn normalised(source: &str) -> String {
    let code = source.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// The line of byte `at`, counting from 1.
fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
