//! The top of the page: the verdict, what was run, and the totals.

use std::time::SystemTime;

use maud::{Markup, html};

use super::{evidence, failures, words};
use crate::verify::findings::{Explored, Findings, Mutants, Piece, Suite, Verdict};

/// Verdict and figures.
pub fn head(findings: &Findings, made: SystemTime) -> Markup {
    let Findings { tier, partition, seconds, passed, models, suites, mutants, museum, .. } = findings;
    let failed = failures::count(findings);
    html! {
        header class=(words::outcome(*passed)) {
            p.name { b { "keylane" } " verification report" }
            h1 {
                span.sign aria-hidden="true" { @if *passed { "✓" } @else { "✗" } }
                " " (if *passed { "Passed" } else { "Failed" })
            }
            p.lead {
                @if failed > 0 {
                    a href="#failures" { (words::counted(failed, "thing")) " did not do as they should" }
                    ", and come first."
                } @else if *passed {
                    "Everything that ran did as it should."
                } @else {
                    "The run as a whole failed, though no single thing that is shown here did."
                }
            }
            dl.facts {
                div { dt { "Tier" } dd { (tier) } }
                div { dt { "Part" } dd { @match partition {
                    Some(part) => { strong.warn { (part) } " of the work; the rest ran elsewhere" },
                    None => "all of it",
                } } }
                div { dt { "Date" } dd { (words::date(made)) } }
                div { dt { "Wall time" } dd { (words::duration(*seconds)) } }
            }
            dl.figures {
                (figures_of_models(models))
                (figure_of_suites(suites))
                (figure_of_mutants(mutants.as_ref()))
                (figure_of_museum(museum.as_deref()))
            }
        }
    }
}

/// One figure, its name above it and what it leaves out below.
fn figure(name: &str, value: &str, well: bool, beside: &Markup) -> Markup {
    html! {
        div.worse[!well] {
            dt { (name) }
            dd.value { (value) }
            dd.beside { (beside) }
        }
    }
}

fn figures_of_models(models: &[Explored]) -> Markup {
    if models.is_empty() {
        return figure("Models", "–", true, &html! { "not run" });
    }
    let passed = models.iter().filter(|model| model.result == Verdict::Pass).count();
    let bounded = models.iter().filter(|model| model.bound.is_some()).count();
    let exhaustive = models.len() - bounded;
    // Rounded down: 100% is said only of all.
    let tenths = exhaustive * 1000 / models.len();
    let share = if bounded == 0 { "100%".to_owned() } else { format!("{}.{}%", tenths / 10, tenths % 10) };
    html! {
        (figure("Models", &words::number(models.len()), passed == models.len(), &html! {
            @if passed == models.len() { "all pass" } @else { (models.len() - passed) " do not pass" }
        }))
        (figure("Exhaustive", &share, true, &html! {
            @if bounded == 0 { "none has a bound" } @else { a href="#bounded" { (bounded) " bounded" } }
        }))
        (figure("Interleavings", &words::number(evidence::interleavings(models)), true, &html! { "explored" }))
    }
}

fn figure_of_suites(suites: &[Suite]) -> Markup {
    let passed = suites.iter().filter(|suite| suite.result == Verdict::Pass).count();
    let beside = match suites.len() {
        0 => html! { "not run" },
        all if all == passed => html! { "all pass" },
        all => html! { (all - passed) " do not pass" },
    };
    let value = if suites.is_empty() { "–".to_owned() } else { words::number(suites.len()) };
    figure("Suites", &value, passed == suites.len(), &beside)
}

fn figure_of_mutants(mutants: Option<&Mutants>) -> Markup {
    let Some(mutants) = mutants else { return figure("Mutants killed", "–", true, &html! { "not run" }) };
    let Mutants { total, run, killed, killed_by_pin_only, explained, survivors, falsely_explained, .. } =
        mutants;
    let beside = html! {
        "of " (words::number(*run)) " run, " (words::number(*total)) " in all; "
        (killed_by_pin_only) " by a pin only, " (explained) " explained, "
        @if survivors.is_empty() { "none survive" } @else { strong.bad { (survivors.len()) " survive" } }
    };
    let well = survivors.is_empty() && falsely_explained.is_empty();
    figure("Mutants killed", &words::number(*killed), well, &beside)
}

fn figure_of_museum(museum: Option<&[Piece]>) -> Markup {
    let Some(pieces) = museum else { return figure("Museum found", "–", true, &html! { "not run" }) };
    let found = pieces.iter().filter(|piece| piece.result == Verdict::Pass).count();
    let beside = html! { "of " (words::counted(pieces.len(), "piece")) };
    figure("Museum found", &words::number(found), found == pieces.len(), &beside)
}
