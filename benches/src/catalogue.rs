//! All there is: the one place that names the workloads.

use crate::findings::{Beside, Row};
use crate::question::Question;
use crate::workloads::{Size, limits, w1, w2, w3, w4, w5, w6, w7};

/// What is asked in rounds, in the order in which it is told.
pub fn questions(size: Size) -> Vec<Question> {
    let mut questions = counted(size);
    questions.extend(w4::questions(size));
    questions.extend(w5::questions(size));
    questions.extend(w6::questions(size));
    questions
}

/// Those of them whose allocations for each message are counted as well: one message after the other, all in this process.
pub fn counted(size: Size) -> Vec<Question> {
    let mut questions = w1::questions(size);
    questions.extend(w2::questions(size));
    questions.extend(w3::questions(size));
    questions
}

/// What is measured for itself, without a contest, and only if it is wanted. What is measured in rounds has so many.
pub fn beside(size: Size, rounds: usize, wants: impl Fn(&str) -> bool) -> Vec<Beside> {
    let mut all = Vec::new();
    if wants(LIMITS) {
        let rows = limits::limits(size, rounds).into_iter();
        let rows = rows.map(|limit| Row::of_rounds(limit.name, limit.nanoseconds, "ns")).collect();
        all.push(Beside { title: LIMITS.to_owned(), rows });
    }
    if wants(IDLE) {
        let rows = w7::measure(size).into_iter();
        let rows = rows.map(|idle| Row::once(&idle.name, idle.contender, idle.figure, idle.unit)).collect();
        all.push(Beside { title: IDLE.to_owned(), rows });
    }
    all
}

const LIMITS: &str = "What the machine takes";
const IDLE: &str = "W7: at rest";
