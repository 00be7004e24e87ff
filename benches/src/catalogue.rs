//! All there is: the one place that names the workloads.

use crate::findings::Beside;
use crate::question::Question;
use crate::workloads::{Size, w6};

/// What is asked in rounds, in the order in which it is told.
pub fn questions(size: Size) -> Vec<Question> {
    let mut questions = counted(size);
    // W4 and W5 go here.
    questions.extend(w6::questions(size));
    questions
}

/// Those of them whose allocations for each message are counted as well: one message after the other, all in this process.
pub fn counted(_size: Size) -> Vec<Question> {
    // W1, W2 and W3 go here.
    Vec::new()
}

/// What is measured for itself, without a contest, and only if it is wanted. What is measured in rounds has so many.
pub fn beside(_size: Size, _rounds: usize, _wants: impl Fn(&str) -> bool) -> Vec<Beside> {
    // The physical limits and what an idle pool takes (W7) go here, with `Row::of_rounds` and `Row::once`.
    Vec::new()
}
