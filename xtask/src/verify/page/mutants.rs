//! The mutants: figures for each operator, then each mutant, folded by file.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::words;
use crate::verify::findings::{Fate, Findings, Mutant, Mutants};

/// What became of some mutants. The order is that of the columns.
#[derive(Clone, Copy, Default)]
struct Tally {
    outcome: usize,
    pin: usize,
    explained: usize,
    survived: usize,
    not_run: usize,
}

impl Tally {
    fn of<'a>(mutants: impl IntoIterator<Item = &'a Mutant>) -> Self {
        let mut tally = Self::default();
        for mutant in mutants {
            *match mutant.fate {
                Fate::Killed if mutant.symptom == Some("pin") => &mut tally.pin,
                Fate::Killed => &mut tally.outcome,
                Fate::Explained => &mut tally.explained,
                Fate::Survived => &mut tally.survived,
                Fate::NotRun => &mut tally.not_run,
            } += 1;
        }
        tally
    }

    fn parts(self) -> [(&'static str, usize); 5] {
        [
            ("killed", self.outcome),
            ("pin", self.pin),
            ("explained", self.explained),
            ("survived", self.survived),
            ("not-run", self.not_run),
        ]
    }

    /// The shares as lengths. Only repeats the figures beside it.
    fn bar(self) -> Markup {
        html! {
            span.bar aria-hidden="true" {
                @for (class, count) in self.parts().into_iter().filter(|(_, count)| *count > 0) {
                    span class=(class) style={ "flex-grow:" (count) } {}
                }
            }
        }
    }
}

/// Somebody must look at this one: it survived, or its explanation is wrong.
fn troubles(mutant: &Mutant) -> bool {
    mutant.fate == Fate::Survived || (mutant.fate == Fate::Killed && mutant.explanation.is_some())
}

/// All of them.
pub fn mutants(findings: &Findings) -> Markup {
    html! {
        section #mutants {
            h2 { "Mutants" }
            @match &findings.mutants {
                None => p.quiet { "Not run: they mean nothing while something else fails or is left out." },
                Some(mutants) => {
                    p {
                        "The sources with one change each, and whether anything noticed. A " em { "pin" } " is a "
                        "count of interleavings, or a branch that must be reached: it says that something is "
                        "different, an outcome says that it is wrong."
                    }
                    (by_operator(mutants))
                    (by_file(mutants))
                }
            }
        }
    }
}

fn by_operator(mutants: &Mutants) -> Markup {
    let mut operators = BTreeMap::<&str, Vec<&Mutant>>::new();
    for mutant in &mutants.mutants {
        operators.entry(&mutant.operator).or_default().push(mutant);
    }
    html! {
        div.wide { table.operators {
            thead { tr {
                th scope="col" { "operator" }
                th.figure scope="col" { "mutants" }
                th.figure scope="col" { "killed by outcome" }
                th.figure scope="col" { "by pin only" }
                th.figure scope="col" { "explained" }
                th.figure scope="col" { "survived" }
                th.figure scope="col" { "not run" }
                th scope="col" { span.unseen { "shares" } }
            } }
            tbody { @for (operator, mutants) in &operators {
                (operator_row(&html! { code { (operator) } }, Tally::of(mutants.iter().copied())))
            } }
            tfoot { (operator_row(&html! { "all" }, Tally::of(&mutants.mutants))) }
        } }
    }
}

fn operator_row(name: &Markup, tally: Tally) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td.figure { (words::number(tally.parts().iter().map(|(_, count)| count).sum::<usize>())) }
            @for (class, count) in tally.parts() {
                td.figure.none[count == 0] {
                    @if class == "survived" && count > 0 { strong.bad { (count) } } @else { (words::number(count)) }
                }
            }
            td { (tally.bar()) }
        }
    }
}

/// A mutant and its place in the findings, which makes its id on the page: its name is a line of code.
type Placed<'a> = (usize, &'a Mutant);

