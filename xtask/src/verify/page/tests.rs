use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::{html, page};
use crate::verify::findings::{
    Explored, Failure, Fate, Findings, Guarantee, Mutant, Mutants, Piece, Suite, Verdict,
};

const NASTY: &str = "<script>alert('&')</script>";

fn model(name: &str, guarantees: &[&str], bound: Option<usize>) -> Explored {
    Explored {
        name: name.to_owned(),
        guarantees: guarantees.iter().map(|&name| name.to_owned()).collect(),
        threads: 2,
        bound,
        spurious_wakes: 0,
        iterations: Some(1234),
        seconds: 0.5,
        result: Verdict::Pass,
        failure: None,
    }
}

fn mutant(id: &str, fate: Fate) -> Mutant {
    Mutant {
        id: id.to_owned(),
        file: "lane/inbox.rs".to_owned(),
        line: 7,
        function: "Inbox::push".to_owned(),
        operator: "weaken".to_owned(),
        story: None,
        diff: "--- a/src/lane/inbox.rs\n+++ b/src/lane/inbox.rs\n@@ -1 +1 @@\n-Vec<u8>\n+Vec<u16>\n"
            .to_owned(),
        fate,
        killer: (fate == Fate::Killed).then(|| "model enqueue_against_sleep".to_owned()),
        symptom: (fate == Fate::Killed).then_some("pin"),
        seconds: 1.0,
        explanation: (fate == Fate::Explained).then(|| "nobody can tell".to_owned()),
    }
}

/// One of everything that can go well.
fn well() -> Findings {
    Findings {
        tier: "quick",
        partition: None,
        seconds: 75.0,
        passed: true,
        guarantees: ["D1", "D2", "D3"]
            .map(|name| Guarantee { name: name.to_owned(), text: format!("What `{name}` says.") })
            .into(),
        models: vec![
            model("deliver_against_close", &["D1"], None),
            model("pool.drain.step.fresh", &["D1"], None),
            model("pool.drain.step.loaded", &["D1"], None),
            model("pool.drain_step_step", &["D1"], None),
            model("of_no_guarantee", &[], None),
        ],
        suites: vec![Suite {
            name: "queue programs".to_owned(),
            kind: "property",
            guarantees: vec!["D2".to_owned()],
            seconds: 2.0,
            result: Verdict::Pass,
            reports: vec![json!({ "kind": "property", "cases": 256, "seed": 123_456_789 }), json!("words")],
            failure: None,
        }],
        mutants: Some(Mutants {
            total: 3,
            run: 2,
            killed: 1,
            killed_by_pin_only: 1,
            explained: 1,
            survivors: Vec::new(),
            falsely_explained: Vec::new(),
            mutants: vec![
                mutant("the killed", Fate::Killed),
                mutant("the explained", Fate::Explained),
                mutant("the other", Fate::NotRun),
            ],
        }),
        museum: Some(vec![Piece {
            id: "B2".to_owned(),
            name: "lost_wakeup".to_owned(),
            story: "It sleeps.".to_owned(),
            page: Some("b02-lost-wakeup.md".to_owned()),
            model: "enqueue_against_sleep".to_owned(),
            interleaving: Some(5),
            seconds: 0.1,
            result: Verdict::Pass,
            failure: None,
            diff: "-a\n+b\n".to_owned(),
        }]),
    }
}

/// One of everything that can go wrong, and in each text something that must not become markup.
fn badly() -> Findings {
    let mut findings = well();
    findings.passed = false;
    findings.partition = Some(NASTY.to_owned());
    findings.guarantees[0].text = NASTY.to_owned();
    let mut failed = model("local_against_stop", &["D1"], Some(5));
    failed.result = Verdict::Fail;
    failed.iterations = None;
    failed.failure = Some(Failure {
        output: format!("thread 'main' panicked at src/x.rs:1:\n{NASTY} is lost\n"),
        steps: Some(format!("     1  main  Lane::enter  {NASTY}\n     2  thread 1  Bell::wait  (slept)\n")),
        replay: Some("KEYLANE_REPLAY=8 cargo test -- --exact local_against_stop".to_owned()),
    });
    findings.models.push(failed);
    let pair = &mut findings.models[1];
    (pair.result, pair.iterations) = (Verdict::DidNotEnd, None);
    let suite = &mut findings.suites[0];
    suite.result = Verdict::Fail;
    suite.failure = Some(NASTY.to_owned());
    suite.reports = vec![json!({ NASTY: NASTY, "list": [1, NASTY] }); 5];
    let mutants = findings.mutants.as_mut().expect("there are some");
    mutants.survivors = vec![NASTY.to_owned()];
    mutants.falsely_explained = vec!["the killed".to_owned()];
    mutants.mutants[0].explanation = Some(NASTY.to_owned());
    let mut survivor = mutant(NASTY, Fate::Survived);
    survivor.story = Some(NASTY.to_owned());
    survivor.diff = format!("-{NASTY}\n+\n");
    mutants.mutants.push(survivor);
    let piece = &mut findings.museum.as_mut().expect("there is one")[0];
    piece.result = Verdict::Fail;
    piece.failure = Some(NASTY.to_owned());
    piece.page = Some("\"><script>".to_owned());
    findings
}

