//! The findings as one HTML page that needs nothing else: no network, no script, no second file.

mod evidence;
mod failures;
mod guarantees;
mod head;
mod museum;
mod mutants;
mod pairs;
#[cfg(test)]
mod tests;
mod words;

use std::time::SystemTime;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::findings::Findings;

/// The only style there is: part of the page, so that a copy of the file is a copy of the report.
const STYLE: &str = include_str!("page/page.css");

/// The page that tells `findings`, with the time at which it is made.
pub fn html(findings: &Findings) -> String {
    page(findings, SystemTime::now()).into_string()
}

/// What went wrong comes first, then what the reader should know of what went right, and last what is not shown.
fn page(findings: &Findings, made: SystemTime) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "keylane: verify " (findings.tier) " " (words::outcome(findings.passed)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head::head(findings, made))
                main {
                    (failures::failures(findings))
                    (guarantees::bounded(findings))
                    (guarantees::guarantees(findings))
                    (pairs::pairs(findings))
                    (guarantees::beside(findings))
                    (mutants::mutants(findings))
                    (museum::museum(findings))
                    (not_shown())
                }
                footer {
                    p {
                        "Made by " code { "cargo xtask verify --report FILE" } ". Links to pages of the repository "
                        "work where the file lies at its root."
                    }
                }
            }
        }
    }
}

/// Kept short: the page that is named says it in full.
fn not_shown() -> Markup {
    html! {
        section #not-shown {
            h2 { "What is not shown" }
            p {
                em { "Exhaustive" } " is said of each model: of its threads, its operations, its messages. More "
                "threads than a model has, executions that the checker does not explore, and how long anything takes "
                "are not in these figures, and a mutant that is killed says that something looks, not that it sees "
                "everything. The limits are told in " a href="docs/limits.md" { "docs/limits.md" } "."
            }
        }
    }
}