fn by_file(mutants: &Mutants) -> Markup {
    let mut files = BTreeMap::<&str, Vec<Placed<'_>>>::new();
    for (at, mutant) in mutants.mutants.iter().enumerate() {
        files.entry(&mutant.file).or_default().push((at, mutant));
    }
    for mutants in files.values_mut() {
        mutants.sort_by_key(|(_, mutant)| (!troubles(mutant), mutant.line));
    }
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by_key(|(_, mutants)| !troubled(mutants));
    html! {
        @for (file, mutants) in &files {
            @let tally = Tally::of(mutants.iter().map(|(_, mutant)| *mutant));
            details.file open[troubled(mutants)] {
                summary {
                    code { "src/" (file) }
                    span.extent {
                        (words::counted(mutants.len(), "mutant"))
                        @if tally.survived > 0 { " · " strong.bad { (tally.survived) " survived" } }
                    }
                    (tally.bar())
                }
                @for (at, mutant) in mutants { (one(*at, mutant)) }
            }
        }
    }
}

/// Those of a file were sorted: what needs somebody is in front.
fn troubled(mutants: &[Placed<'_>]) -> bool {
    mutants.first().is_some_and(|(_, mutant)| troubles(mutant))
}

fn one(at: usize, mutant: &Mutant) -> Markup {
    let Mutant {
        id, file, line, function, operator, story, diff, killer, symptom, seconds, explanation, ..
    } = mutant;
    html! {
        details.mutant.failure[troubles(mutant)] open[troubles(mutant)] {
            summary {
                (fate(mutant))
                code { (id) }
                span.extent { "line " (line) }
            }
            div id={ "mutant-" (at) } {
                @if let Some(story) = story { p { (words::inline(story)) } }
                (words::diff(diff))
                dl {
                    div { dt { "place" } dd { code { "src/" (file) ":" (line) " " (function) } } }
                    div { dt { "operator" } dd { (operator) } }
                    @if let Some(killer) = killer { div { dt { "killer" } dd { code { (killer) } } } }
                    @if let Some(symptom) = symptom { div { dt { "symptom" } dd { (symptom) } } }
                    @if mutant.fate != Fate::NotRun { div { dt { "after" } dd { (words::duration(*seconds)) } } }
                }
                @if let Some(explanation) = explanation {
                    p.explanation { b { "Why it may survive: " } (words::inline(explanation)) }
                }
            }
        }
    }
}

fn fate(mutant: &Mutant) -> Markup {
    let (class, word) = match mutant.fate {
        Fate::Survived => ("survived", "SURVIVED"),
        Fate::Killed if mutant.explanation.is_some() => ("survived", "KILLED, THOUGH EXPLAINED"),
        Fate::Killed if mutant.symptom == Some("pin") => ("pin", "killed by a pin"),
        Fate::Killed => ("killed", "killed"),
        Fate::Explained => ("explained", "explained"),
        Fate::NotRun => ("not-run", "not run"),
    };
    html! { span.fate.(class) { (word) } }
}

/// Those of which the verdict complains, named where all failures are.
pub fn unnoticed(mutants: &Mutants) -> Markup {
    let link = |id: &String| {
        let known = mutants.mutants.iter().enumerate().find(|(_, mutant)| mutant.id == *id);
        html! { @match known {
            Some((at, mutant)) => {
                a href={ "#mutant-" (at) } { code { (id) } }
                span.quiet { " src/" (mutant.file) ":" (mutant.line) }
            },
            None => code { (id) },
        } }
    };
    let list = |word: &str, what: &str, ids: &[String]| {
        html! {
            @if !ids.is_empty() {
                article.failure {
                    h3 { strong.bad { (word) } " " (words::counted(ids.len(), "mutant")) (what) }
                    ul { @for id in ids { li { (link(id)) } } }
                }
            }
        }
    };
    html! {
        (list("SURVIVED", ": nothing noticed, and nobody says why", &mutants.survivors))
        (list("KILLED", ", though explained as survivors: the explanation is wrong", &mutants.falsely_explained))
    }
}
