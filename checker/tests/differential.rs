//! The two studies: programs in keylane's vocabulary, of which loom must lose nothing, and the control with plain
//! loads, of which it must be seen to lose something.

use std::collections::BTreeSet;

use keylane_checker::compare::Comparison;
use keylane_checker::generate::Language;
use keylane_checker::program::Ending;
use keylane_checker::study::{Finding, Report, Study};
// A good part of a search's time.
use keylane_loom_stacks as _;

/// Below this, shares of programs mean nothing: somebody looks at single seeds.
const MANY: u64 = 1_000;

/// Losses are printed in full, but not all of them.
const SHOWN: usize = 3;

fn assert_few_are_skipped(report: &Report) {
    let totals = report.totals;
    assert!(
        totals.skipped * 20 < totals.programs.max(20),
        "{} of {} skipped",
        totals.skipped,
        totals.programs
    );
}

const VOCABULARY: Study = Study {
    name: "vocabulary",
    language: Language::Vocabulary,
    preemption_bound: None,
    programs: 5_000,
    seed: 1,
};

const PLAIN_LOADS: Study =
    Study { name: "plain_loads", language: Language::PlainLoads, programs: 2_000, ..VOCABULARY };

/// Not a study of its own: it asks whether [`VOCABULARY`] could fail.
const BOUNDED: Study = Study { name: "bounded", programs: 500, ..VOCABULARY };

#[test]
fn vocabulary() {
    let study = VOCABULARY.or_from_environment();
    let report = study.run();
    study.print(&report);
    study.print_for_machines(&report);

    assert!(report.broken.is_empty(), "loom itself failed (seed, message): {:?}", report.broken);
    assert_few_are_skipped(&report);
    let lost: String = report.lost.iter().take(SHOWN).map(|finding| study.describe_loss(finding)).collect();
    assert!(lost.is_empty(), "loom lost executions of {} programs:\n{lost}", report.lost.len());
    let invented: String = report.invented.iter().take(SHOWN).map(describe_invention).collect();
    assert!(invented.is_empty(), "loom has outcomes that no interleaving has:\n{invented}");

    let totals = report.totals;
    if totals.programs >= MANY {
        assert!(totals.undecided * 2 > totals.programs, "most programs leave something to lose: {totals:?}");
        assert!(totals.deadlocking * 50 > totals.programs, "some can deadlock: {totals:?}");
        assert!(totals.racy * 50 > totals.programs, "some have races: {totals:?}");
    }
}

fn describe_invention(finding: &Finding) -> String {
    let Finding { seed, program, comparison } = finding;
    let endings: String = comparison
        .invented()
        .iter()
        .map(|ending| format!("  invented: {}\n", program.describe(ending)))
        .collect();
    format!("seed {seed}:\n{program}{endings}")
}

/// The control. Invented outcomes are expected here: C11 lets a plain load read a value that no interleaving would,
/// and loom explores that. What is asked is whether the comparison sees loom's losses, and whether the rule of the
/// vocabulary ends them.
#[test]
fn plain_loads() {
    let study = PLAIN_LOADS.or_from_environment();
    let report = study.run();
    study.print(&report);
    study.print_for_machines(&report);

    assert!(report.broken.is_empty(), "loom itself failed (seed, message): {:?}", report.broken);
    assert_few_are_skipped(&report);
    for finding in report.lost.iter().take(SHOWN) {
        println!("{}", study.describe_loss(finding));
    }
    let (lost, programs) = (report.lost.len() as u64, report.totals.programs);
    println!("loom lost executions of {lost} of {programs} programs: {:.1} %", percent(lost, programs));
    if programs >= MANY {
        assert!(lost * 100 >= programs, "the control found only {lost} losing programs in {programs}");
    }
    for finding in &report.lost {
        let repaired = finding.program.without_loads();
        let both = Comparison::of(&repaired, study.setup()).expect("it is not larger");
        assert!(both.explored.complete);
        let missing: Vec<_> = both.lost().iter().map(|ending| repaired.describe(ending)).collect();
        assert!(
            missing.is_empty(),
            "lost even without loads, seed {}:\n{repaired}{missing:#?}",
            finding.seed
        );
    }
}

/// The control of the comparison itself, on the very programs of [`vocabulary`]: if loom is forbidden to preempt, it
/// loses outcomes, deadlocks and races, and that must be seen. The bounds that are often used are printed with it.
#[test]
fn bounded() {
    let shares: Vec<f64> = (0..=3)
        .map(|bound| {
            let study = Study { preemption_bound: Some(bound), ..BOUNDED };
            let report = study.run();
            assert!(report.broken.is_empty() && report.invented.is_empty());
            study.print(&report);
            if bound == 0 {
                assert_all_kinds_are_lost(&report);
            }
            percent(report.lost.len() as u64, report.totals.programs)
        })
        .collect();
    println!("programs that lose something if bounded to 0, 1, 2, 3 preemptions: {shares:.1?} %");
    assert!(shares.is_sorted_by(|fewer, more| fewer >= more), "{shares:?}");
}

fn assert_all_kinds_are_lost(report: &Report) {
    let lost: BTreeSet<Ending> = report.lost.iter().flat_map(|finding| finding.comparison.lost()).collect();
    assert!(lost.contains(&Ending::Deadlock), "no deadlock was lost");
    assert!(lost.contains(&Ending::Race), "no race was lost");
    assert!(lost.iter().any(|ending| matches!(ending, Ending::Finished(_))), "no outcome was lost");
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
