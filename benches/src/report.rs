//! The findings as one HTML page that needs nothing else: no network, no script, no second file.

mod chart;

use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::findings::{Answer, Beside, Findings};
use crate::tables;
use crate::verdict::Verdict;

/// The only style there is: part of the page, so that a copy of the file is a copy of the report.
const STYLE: &str = include_str!("report/page.css");

/// The page that tells `findings`.
pub fn html(findings: &Findings) -> Result<String> {
    let answers = findings.answers.iter().map(answer).collect::<Result<Vec<_>>>()?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "keylane: bench" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(findings))
                main {
                    (contents(&findings.answers))
                    @for answer in &answers { (answer) }
                    @for table in &findings.beside { (beside(table)) }
                    (how(findings))
                }
                footer { p { "Made by " code { "cargo xtask bench --report FILE" } "." } }
            }
        }
    };
    Ok(page.into_string())
}

fn head(findings: &Findings) -> Markup {
    let (reached, all) = findings.reached();
    html! {
        header {
            p.name { b { "keylane" } " beside its peers" }
            h1 { (reached) " of " (all) " targets reached" }
            @for reservation in findings.reservations() { p.callout { (reservation) } }
            dl.facts {
                @for (name, fact) in findings.machine.facts() { div { dt { (name) } dd { (fact) } } }
                div { dt { "Rounds" } dd { (findings.rounds) } }
            }
        }
    }
}

/// One line for each question, its verdicts as signs.
fn contents(answers: &[Answer]) -> Markup {
    html! {
        @if !answers.is_empty() {
            nav { ul.contents {
                @for answer in answers {
                    li {
                        a href={ "#" (anchor(&answer.name)) } { (answer.name) }
                        @for verdict in &answer.verdicts { " " (sign(verdict)) }
                    }
                }
            } }
        }
    }
}

fn answer(answer: &Answer) -> Result<Markup> {
    let chart = chart::svg(answer)?;
    Ok(html! {
        section id=(anchor(&answer.name)) {
            h2 { (answer.name) }
            p.quiet {
                (tables::asked(answer))
                ". Bars are medians, lines reach from the lowest to the highest round."
            }
            figure.chart { (PreEscaped(chart)) }
            (table(tables::columns(answer)))
            @for (name, lacks) in tables::lacks(answer) { p.quiet { b { (name) } " lacks " (lacks) } }
            @if !answer.verdicts.is_empty() {
                ul.verdicts {
                    @for verdict in &answer.verdicts { li { (sign(verdict)) " " (verdict) } }
                }
            }
        }
    })
}

fn beside(beside: &Beside) -> Markup {
    html! {
        section id=(anchor(&beside.title)) {
            h2 { (beside.title) }
            (table(tables::columns_beside(beside)))
        }
    }
}

/// The first column names the row; all but it and words are figures.
fn table((heads, rows): (Vec<String>, Vec<Vec<String>>)) -> Markup {
    let class = |text: &str| (!text.starts_with(char::is_alphabetic)).then_some("figure");
    html! {
        div.wide { table {
            thead { tr {
                @for (at, head) in heads.iter().enumerate() {
                    th scope="col" class=[rows.first().and_then(|row| class(&row[at]))] { (head) }
                }
            } }
            tbody { @for row in &rows {
                tr { @for (at, cell) in row.iter().enumerate() {
                    @if at == 0 { th scope="row" { (cell) } } @else { td class=[class(cell)] { (cell) } }
                } }
            } }
        } }
    }
}

/// The sign says it, the colour repeats it.
fn sign(verdict: &Verdict) -> Markup {
    html! {
        @if verdict.reached {
            span.good title="reached" { "✓" }
        } @else {
            span.bad title="missed" { "✗" }
        }
    }
}

fn how(findings: &Findings) -> Markup {
    html! {
           section {
               h2 { "How to read it" }
               p {
                   "All contenders of a question do the same work in the same run, each in turn, " (findings.rounds)
                   " times, and each is first as often as the others. Verdicts are by medians; beside them are the ratios "
                   "of single rounds, from which the machine's drift is gone. Processor time is of all threads together, in "
    "seconds for a million operations; switches (voluntary ones) and allocations are for each operation. Allocations are counted in a run of its own, and without what is built once."
               }
           }
       }
}

/// An id of characters that need no escape in a link.
fn anchor(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::html;
    use crate::allocations::Allocated;
    use crate::demonstration::numbers;
    use crate::findings::{Answer, Beside, Findings, Row};
    use crate::machine::Machine;
    use crate::rounds::{Spread, ask};
    use crate::workloads::Size;

    fn findings() -> Findings {
        let question = numbers(Size::Quick);
        let counted = Allocated {
            question: question.name.clone(),
            contender: "keylane".to_owned(),
            per_operation: 0.125,
        };
        let samples = ask(&question, 3);
        Findings {
            machine: Machine::here(),
            quick: true,
            rounds: 3,
            answers: vec![Answer::new(&question, samples, &[counted]).unwrap()],
            beside: vec![Beside {
                title: "Limits".to_owned(),
                rows: vec![
                    Row::of_rounds("an exchange", Spread::of(vec![4.25, 4.5, 5.5]), "ns"),
                    Row::once("an idle pool", "keylane", 0.0, "CPU s/s"),
                ],
            }],
        }
    }

    #[test]
    fn the_page_has_all_of_it_and_nothing_foreign() {
        let findings = findings();
        let page = html(&findings).unwrap();
        for answer in &findings.answers {
            assert!(page.contains(&format!("<h2>{}</h2>", answer.name)), "{page}");
            answer.contenders.iter().for_each(|one| assert!(page.matches(one.name).count() >= 3, "{page}"));
            answer.verdicts.iter().for_each(|one| assert!(page.contains(&one.to_string()), "{page}"));
        }
        for part in [
            "<svg",
            "an exchange",
            "an idle pool",
            "4.25..5.50",
            "0.125",
            "&lt;room&gt;",
            "of 2 targets reached",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        for foreign in ["<room>", "<script", "src=", "@import", "href=\"http"] {
            assert!(!page.contains(foreign), "{foreign} is in {page}");
        }
    }

    #[test]
    fn who_has_no_rival_has_a_chart_too() {
        let mut question = numbers(Size::Quick);
        question.contenders.truncate(1);
        question.targets.clear();
        let mut findings = findings();
        findings.answers = vec![Answer::new(&question, ask(&question, 1), &[]).unwrap()];
        let page = html(&findings).unwrap();
        assert!(page.contains("</svg>") && page.contains("0 of 0 targets"), "{page}");
    }

    #[test]
    fn programs_have_every_sample() {
        let findings = serde_json::to_value(findings()).unwrap();
        let contenders = findings["answers"][0]["contenders"].as_array().unwrap();
        assert_eq!(contenders.len(), 2);
        contenders.iter().for_each(|one| assert_eq!(one["samples"].as_array().unwrap().len(), 3));
        assert_eq!(findings["answers"][0]["verdicts"].as_array().unwrap().len(), 2);
    }
}
