//! What did not do as it should, before anything else.

use maud::{Markup, html};

use super::{mutants, words};
use crate::verify::findings::{Explored, Failure, Findings, Piece, Suite, Verdict};

fn models(findings: &Findings) -> impl Iterator<Item = &Explored> {
    findings.models.iter().filter(|model| model.result != Verdict::Pass)
}

fn suites(findings: &Findings) -> impl Iterator<Item = &Suite> {
    findings.suites.iter().filter(|suite| suite.result != Verdict::Pass)
}

fn pieces(findings: &Findings) -> impl Iterator<Item = &Piece> {
    findings.museum.iter().flatten().filter(|piece| piece.result != Verdict::Pass)
}

/// How many things there are to be told.
pub fn count(findings: &Findings) -> usize {
    let mutants = findings.mutants.as_ref();
    models(findings).count()
        + suites(findings).count()
        + pieces(findings).count()
        + mutants.map_or(0, |mutants| mutants.survivors.len() + mutants.falsely_explained.len())
}

/// All of them, or nothing.
pub fn failures(findings: &Findings) -> Markup {
    if count(findings) == 0 {
        return html! {};
    }
    html! {
        section #failures {
            h2 { "What failed" }
            @for failed in models(findings) { (model(failed)) }
            @for failed in suites(findings) { (suite(failed)) }
            @for missed in pieces(findings) { (piece(missed)) }
            @if let Some(mutants) = &findings.mutants {
                (mutants::unnoticed(mutants))
            }
        }
    }
}

fn model(model: &Explored) -> Markup {
    html! {
        article.failure id=(words::anchor("failed", &model.name)) {
            h3 { (words::verdict(model.result)) " model " code { (model.name) } }
            p.quiet {
                @if !model.guarantees.is_empty() { (model.guarantees.join(" ")) " · " }
                (words::counted(model.threads, "thread")) " · " (words::bound(model.bound)) " · "
                (words::duration(model.seconds))
            }
            @if let Some(failure) = &model.failure { (interleaving(failure)) }
        }
    }
}

/// What was said, how it came to it, and how to see it again.
fn interleaving(failure: &Failure) -> Markup {
    let Failure { output, steps, replay } = failure;
    html! {
        @if let Some(said) = said(output) { p.said { (said) } }
        @if let Some(steps) = steps {
            h4 { "The interleaving that failed" }
            pre.steps { "\n" (steps) }
        }
        @if let Some(replay) = replay {
            h4 { "To replay just this one" }
            pre.command { "\n" (replay) }
        }
        @if !output.is_empty() {
            // Without steps there is nothing better to read.
            details open[steps.is_none()] {
                summary { "All that it printed" }
                pre { "\n" (output) }
            }
        }
    }
}

/// The words of the first panic.
fn said(output: &str) -> Option<&str> {
    let mut lines = output.lines().skip_while(|line| !line.contains("panicked at"));
    lines.nth(1).map(str::trim).filter(|line| !line.is_empty())
}

fn suite(suite: &Suite) -> Markup {
    html! {
        article.failure id=(words::anchor("failed", &suite.name)) {
            h3 { (words::verdict(suite.result)) " suite " (suite.name) }
            p.quiet { (suite.kind) " · " (suite.guarantees.join(" ")) " · " (words::duration(suite.seconds)) }
            @if let Some(failure) = &suite.failure { pre { "\n" (failure) } }
        }
    }
}

fn piece(piece: &Piece) -> Markup {
    html! {
        article.failure {
            h3 {
                strong.bad { "NOT FOUND" } " museum piece "
                a href={ "#" (words::anchor("piece", &piece.id)) } { (piece.id) }
            }
            p.quiet { "by " code { (piece.model) } " · " (words::duration(piece.seconds)) }
            @if let Some(failure) = &piece.failure { pre { "\n" (failure) } }
        }
    }
}
