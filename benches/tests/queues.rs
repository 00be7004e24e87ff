//! Every contender of every question about queues does its work, and all of it, which is checked in each run.

use keylane_benches::question::Question;
use keylane_benches::rounds::ask;
use keylane_benches::workloads::{Size, limits, w1, w2, w4, w5};

fn all_work(questions: Vec<Question>) {
    for question in questions {
        let samples = ask(&question, 1);
        for (contender, samples) in question.contenders.iter().zip(samples) {
            let figure = question.figure.of(&samples[0]);
            println!("{}: {}: {figure:.0}", question.name, contender.name);
            assert!(figure > 0.0);
        }
        for name in question.targets.iter().flat_map(|target| &target.of) {
            assert!(question.contenders.iter().any(|contender| contender.name == *name), "{name}");
        }
    }
}

#[test]
fn many_to_one() {
    all_work(w1::questions(Size::Tiny));
}

#[test]
fn priorities_and_connections() {
    all_work(w2::questions(Size::Tiny));
}

#[test]
fn wakes() {
    all_work(w4::questions(Size::Tiny));
}

#[test]
fn enqueues() {
    all_work(w5::questions(Size::Tiny));
}

#[test]
fn limits_are_limits() {
    let limits = limits::limits(Size::Tiny, 1);
    assert!(!limits.is_empty() && limits.iter().all(|limit| limit.nanoseconds.median > 0.0), "{limits:?}");
}
