//! Makes a program that shows something smaller, so that a human can read it and report it.

use crate::program::{Op, Program, Step};

/// Removes steps and threads as long as the program still `shows` what it showed.
pub fn shrink(program: &Program, shows: impl Fn(&Program) -> bool) -> Program {
    let mut smallest = program.clone();
    while let Some(smaller) = smaller_ones(&smallest).into_iter().find(&shows) {
        smallest = smaller;
    }
    smallest
}

/// The well-formed programs that are one removal away.
fn smaller_ones(program: &Program) -> Vec<Program> {
    let mut found = Vec::new();
    if program.joined {
        found.push(Program { joined: false, ..program.clone() });
    }
    for thread in 0..program.threads.len() {
        let mut without = program.clone();
        without.threads.remove(thread);
        if !without.threads.is_empty() {
            found.push(without);
        }
        for (index, step) in program.threads[thread].iter().enumerate() {
            found.push(edited(program, thread, |code| {
                code.remove(index);
            }));
            if step.when.is_some() {
                found.push(edited(program, thread, |code| code[index].when = None));
            }
            if let Op::Lock { mutex } = step.op {
                // With one of its unlocks; well-formedness knows which.
                for (later, other) in program.threads[thread].iter().enumerate().skip(index) {
                    if other.op == (Op::Unlock { mutex }) {
                        found.push(edited(program, thread, |code| {
                            code.remove(later);
                            code.remove(index);
                        }));
                    }
                }
            }
        }
    }
    found.retain(Program::is_well_formed);
    found
}

fn edited(program: &Program, thread: usize, edit: impl FnOnce(&mut Vec<Step>)) -> Program {
    let mut program = program.clone();
    edit(&mut program.threads[thread]);
    program
}
