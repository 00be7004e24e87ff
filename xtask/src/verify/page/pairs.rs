//! The pair matrix: every two operations of an object, against each other, from every state.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::evidence::interleavings;
use super::words;
use crate::verify::findings::{Explored, Findings, Verdict};

const OBJECTS: [&str; 3] = ["inbox", "queue", "pool"];

/// What the name of a pair's model says: `OBJECT.OPERATION.OPERATION.STATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    pub object: &'a str,
    pub operations: [&'a str; 2],
    pub state: &'a str,
}

impl<'a> Pair<'a> {
    /// The pair that a model is about. Triples and everything else are about none.
    pub fn of(name: &'a str) -> Option<Self> {
        let mut parts = name.split('.');
        let (object, one, other, state) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (OBJECTS.contains(&object) && parts.next().is_none()).then_some(())?;
        Some(Self { object, operations: [one, other], state })
    }
}

/// Where an object's matrix is. On the table and not on what folds it, so that a link unfolds it.
pub fn anchor(object: &str) -> String {
    words::anchor("pairs", object)
}

/// One object's pairs.
struct Matrix<'a> {
    operations: Vec<&'a str>,
    cells: BTreeMap<[&'a str; 2], Vec<(&'a str, &'a Explored)>>,
}

impl<'a> Matrix<'a> {
    fn of(findings: &'a Findings, object: &str) -> Self {
        let pairs = || {
            let models = findings.models.iter();
            models
                .filter_map(|model| Some((Pair::of(&model.name)?, model)))
                .filter(|(pair, _)| pair.object == object)
        };
        // A pair is named once. What is named first more often has the earlier row: so all is one triangle.
        let mut first = BTreeMap::<&str, i64>::new();
        for (pair, _) in pairs() {
            let [one, other] = pair.operations;
            *first.entry(one).or_default() += 1;
            *first.entry(other).or_default() -= 1;
        }
        let mut operations: Vec<&str> = first.keys().copied().collect();
        operations.sort_by_key(|operation| -first[operation]);
        let at = |operation| operations.iter().position(|one| *one == operation);
        let mut cells = BTreeMap::<_, Vec<_>>::new();
        for (Pair { operations: [one, other], state, .. }, model) in pairs() {
            let key = if at(one) <= at(other) { [one, other] } else { [other, one] };
            cells.entry(key).or_default().push((state, model));
        }
        cells.values_mut().for_each(|models| models.sort_by_key(|(state, _)| *state));
        Self { operations, cells }
    }

    /// The operations that have a cell in their row (0) or in their column (1).
    fn along(&self, side: usize) -> impl Iterator<Item = &'a str> {
        let used = move |operation: &&str| self.cells.keys().any(|cell| cell[side] == *operation);
        self.operations.iter().copied().filter(used)
    }

    fn models(&self) -> impl Iterator<Item = &'a Explored> {
        self.cells.values().flatten().map(|(_, model)| *model)
    }
}

/// The matrix of each object, folded unless something in it failed.
pub fn pairs(findings: &Findings) -> Markup {
    let matrices: Vec<_> = OBJECTS
        .iter()
        .map(|object| (*object, Matrix::of(findings, object)))
        .filter(|(_, matrix)| !matrix.cells.is_empty())
        .collect();
    if matrices.is_empty() {
        return html! {};
    }
    html! {
        section #pairs {
            h2 { "Pairs of operations" }
            p {
                "Every two operations that two threads can do at once, from every state of the object, each history "
                "explained by a sequential reference model. A cell has the interleavings from each state, darker "
                "where there are more; an empty one is a pair that its mirror image has, or that cannot be at once."
            }
            @for (object, matrix) in &matrices { (shown(object, matrix)) }
        }
    }
}

fn shown(object: &str, matrix: &Matrix<'_>) -> Markup {
    let failed = matrix.models().filter(|model| model.result != Verdict::Pass).count();
    let bounded = matrix.models().filter(|model| model.bound.is_some()).count();
    html! {
        details.matrix open[failed > 0] {
            summary {
                code { (object) }
                span.extent {
                    (words::counted(matrix.models().count(), "model")) " · "
                    (words::number(interleavings(matrix.models()))) " interleavings · "
                    @if bounded > 0 { strong.warn { (bounded) " bounded" } " · " }
                    @if failed > 0 { strong.bad { (failed) " FAIL" } } @else { (words::verdict(Verdict::Pass)) }
                }
            }
            div.wide {
                table id=(anchor(object)) {
                    thead { tr {
                        td {}
                        @for operation in matrix.along(1) { th scope="col" { code { (operation) } } }
                    } }
                    tbody { @for row in matrix.along(0) {
                        tr {
                            th scope="row" { code { (row) } }
                            @for column in matrix.along(1) { (cell(matrix.cells.get(&[row, column]))) }
                        }
                    } }
                }
            }
        }
    }
}

fn cell(models: Option<&Vec<(&str, &Explored)>>) -> Markup {
    let Some(models) = models else { return html! { td.none {} } };
    html! {
        td { @for (state, model) in models {
            div class=(shade(model.iterations.unwrap_or_default())) title=(model.name) {
                (state) " "
                @match (model.result, model.iterations) {
                    (Verdict::Pass, Some(count)) => b { (words::number(count)) },
                    _ => a href={ "#" (words::anchor("failed", &model.name)) } { (words::verdict(model.result)) },
                }
                @if model.bound.is_some() { " " (words::bound(model.bound)) }
            }
        } }
    }
}

/// By powers of ten, for the style.
fn shade(interleavings: u64) -> &'static str {
    match interleavings {
        0..100 => "h0",
        100..1_000 => "h1",
        1_000..10_000 => "h2",
        10_000..100_000 => "h3",
        _ => "h4",
    }
}

#[cfg(test)]
mod tests {
    use super::Pair;

    #[test]
    fn a_pair_has_four_parts() {
        let pair = Pair::of("pool.drain.step.loaded").expect("it is one");
        assert_eq!((pair.object, pair.operations, pair.state), ("pool", ["drain", "step"], "loaded"));
        assert!(Pair::of("pool.drain_submit_submit").is_none(), "a triple");
        assert!(Pair::of("bell.ring.wait.empty").is_none(), "no object with a matrix");
        assert!(Pair::of("pool.a.b.c.d").is_none());
    }
}
