//! Highest priority first, connections in turn: the least that does what keylane's strict band does.

use std::collections::VecDeque;

use crate::peers::carrier::{Payload, RANKS};
use crate::peers::scheduled::Policy;

/// An array of priorities, each a ring of connections with something to do.
#[derive(Debug)]
pub struct Fair<T>([Ring<T>; RANKS]);

#[derive(Debug)]
struct Ring<T> {
    /// Of those that have something, in the order of their turns.
    turns: VecDeque<usize>,
    lines: Box<[VecDeque<T>]>,
}

impl<T> Fair<T> {
    /// Of so many connections.
    pub fn new(connections: usize) -> Self {
        Self([(); RANKS].map(|()| Ring {
            turns: VecDeque::new(),
            lines: (0..connections).map(|_| VecDeque::new()).collect(),
        }))
    }
}

impl<T: Payload> Policy<T> for Fair<T> {
    fn push(&mut self, message: T) {
        let ring = &mut self.0[message.rank()];
        let source = message.source();
        let line = &mut ring.lines[source];
        if line.is_empty() {
            ring.turns.push_back(source);
        }
        line.push_back(message);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.iter_mut().rev().find_map(|ring| {
            let source = ring.turns.pop_front()?;
            let line = &mut ring.lines[source];
            let message = line.pop_front();
            if !line.is_empty() {
                ring.turns.push_back(source);
            }
            message
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::parcel::Parcel;

    #[test]
    fn the_highest_goes_first_and_connections_have_their_turns() {
        let mut fair = Fair::new(3);
        for (rank, source) in [(0, 0), (2, 2), (2, 2), (2, 1), (3, 0), (2, 1)] {
            fair.push(Parcel { rank, source, ..Parcel::default() });
        }
        let order: Vec<_> =
            std::iter::from_fn(|| fair.pop()).map(|parcel| (parcel.rank, parcel.source)).collect();
        assert_eq!(order, [(3, 0), (2, 2), (2, 1), (2, 2), (2, 1), (0, 0)]);
    }
}
