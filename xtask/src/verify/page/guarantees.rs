//! What is promised, and for each promise what ran.

use maud::{Markup, html};
use serde_json::Value;

use super::evidence::{Evidence, Standing, interleavings};
use super::pairs::{self, Pair};
use super::words;
use crate::verify::findings::{Explored, Findings, Guarantee, Suite, Verdict};

/// The models whose search stopped at a bound: they say less than the others, so it is said before the others speak.
pub fn bounded(findings: &Findings) -> Markup {
    let models: Vec<&Explored> = findings.models.iter().filter(|model| model.bound.is_some()).collect();
    if models.is_empty() {
        return html! {};
    }
    html! {
        section.callout #bounded {
            h2 { (words::counted(models.len(), "bounded model")) }
            p {
                "Explored only up to so many preemptions in an execution, as the number says. Of interleavings with "
                "more, these models say nothing. All others have no bound."
            }
            (table(&models, &[]))
        }
    }
}

/// Each guarantee with its evidence, folded unless it failed. What is bounded has been told above, and has its colour.
pub fn guarantees(findings: &Findings) -> Markup {
    let all: Vec<(&Guarantee, Evidence<'_>)> = findings
        .guarantees
        .iter()
        .map(|guarantee| (guarantee, Evidence::of(findings, |names| names.contains(&guarantee.name))))
        .collect();
    html! {
        section #guarantees {
            h2 { "Guarantees" }
            nav.chips aria-label="Guarantees" {
                @for (guarantee, evidence) in &all {
                    @let (sign, means) = evidence.standing().sign();
                    a class=(evidence.standing().class()) href={ "#" (guarantee.name) } title=(means) {
                        (guarantee.name) " " span aria-hidden="true" { (sign) }
                    }
                }
            }
            @for (guarantee, evidence) in &all { (one(guarantee, evidence)) }
        }
    }
}

fn one(guarantee: &Guarantee, evidence: &Evidence<'_>) -> Markup {
    let standing = evidence.standing();
    let (sign, means) = standing.sign();
    html! {
        details.guarantee id=(guarantee.name) open[standing == Standing::Failed] {
            summary {
                span.id.(standing.class()) title=(means) {
                    (guarantee.name) " " span aria-hidden="true" { (sign) }
                }
                span.promise { (words::inline(&guarantee.text)) }
                span.extent { (extent(evidence)) }
            }
            (shown(evidence))
        }
    }
}

/// How much evidence there is, for those who do not unfold it.
fn extent(evidence: &Evidence<'_>) -> Markup {
    let (models, suites) = (evidence.explored().count(), evidence.suites.len());
    html! {
        @match (models, suites) {
            (0, 0) => "nothing of it ran",
            (0, _) => { "no models · " (words::counted(suites, "suite")) },
            _ => {
                (words::counted(models, "model")) " · " (words::number(interleavings(evidence.explored())))
                " interleavings"
                @if suites > 0 { " · " (words::counted(suites, "suite")) }
            }
        }
    }
}

/// What ran without being about any guarantee of the README: it must not be lost for that.
pub fn beside(findings: &Findings) -> Markup {
    let evidence = Evidence::of(findings, |names| {
        !findings.guarantees.iter().any(|guarantee| names.contains(&guarantee.name))
    });
    if evidence.standing() == Standing::Silent {
        return html! {};
    }
    html! {
        section #beside {
            h2 { "Beside the guarantees" }
            p {
                "What checks the checks: the reference models, the checkers for users' tests, the laws of the "
                "sources."
            }
            (shown(&evidence))
        }
    }
}

fn shown(evidence: &Evidence<'_>) -> Markup {
    let pairs: Vec<_> = evidence.pairs.iter().map(|(object, models)| (*object, models.as_slice())).collect();
    html! {
        @if !evidence.models.is_empty() || !pairs.is_empty() { (table(&evidence.models, &pairs)) }
        @if !evidence.suites.is_empty() {
            ul.suites { @for one in &evidence.suites { (suite(one)) } }
        }
    }
}

/// One row for each model, and one for all pairs of an object.
fn table(models: &[&Explored], pairs: &[(&str, &[&Explored])]) -> Markup {
    html! {
        table.models {
            thead { tr {
                th scope="col" { "model" }
                th.figure scope="col" { "threads" }
                th scope="col" { "bound" }
                th.figure scope="col" { "spurious wakes" }
                th.figure scope="col" { "interleavings" }
                th.figure scope="col" { "time" }
                th scope="col" { "verdict" }
            } }
            tbody {
                @for model in models { (row(model)) }
                @for (object, models) in pairs { (pairs_row(object, models)) }
            }
        }
    }
}

