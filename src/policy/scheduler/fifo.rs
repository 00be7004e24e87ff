//! One line for all.

use core::time::Duration;

use super::{Candidate, Class, Scheduler};

/// Keys take turns, and an item's class does not matter: items of one key start in the order in which they were submitted,
/// whatever their classes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

impl Scheduler for Fifo {
    fn line(&self, _: Class) -> Class {
        Class::default()
    }

    fn choose(&mut self, candidates: &[Candidate], _: Duration) -> Class {
        candidates[0].class
    }
}