fn shown(findings: &Findings) -> String {
    page(findings, UNIX_EPOCH + Duration::from_secs(1_767_225_600)).into_string()
}

#[track_caller]
fn assert_tells(page: &str, what: &[&str]) {
    for what in what {
        assert!(page.contains(what), "the page does not have {what:?}");
    }
}

/// Every element is closed, and in the right order; returns their names.
fn assert_balanced(page: &str) -> Vec<&str> {
    const VOID: [&str; 1] = ["meta"];
    let body = page.strip_prefix("<!DOCTYPE html>").expect("a document type");
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("<{tag} has no end"));
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "closed in the wrong place"),
            None => {
                assert!(tag.matches(" class=\"").count() < 2, "only the first counts: <{tag}>");
                let name = tag.split_whitespace().next().expect("an element has a name");
                all.push(name);
                if !VOID.contains(&name) {
                    open.push(name);
                }
            }
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    all
}

/// The values of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    page.split(&start).skip(1).filter_map(|rest| rest.split_once('"')).map(|(value, _)| value).collect()
}

#[test]
fn what_went_well_is_told_calmly() {
    let page = shown(&well());
    assert_tells(
        &page,
        &[
            "2026-01-01 00:00 UTC",
            "1 min 15 s",
            "100%",
            "6,170",
            "Everything that ran did as it should.",
            "What <code>D1</code> says.",
            "deliver_against_close",
            "pool.drain_step_step",
            "of_no_guarantee",
            "<dt>seed</dt><dd>123456789</dd>",
            "nothing of it ran",
            "killed by a pin",
            "nobody can tell",
            "href=\"docs/museum/b02-lost-wakeup.md\"",
            "href=\"docs/limits.md\"",
        ],
    );
    assert!(!page.contains("id=\"failures\"") && !page.contains("id=\"bounded\""));
    assert!(!page.contains("FAIL") && !page.contains("SURVIVED"));
}

#[test]
fn what_failed_comes_first_and_says_all() {
    let page = shown(&badly());
    assert_tells(
        &page,
        &[
            "6 things did not do as they should",
            "is lost</p>",
            "     1  main  Lane::enter  &lt;script&gt;",
            "KEYLANE_REPLAY=8 cargo test -- --exact local_against_stop",
            "DID NOT END",
            "bounded(5)",
            "1 bounded model",
            "SURVIVED",
            "KILLED, THOUGH EXPLAINED",
            "NOT FOUND",
        ],
    );
    let place = |id: &str| page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}"));
    assert!(place("failures") < place("bounded") && place("bounded") < place("guarantees"));
    assert!(place("mutant-3") < place("mutant-1"), "a survivor comes before those that are explained");
}

#[test]
fn nothing_that_was_said_becomes_markup() {
    let page = shown(&badly());
    assert!(!page.contains("<script"));
    assert!(page.matches("&lt;script&gt;alert(").count() > 10);
}

#[test]
fn elements_are_closed_and_links_lead_somewhere() {
    for page in [shown(&well()), shown(&badly())] {
        let elements = assert_balanced(&page);
        for element in ["details", "table", "style"] {
            assert!(elements.contains(&element), "{element}");
        }
        let ids = values(&page, "id");
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{id} is there twice");
        }
        for target in values(&page, "href").iter().filter_map(|link| link.strip_prefix('#')) {
            assert!(ids.contains(&target), "#{target} leads nowhere");
        }
    }
}

#[test]
fn the_page_needs_nothing_else() {
    let page = html(&badly());
    for loads in ["http://", "https://", "src=", "<link", "@import", "url(", "<script", "<iframe"] {
        assert!(!page.contains(loads), "{loads}");
    }
}

#[test]
fn a_run_of_little_is_a_page_too() {
    let mut findings = well();
    (findings.models, findings.suites, findings.mutants, findings.museum) = (vec![], vec![], None, None);
    let page = shown(&findings);
    assert_balanced(&page);
    assert_tells(&page, &["not run", "nothing of it ran"]);
}
