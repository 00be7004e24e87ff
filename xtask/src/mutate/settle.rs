//! Drops the mutants that do not build.
//!
//! One that fails to type-check would take all others with it. The compiler says where: each alternative is on
//! lines of its own. Where its finger points elsewhere (at the later use of what a mutant no longer
//! initialises), the mutants of that function are tried one by one.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::splice::Place;
use super::{Copy, line_of, scope};

/// Name resolution, types, borrows: each stage shows its errors only when the one before has none. Settled in
/// fewer rounds than this, or never.
const ROUNDS: usize = 20;

/// Where the outcome is kept, so that it need not be found out again.
const VERDICTS: &str = "settled.json";

#[derive(Deserialize, Serialize)]
struct Verdicts {
    /// Of the sources with all mutants in them.
    fingerprint: u64,
    left_out: BTreeSet<usize>,
}

#[derive(Deserialize)]
struct Line {
    message: Option<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    level: String,
    rendered: Option<String>,
    spans: Vec<Span>,
}

#[derive(Debug, Deserialize)]
struct Span {
    file_name: String,
    line_start: usize,
    line_end: usize,
    is_primary: bool,
}

impl Span {
    /// The file, below `src/`: the two packages that build it call it by different names.
    fn file(&self) -> &str {
        self.file_name.rsplit_once("src/").map_or("", |(_, file)| file)
    }

    fn is_within(&self, lines: &Range<usize>) -> bool {
        lines.contains(&self.line_start) && lines.contains(&self.line_end)
    }
}

impl Copy {
    /// Leaves out mutants until both keylane and keylane-loom build. Returns how many it left out.
    pub fn settle(&mut self) -> Result<usize> {
        let before = self.left_out.len();
        for _ in 0..ROUNDS {
            let errors = self.check()?;
            if errors.is_empty() {
                self.remember()?;
                return Ok(self.left_out.len() - before);
            }
            let places = |file: &str| self.places.get(file).map_or(&[][..], Vec::as_slice);
            let mut culprits: BTreeSet<usize> =
                errors.iter().flat_map(|error| culprits(error, places)).collect();
            culprits.retain(|number| !self.left_out.contains(number));
            if culprits.is_empty() {
                let suspects: BTreeSet<usize> =
                    errors.iter().flat_map(|error| self.suspects(error)).collect();
                self.try_each(suspects)?;
            } else {
                self.left_out.extend(culprits);
                self.write_sources()?;
            }
        }
        bail!("the copy still does not build after {ROUNDS} rounds");
    }

    /// Leaves out what was found not to build when the copy was last settled, if it had these very mutants.
    pub(super) fn recall(&mut self) {
        self.fingerprint = self.hash();
        let known = fs::read_to_string(self.home().join(VERDICTS)).ok();
        let known = known.and_then(|known| serde_json::from_str::<Verdicts>(&known).ok());
        if let Some(known) = known.filter(|known| known.fingerprint == self.fingerprint) {
            self.left_out = known.left_out;
        }
    }

    fn remember(&self) -> Result<()> {
        let verdicts = Verdicts { fingerprint: self.fingerprint, left_out: self.left_out.clone() };
        fs::write(self.home().join(VERDICTS), serde_json::to_string(&verdicts)?)
            .context("cannot write to the copy")
    }

