//! The guarantees as the README states them: one place for their words.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::findings::Guarantee;

/// The rows of the README's table, in its order.
pub fn guarantees(root: &Path) -> Result<Vec<Guarantee>> {
    let text = std::fs::read_to_string(root.join("README.md")).context("the README")?;
    let found: Vec<Guarantee> = text.lines().filter_map(row).collect();
    ensure!(!found.is_empty(), "the README has no table of guarantees");
    Ok(found)
}

/// `| D1 | Each accepted message ... | models | also |`
fn row(line: &str) -> Option<Guarantee> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let name = cells.next()?;
    let number = name.strip_prefix(['D', 'P', 'E'])?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(())?;
    Some(Guarantee { name: name.to_owned(), text: cells.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::row;

    #[test]
    fn a_row_is_a_guarantee_if_its_name_is_one() {
        let found = row("| D11 | A queued message never waits. | `inbox` | |").expect("it is one");
        assert_eq!((found.name.as_str(), found.text.as_str()), ("D11", "A queued message never waits."));
        assert!(row("| | guarantee | models |").is_none());
        assert!(row("|---|---|---|").is_none());
        assert!(row("| Dispatch | ... |").is_none());
    }
}
