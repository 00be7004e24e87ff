//! `cargo xtask bench` calls this.

use std::fs;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use keylane_benches::findings::{Answer, Findings};
use keylane_benches::machine::Machine;
use keylane_benches::options::Options;
use keylane_benches::question::Question;
use keylane_benches::{allocations, catalogue, report, rounds, tables};

fn main() -> Result<()> {
    let options = Options::parse();
    let mut questions = catalogue::questions(options.size());
    questions.retain(|question| options.wants(&question.name));
    // What a target names must be there: better said before all is measured than after.
    for question in &questions {
        question.targets.iter().try_for_each(|target| question.peers_of(target).map(drop))?;
    }
    if options.list {
        questions.iter().for_each(list);
        return Ok(());
    }
    let machine = Machine::here();
    println!("{machine}");
    let beside = catalogue::beside(options.size(), options.rounds.into(), |name| options.wants(name));
    ensure!(
        !questions.is_empty() || !beside.is_empty(),
        "nothing of that name can be asked: --list says what can"
    );
    beside.iter().for_each(|beside| println!("{}", tables::beside(beside)));
    let findings = Findings {
        machine,
        quick: options.quick,
        rounds: options.rounds.into(),
        answers: ask(questions, &options)?,
        beside,
    };
    let (reached, all) = findings.reached();
    println!("{reached} of {all} targets reached");
    findings.reservations().iter().for_each(|reservation| println!("{reservation}"));
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_vec(&findings)?).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &options.report {
        fs::write(path, report::html(&findings)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Asks all, and tells each answer as soon as it is there.
fn ask(questions: Vec<Question>, options: &Options) -> Result<Vec<Answer>> {
    let allocated = if catalogue::counted(options.size()).iter().any(|question| options.wants(&question.name))
    {
        eprintln!("counting allocations");
        allocations::ask(&options.only)?
    } else {
        Vec::new()
    };
    let (count, rounds) = (questions.len(), options.rounds.into());
    let mut answers = Vec::with_capacity(count);
    // Each by value: what a question keeps running ends with it.
    for (at, question) in questions.into_iter().enumerate() {
        let contenders = question.contenders.len();
        eprintln!("[{}/{count}] {}: {contenders} contenders, {rounds} rounds", at + 1, question.name);
        let answer = Answer::new(&question, rounds::ask(&question, rounds), &allocated)?;
        println!("{}", tables::answer(&answer));
        answers.push(answer);
    }
    Ok(answers)
}

fn list(question: &Question) {
    let names: Vec<_> = question.contenders.iter().map(|contender| contender.name).collect();
    println!("{}: {}: {}", question.name, question.figure, names.join(", "));
}