    /// Tells one rendering of the sources from another.
    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.texts.hash(&mut hasher);
        hasher.finish()
    }

    /// The compiler's errors. A feature's sources are looked at where the feature is on: in keylane's own tests it is, in
    /// keylane-loom it is not.
    fn check(&self) -> Result<Vec<Message>> {
        let mut errors = self.check_package(&["--package=keylane", "--all-features"])?;
        errors.extend(self.check_package(&["--package=keylane-loom"])?);
        Ok(errors)
    }

    fn check_package(&self, package: &[&str]) -> Result<Vec<Message>> {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["check", "--quiet", "--lib", "--message-format=json"])
            .args(package)
            .current_dir(self.home())
            .output()
            .context("cannot run cargo check")?;
        let mut errors = Vec::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let line: Line = serde_json::from_str(line).context("cargo says what it says in JSON")?;
            // The last error only counts the others.
            let error = |message: &Message| message.level.starts_with("error") && !message.spans.is_empty();
            errors.extend(line.message.filter(error));
        }
        let explained = output.status.success() || !errors.is_empty();
        ensure!(explained, "cargo check failed:\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(errors)
    }

    /// All mutants of the function in which the error is.
    fn suspects(&self, error: &Message) -> Vec<usize> {
        let Some(span) = error.spans.iter().find(|span| span.is_primary) else { return Vec::new() };
        let Some(text) = self.texts.get(span.file()) else { return Vec::new() };
        let Ok(tree) = syn::parse_file(text) else { return Vec::new() };
        let lines = scope::functions(&tree)
            .into_iter()
            .map(|(_, bytes)| line_of(text, bytes.start)..line_of(text, bytes.end) + 1);
        let Some(lines) = lines.rev().find(|lines| span.is_within(lines)) else { return Vec::new() };
        let places = self.places.get(span.file()).into_iter().flatten();
        places.filter(|place| lines.contains(&place.whole.start)).map(|place| place.number).collect()
    }

    /// Leaves all of `suspects` out, and takes back in each that builds.
    fn try_each(&mut self, mut suspects: BTreeSet<usize>) -> Result<()> {
        suspects.retain(|number| !self.left_out.contains(number));
        let errors = self.try_without(&suspects)?;
        if suspects.is_empty() || !errors.is_empty() {
            let said: Vec<String> = errors.into_iter().filter_map(|error| error.rendered).collect();
            bail!("the copy does not build, and no mutant explains it:\n{}", said.join("\n"));
        }
        for suspect in suspects {
            self.left_out.remove(&suspect);
            self.write_sources()?;
            if !self.check()?.is_empty() {
                self.left_out.insert(suspect);
            }
        }
        self.write_sources()
    }

    fn try_without(&mut self, suspects: &BTreeSet<usize>) -> Result<Vec<Message>> {
        self.left_out.extend(suspects);
        self.write_sources()?;
        self.check()
    }
}

/// The mutants whose alternatives the error points at: first of all where it happened, else what led to it.
fn culprits<'p>(error: &Message, places: impl Fn(&str) -> &'p [Place]) -> BTreeSet<usize> {
    let pointed_at = |primary: bool| -> BTreeSet<usize> {
        let spans = error.spans.iter().filter(|span| span.is_primary == primary);
        let inside = spans
            .flat_map(|span| places(span.file()).iter().filter(|place| span.is_within(&place.alternative)));
        inside.map(|place| place.number).collect()
    };
    let first = pointed_at(true);
    if first.is_empty() { pointed_at(false) } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_blamed_on_the_alternative_it_points_at() {
        let place = |number, alternative| Place { number, alternative, whole: 1..20 };
        let places = vec![place(1, 3..6), place(2, 6..9)];
        let span = |lines: (usize, usize), is_primary| Span {
            file_name: "loom-tests/../src/lane/lane.rs".to_owned(),
            line_start: lines.0,
            line_end: lines.1,
            is_primary,
        };
        let blamed = |spans: Vec<Span>| {
            let message = Message { level: "error".to_owned(), rendered: None, spans };
            culprits(&message, |file| if file == "lane/lane.rs" { &places } else { &[] })
        };
        assert_eq!(blamed(vec![span((4, 5), true)]), [1].into());
        assert_eq!(blamed(vec![span((12, 12), true), span((6, 6), false)]), [2].into());
        assert_eq!(blamed(vec![span((4, 4), true), span((6, 6), false)]), [1].into());
        assert_eq!(blamed(vec![span((2, 9), true)]), [].into());
    }
}
