//! The two studies.
use keylane_checker::generate::Language;
use keylane_checker::study::Study;

#[test]
fn vocabulary() {
    let study = Study { name: "vocabulary", language: Language::Vocabulary, programs: 5_000, seed: 1 }
        .or_from_environment();
    let report = study.run();
    study.print(&report);
    println!("{:?}", report.broken);
}

#[test]
fn plain_loads() {
    let study = Study { name: "plain_loads", language: Language::PlainLoads, programs: 2_000, seed: 1 }
        .or_from_environment();
    let report = study.run();
    study.print(&report);
    println!("{:?}", report.broken);
}