fn row(model: &Explored) -> Markup {
    let failed = model.result != Verdict::Pass;
    html! {
        tr.failed[failed].bounded[model.bound.is_some()] {
            th scope="row" {
                // A pair is in this table only for its bound: its place is the matrix.
                @if let (false, Some(pair)) = (failed, Pair::of(&model.name)) {
                    a href={ "#" (pairs::anchor(pair.object)) } { code { (model.name) } }
                } @else {
                    code { (model.name) }
                }
            }
            td.figure data-unit="threads" { (model.threads) }
            td { (words::bound(model.bound)) }
            td.figure.none[model.spurious_wakes == 0] data-unit="spurious wakes" {
                @if model.spurious_wakes > 0 { (model.spurious_wakes) } @else { "–" }
            }
            td.figure data-unit="interleavings" {
                @match model.iterations { Some(count) => (words::number(count)), None => "–" }
            }
            td.figure { (words::duration(model.seconds)) }
            td {
                @if failed {
                    a href={ "#" (words::anchor("failed", &model.name)) } { (words::verdict(model.result)) }
                } @else {
                    (words::verdict(model.result))
                }
            }
        }
    }
}

/// Hundreds of small models as one row; the matrix has the others' figures.
fn pairs_row(object: &str, models: &[&Explored]) -> Markup {
    let all = || models.iter().copied();
    let failed = all().filter(|model| model.result != Verdict::Pass).count();
    let bounded = all().filter(|model| model.bound.is_some()).count();
    let threads = (all().map(|model| model.threads).min(), all().map(|model| model.threads).max());
    let wakes = all().map(|model| model.spurious_wakes).max().unwrap_or_default();
    html! {
        tr.failed[failed > 0].bounded[bounded > 0] {
            th scope="row" {
                a href={ "#" (pairs::anchor(object)) } {
                    (words::counted(models.len(), "pair")) " of operations: " code { (object) }
                }
            }
            td.figure data-unit="threads" {
                @if let (Some(least), Some(most)) = threads { (least) @if most > least { "–" (most) } }
            }
            td { @if bounded == 0 { (words::bound(None)) } @else { strong.warn { (bounded) " bounded" } } }
            td.figure.none[wakes == 0] data-unit="spurious wakes" {
                @if wakes > 0 { "≤ " (wakes) } @else { "–" }
            }
            td.figure data-unit="interleavings" { (words::number(interleavings(all()))) }
            td.figure { (words::duration(all().map(|model| model.seconds).sum())) }
            td {
                @if failed > 0 { strong.bad { (failed) " FAIL" } } @else { (words::verdict(Verdict::Pass)) }
            }
        }
    }
}

/// More reports than this are folded.
const FEW: usize = 3;

fn suite(suite: &Suite) -> Markup {
    let failed = suite.result != Verdict::Pass;
    let reports = html! {
        @for one in &suite.reports { (report(one, suite)) }
    };
    html! {
        li.failed[failed] {
            p {
                span.kind { (suite.kind) } " " b { (suite.name) }
                span.quiet { " · " (words::duration(suite.seconds)) " · " }
                @if failed {
                    a href={ "#" (words::anchor("failed", &suite.name)) } { (words::verdict(suite.result)) }
                } @else {
                    (words::verdict(suite.result))
                }
            }
            @if suite.reports.len() > FEW {
                details { summary { (words::counted(suite.reports.len(), "report")) } (reports) }
            } @else {
                (reports)
            }
        }
    }
}

/// A suite's own words: any JSON, of which only what the row says already is left out.
fn report(report: &Value, suite: &Suite) -> Markup {
    let Value::Object(fields) = report else { return html! { p.report { (plain(report)) } } };
    let said = |key: &str, value: &Value| match key {
        "kind" => value.as_str() == Some(suite.kind),
        "guarantees" => value.as_array().is_some_and(|names| {
            names.iter().filter_map(Value::as_str).eq(suite.guarantees.iter().map(String::as_str))
        }),
        _ => false,
    };
    html! {
        dl.report {
            @for (key, value) in fields.iter().filter(|(key, value)| !said(key, value)) {
                div { dt { (key) } dd { (plain(value)) } }
            }
        }
    }
}

/// Numbers stay as they are: some are seeds, to be copied.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        _ => value.to_string(),
    }
}
