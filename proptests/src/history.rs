//! Does a concurrent history have an explanation by a sequential specification? (Herlihy and Wing 1990,
//! linearizability; the search is Wing and Gong's of 1993.)

use std::fmt::Debug;
use std::hash::Hash;

/// A sequential specification that says yes or no: may this happen next?
pub trait Specification: Clone {
    /// Something that happened at one moment, with its outcome.
    type Action: Clone + Debug + Eq + Hash;

    /// Goes on to the state after `action`; false if it must not happen now.
    fn allows(&mut self, action: &Self::Action) -> bool;
}

/// A call: when it was invoked and when it returned, on one clock for all threads, and what it must have done in
/// between. Most calls are one action. One that is documented to happen in steps (a shutdown closes one door after
/// the other; a step of a worker picks an item, and ends it later) is several, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call<A> {
    /// Before its first action.
    pub invoked: usize,
    /// After its last.
    pub returned: usize,
    /// What it did, with the outcomes it reported.
    pub actions: Vec<A>,
}

/// An order of all actions of `calls` that `start` allows, in which whatever returned before something else was
/// invoked comes before it. `None` if there is none: then the history breaks the specification.
pub fn explain<S: Specification>(start: &S, calls: &[Call<S::Action>]) -> Option<Vec<S::Action>> {
    let mut order = Vec::new();
    let mut done = vec![0; calls.len()];
    search(start, calls, &mut done, &mut order).then_some(order)
}

fn search<S: Specification>(
    state: &S,
    calls: &[Call<S::Action>],
    done: &mut [usize],
    order: &mut Vec<S::Action>,
) -> bool {
    let unfinished = |done: &[usize], call: usize| done[call] < calls[call].actions.len();
    if !(0..calls.len()).any(|call| unfinished(done, call)) {
        return true;
    }
    for call in 0..calls.len() {
        let waits_for =
            |&other: &usize| unfinished(done, other) && calls[other].returned < calls[call].invoked;
        if !unfinished(done, call) || (0..calls.len()).any(|other| waits_for(&other)) {
            continue;
        }
        let action = &calls[call].actions[done[call]];
        let mut next = state.clone();
        if next.allows(action) {
            done[call] += 1;
            order.push(action.clone());
            if search(&next, calls, done, order) {
                return true;
            }
            order.pop();
            done[call] -= 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A register that is written and read.
    #[derive(Clone)]
    struct Register(u32);

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    enum Access {
        Write(u32),
        Read(u32),
    }

    impl Specification for Register {
        type Action = Access;

        fn allows(&mut self, access: &Access) -> bool {
            match *access {
                Access::Write(value) => {
                    self.0 = value;
                    true
                }
                Access::Read(value) => self.0 == value,
            }
        }
    }

    fn call(invoked: usize, returned: usize, actions: &[Access]) -> Call<Access> {
        Call { invoked, returned, actions: actions.to_vec() }
    }

    use Access::{Read, Write};

    #[test]
    fn what_overlaps_may_have_either_order() {
        let write = call(0, 3, &[Write(1)]);
        for seen in [0, 1] {
            assert!(explain(&Register(0), &[write.clone(), call(1, 2, &[Read(seen)])]).is_some());
        }
        assert!(explain(&Register(0), &[write, call(1, 2, &[Read(2)])]).is_none());
    }

    #[test]
    fn what_returned_before_comes_before() {
        assert!(explain(&Register(0), &[call(0, 1, &[Write(1)]), call(2, 3, &[Read(0)])]).is_none());
        assert!(explain(&Register(0), &[call(0, 1, &[Write(1)]), call(2, 3, &[Read(1)])]).is_some());
    }

    /// Two readers that disagree on the order of two writes: each alone has an explanation, both together none.
    #[test]
    fn one_order_must_do_for_all() {
        let writes = [call(0, 9, &[Write(1)]), call(0, 9, &[Write(2)])];
        let one = [call(1, 2, &[Read(1)]), call(3, 4, &[Read(2)])];
        let other = [call(1, 2, &[Read(2)]), call(3, 4, &[Read(1)])];
        let with = |reads: &[&[Call<Access>]]| {
            let calls: Vec<_> = writes.iter().chain(reads.iter().copied().flatten()).cloned().collect();
            explain(&Register(0), &calls).is_some()
        };
        assert!(with(&[&one]));
        assert!(with(&[&other]));
        assert!(!with(&[&one, &other]));
    }

    #[test]
    fn the_steps_of_a_call_keep_their_order_and_let_others_in_between() {
        let both = call(0, 9, &[Write(1), Write(2)]);
        assert!(explain(&Register(0), &[both.clone(), call(1, 2, &[Read(1)])]).is_some());
        let backwards = [call(1, 2, &[Read(2)]), call(3, 4, &[Read(1)])];
        assert!(explain(&Register(0), &[&[both][..], &backwards].concat()).is_none());
    }
}
