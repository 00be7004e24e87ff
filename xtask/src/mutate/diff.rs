//! A mutant by itself: the sources with that one change, and how they differ.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use similar::TextDiff;

use super::{Edit, Mutant, Put};

/// The files that `mutant` changes, and their text with the change in it.
pub fn apply(mutant: &Mutant, src: &Path) -> Result<BTreeMap<String, String>> {
    let mut by_file: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    for edit in &mutant.edits {
        by_file.entry(&edit.file).or_default().push(edit);
    }
    let mut changed = BTreeMap::new();
    for (file, mut edits) in by_file {
        let mut text = fs::read_to_string(src.join(file)).with_context(|| format!("cannot read {file}"))?;
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
        for edit in edits {
            let fits = text.get(edit.span.clone()) == Some(&*edit.find);
            ensure!(fits, "{}: {file} has changed since the mutant was found", mutant.id);
            let put = match &edit.put {
                Put::Text(text) => text.clone(),
                Put::Weaken(weaker) => format!("{} /* {weaker:?} for AcqRel */", edit.find),
            };
            let gone = if put.is_empty() { line_around(&text, &edit.span) } else { edit.span.clone() };
            text.replace_range(gone, &put);
        }
        changed.insert(file.to_owned(), text);
    }
    Ok(changed)
}

/// The span, or the whole lines it is on if there is nothing else on them.
fn line_around(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |length| span.end + length + 1);
    let alone = text[start..span.start].trim().is_empty() && text[span.end..end].trim().is_empty();
    if alone { start..end } else { span.clone() }
}

/// What `mutant` changes, as a unified diff of the original sources.
pub fn diff(mutant: &Mutant, src: &Path) -> Result<String> {
    let mut out = String::new();
    for (file, changed) in apply(mutant, src)? {
        let original = fs::read_to_string(src.join(&file)).with_context(|| format!("cannot read {file}"))?;
        let diff = TextDiff::from_lines(&original, &changed);
        let names = (format!("a/src/{file}"), format!("b/src/{file}"));
        out += &diff.unified_diff().context_radius(3).header(&names.0, &names.1).to_string();
    }
    Ok(out)
}
