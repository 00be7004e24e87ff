//! A failing interleaving, told so that it can be followed: who did what, where, in which order.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::sync::model::{Position, Step};

/// Says which interleaving of `model` failed and how to see it; or its steps, if it has been replayed.
pub(super) fn tell(model: &str, position: Position, steps: Option<Vec<Step>>) {
    let Position { interleaving, plan } = position;
    let mut number = interleaving.to_string();
    if plan > 0 {
        let _ = write!(number, ".{plan}");
    }
    match steps {
        Some(steps) => eprintln!("model {model}, interleaving {number}:\n{}", Table::of(&steps)),
        None => eprintln!(
            "model {model} fails in interleaving {number}. KEYLANE_REPLAY={number} replays it, and prints its steps."
        ),
    }
}

/// The steps as lines: number, thread, function, what, place.
struct Table {
    names: BTreeMap<usize, String>,
    lines: Vec<[String; 4]>,
}

impl Table {
    fn of(steps: &[Step]) -> Self {
        let mut sources = Sources::default();
        let mut names = BTreeMap::from([(0, "main".to_owned())]);
        let mut lines = Vec::new();
        for step in steps {
            let name = names.entry(step.thread).or_insert_with(|| format!("thread {}", step.thread)).clone();
            let (file, line) = (step.place.file(), step.place.line());
            let function = sources.function(Path::new(file), line);
            let short = file.rsplit("/src/").next().unwrap_or(file).trim_start_matches("src/");
            lines.push([name, function, step.what.clone(), format!("{short}:{line}")]);
        }
        Self { names, lines }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |column: usize| self.lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        for (number, [name, function, what, place]) in self.lines.iter().enumerate() {
            writeln!(
                f,
                "  {:>4}  {name:<a$}  {function:<b$}  {what:<c$}  {place}",
                number + 1,
                a = widths[0],
                b = widths[1],
                c = widths[2]
            )?;
        }
        for name in self.names.values() {
            if let Some([_, function, what, _]) = self.lines.iter().rev().find(|line| line[0] == *name) {
                writeln!(f, "  {name} was last seen in {function}: {what}")?;
            }
        }
        Ok(())
    }
}

/// Finds the function around a line, by looking at the text: good enough to read by.
#[derive(Default)]
struct Sources(BTreeMap<PathBuf, Vec<String>>);

impl Sources {
    fn function(&mut self, file: &Path, line: u32) -> String {
        let lines = self.0.entry(file.to_owned()).or_insert_with(|| read(file));
        let above = &lines[..lines.len().min(line as usize)];
        let head = above.iter().rev().find_map(|text| Some((text, code(text).split("fn ").nth(1)?)));
        let Some((line, function)) = head.map(|(line, after)| (line, identifier(after))) else {
            return "?".to_owned();
        };
        let is_method = line.starts_with(' ');
        match above.iter().rev().find(|text| text.starts_with("impl")).filter(|_| is_method) {
            Some(block) => format!("{}::{function}", receiver(block)),
            None => function,
        }
    }
}

fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect()
}

/// `Hold` of `impl<C: Charge> Drop for Hold<'_, C> {`.
fn receiver(line: &str) -> String {
    let line = line.rsplit(" for ").next().unwrap_or(line);
    let line = line.strip_prefix("impl").unwrap_or(line);
    let mut depth = 0;
    let start = line
        .char_indices()
        .find(|&(_, c)| {
            match c {
                '<' => depth += 1,
                '>' => depth -= 1,
                _ => {}
            }
            depth == 0 && c.is_alphabetic()
        })
        .map_or(0, |(at, _)| at);
    identifier(&line[start..])
}

/// The compiler names files as seen from the workspace; a test may run elsewhere in it.
fn read(file: &Path) -> Vec<String> {
    let up = ["", "..", "../.."];
    let text = up.iter().find_map(|up| std::fs::read_to_string(Path::new(up).join(file)).ok());
    text.unwrap_or_default().lines().map(str::to_owned).collect()
}
