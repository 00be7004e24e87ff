//! The bug museum: a card for each piece.

use maud::{Markup, html};

use super::words;
use crate::verify::findings::{Findings, Piece, Verdict};

/// All cards; what was not found comes first.
pub fn museum(findings: &Findings) -> Markup {
    html! {
        section #museum {
            h2 { "The bug museum" }
            @match &findings.museum {
                None => p.quiet { "Not run: it means nothing while something else fails or is left out." },
                Some(pieces) => {
                    p {
                        "Real races of the message path of a Ceph OSD (and two from elsewhere), each put back into "
                        "the sources, and the model that must find it."
                    }
                    div.cards {
                        @for found in [Verdict::Fail, Verdict::DidNotEnd, Verdict::Pass] {
                            @for piece in pieces.iter().filter(|piece| piece.result == found) { (card(piece)) }
                        }
                    }
                }
            }
        }
    }
}

fn card(piece: &Piece) -> Markup {
    let Piece { id, name, story, page, model, interleaving, seconds, result, diff, .. } = piece;
    html! {
        article.card.failure[*result != Verdict::Pass] id=(words::anchor("piece", id)) {
            h3 { span.id { (id) } " " (name.replace('_', " ")) }
            p { (words::inline(story)) }
            dl {
                div { dt { "found by" } dd { @match result {
                    Verdict::Pass => { code { (model) } },
                    Verdict::Fail => { strong.bad { "NOT FOUND" } " by " code { (model) } },
                    Verdict::DidNotEnd => { code { (model) } " " strong.bad { "DID NOT END" } },
                    Verdict::NotRun => { code { (model) } " " strong.warn { "not run" } },
                } } }
                div { dt { "interleaving" } dd { @match interleaving {
                    Some(number) => (words::number(number)),
                    None => "–",
                } } }
                div { dt { "after" } dd { (words::duration(*seconds)) } }
                @if let Some(page) = page {
                    div { dt { "told in" } dd { a href={ "docs/museum/" (page) } { "docs/museum/" (page) } } }
                }
            }
            details {
                summary { "What was put back" }
                (words::diff(diff))
            }
        }
    }
}
