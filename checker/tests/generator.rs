//! Are the random programs what the studies say they are?

use std::collections::BTreeSet;

use keylane_checker::generate::{Language, program};
use keylane_checker::program::{Op, Program};

const PROGRAMS: u64 = 1_000;

fn programs(language: Language) -> Vec<Program> {
    (0..PROGRAMS).map(|seed| program(language, seed)).collect()
}

/// `Rmw`, `Lock` and so on.
fn operations(programs: &[Program]) -> BTreeSet<String> {
    let steps = programs.iter().flat_map(|program| program.threads.iter().flatten());
    steps.map(|step| format!("{:?}", step.op).split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn they_are_well_formed_and_follow_from_their_seeds() {
    for language in [Language::Vocabulary, Language::PlainLoads] {
        let programs = programs(language);
        assert!(programs.iter().all(Program::is_well_formed));
        for (seed, first) in (0..).zip(&programs) {
            assert_eq!(&program(language, seed), first);
        }
        let different: BTreeSet<String> = programs.iter().map(Program::to_string).collect();
        assert!(different.len() > programs.len() * 9 / 10, "{} different ones", different.len());
    }
}

#[test]
fn they_use_their_language_and_no_other() {
    let vocabulary = ["Rmw", "Lock", "Unlock", "Read", "Update", "Wait", "Notify", "ReadCell", "WriteCell"]
        .map(String::from);
    assert_eq!(operations(&programs(Language::Vocabulary)), vocabulary.into());
    let plain =
        ["Rmw", "Load", "Store", "Lock", "Unlock", "Read", "Update", "Wait", "Notify"].map(String::from);
    assert_eq!(operations(&programs(Language::PlainLoads)), plain.into());
}

#[test]
fn they_vary_in_shape() {
    let programs = programs(Language::Vocabulary);
    let share = |has: &dyn Fn(&Program) -> bool| programs.iter().filter(|program| has(program)).count();
    let tenth = programs.len() / 10;
    assert!(share(&|program| program.threads.len() == 2) > tenth);
    assert!(share(&|program| program.threads.len() == 3) > tenth);
    assert!(share(&|program| program.joined) > tenth);
    assert!(share(&|program| program.main_takes_part) > tenth);
    assert!(share(&|program| program.threads.iter().flatten().any(|step| step.when.is_some())) > tenth);
    assert!(share(&has_nested_locks) > tenth);
    assert!(share(&has_crossing_locks) > 0);
}

/// The depth of locks, step by step, and whether a lock is given back that is not the last one taken.
fn lock_stack(program: &Program) -> (usize, bool) {
    let (mut deepest, mut crossing) = (0, false);
    for code in &program.threads {
        let mut held = Vec::new();
        for step in code {
            match step.op {
                Op::Lock { mutex } => held.push(mutex),
                Op::Unlock { mutex } => {
                    crossing |= held.last() != Some(&mutex);
                    held.retain(|&other| other != mutex);
                }
                _ => {}
            }
            deepest = deepest.max(held.len());
        }
    }
    (deepest, crossing)
}

fn has_nested_locks(program: &Program) -> bool {
    lock_stack(program).0 > 1
}

fn has_crossing_locks(program: &Program) -> bool {
    lock_stack(program).1
}
