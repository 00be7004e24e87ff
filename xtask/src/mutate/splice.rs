//! Puts many edits of one file into it at once, each behind a question that is asked when it runs.
//!
//! Edits that replace the same bytes become branches of one `if`; those inside stay in its last branch, which
//! is the original. Of two that overlap partly (statements swapped with the one before, and with the one
//! behind), both are first extended to the bytes that they cover together.

use std::ops::Range;

use anyhow::{Result, bail};

use super::shape::{Shape, Shapes};
use super::{Put, Weaker};

/// An edit with the number by which it is chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    pub number: usize,
    pub span: Range<usize>,
    pub put: Put,
}

/// A file with choices in it.
#[derive(Debug)]
pub struct Spliced {
    pub text: String,
    pub places: Vec<Place>,
}

/// Where a choice has ended up, in lines counted from 1. No other choice is on any of them.
#[derive(Clone, Debug)]
pub struct Place {
    pub number: usize,
    /// The lines of the question and of what was put.
    pub alternative: Range<usize>,
    /// The lines that also have the original.
    pub whole: Range<usize>,
}

/// All the choices of one span.
struct Node {
    span: Range<usize>,
    shape: Shape,
    texts: Vec<(usize, String)>,
    weaker: Vec<(usize, Weaker)>,
}

/// Splices `choices` into `text`.
pub fn splice(text: &str, mut choices: Vec<Choice>) -> Result<Spliced> {
    let shapes = Shapes::of(&syn::parse_file(text)?);
    extend(text, &mut choices)?;
    choices.sort_by_key(|choice| (choice.span.start, usize::MAX - choice.span.end, choice.number));
    let mut nodes: Vec<Node> = Vec::new();
    for Choice { number, span, put } in choices {
        let Some(shape) = shapes.at(&span) else {
            bail!("not a whole expression or whole statements: {:?}", &text[span]);
        };
        if nodes.last().is_none_or(|node| node.span != span) {
            nodes.push(Node { span, shape, texts: Vec::new(), weaker: Vec::new() });
        }
        let node = nodes.last_mut().expect("pushed above if there was none");
        match put {
            Put::Text(text) => node.texts.push((number, text)),
            Put::Weaken(weaker) => node.weaker.push((number, weaker)),
        }
    }
    let mut writer = Writer { text, out: String::new(), lines: 1, places: Vec::new() };
    writer.fill(0..text.len(), &nodes);
    Ok(Spliced { text: writer.out, places: writer.places })
}

/// Makes any two spans equal, nested or disjoint.
fn extend(text: &str, choices: &mut [Choice]) -> Result<()> {
    loop {
        let overlap = choices.iter().enumerate().find_map(|(index, one)| {
            let crosses = |other: &&Choice| {
                one.span.start < other.span.start
                    && other.span.start < one.span.end
                    && one.span.end < other.span.end
            };
            choices.iter().find(crosses).map(|other| (index, one.span.clone(), other.span.clone()))
        });
        let Some((_, first, second)) = overlap else {
            return Ok(());
        };
        let hull = first.start..second.end;
        for choice in choices.iter_mut().filter(|choice| choice.span == first || choice.span == second) {
            let Put::Text(put) = &choice.put else {
                bail!("an atomic operation that is only partly replaced: {:?}", &text[choice.span.clone()]);
            };
            let (before, after) = (&text[hull.start..choice.span.start], &text[choice.span.end..hull.end]);
            choice.put = Put::Text(format!("{before}{put}{after}"));
            choice.span = hull.clone();
        }
    }
}

struct Writer<'t> {
    text: &'t str,
    out: String,
    /// The line that is being written.
    lines: usize,
    places: Vec<Place>,
}

impl Writer<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.lines += text.matches('\n').count();
    }

    /// Writes the bytes of `span`, with `nodes` (in order, outer before inner) in their places.
    fn fill(&mut self, span: Range<usize>, nodes: &[Node]) {
        let mut at = span.start;
        let mut rest = nodes;
        while let Some((node, behind)) = rest.split_first() {
            let inside = behind.iter().take_while(|other| other.span.start < node.span.end).count();
            let (inside, behind) = behind.split_at(inside);
            self.put(&self.text[at..node.span.start]);
            self.choose(node, inside);
            at = node.span.end;
            rest = behind;
        }
        self.put(&self.text[at..span.end]);
    }

    fn choose(&mut self, node: &Node, inside: &[Node]) {
        let (open, close) = match node.shape {
            Shape::Expression => ("(\n", "\n)"),
            Shape::Statements => ("\n", "\n"),
            Shape::Block => ("{\n", "\n}"),
        };
        self.put(open);
        let first = self.places.len();
        let start = self.lines;
        for (number, put) in &node.texts {
            let begin = self.lines;
            self.put(&format!("if crate::mutation::is({number}) {{\n{put}\n}}\n"));
            self.places.push(Place { number: *number, alternative: begin..self.lines, whole: 0..0 });
            self.put("else ");
        }
        self.put("{\n");
        if !node.weaker.is_empty() {
            let number = |wanted: Weaker| node.weaker.iter().find(|(_, weaker)| *weaker == wanted);
            let numbers = [Weaker::Relaxed, Weaker::Acquire, Weaker::Release]
                .map(|weaker| number(weaker).map_or(0, |(number, _)| *number));
            let begin = self.lines;
            self.put(&format!("crate::mutation::arm({numbers:?});\n"));
            let alternative = begin..self.lines;
            let places = node.weaker.iter().map(|(number, _)| Place {
                number: *number,
                alternative: alternative.clone(),
                whole: 0..0,
            });
            self.places.extend(places);
        }
        let own = self.places.len();
        self.fill(node.span.clone(), inside);
        self.put("\n}");
        for place in &mut self.places[first..own] {
            place.whole = start..self.lines + 1;
        }
        self.put(close);
    }
}
