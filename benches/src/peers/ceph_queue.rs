//! What orders messages in Ceph's messenger, written anew from its description, with the containers that are best here.
//!
//! Left out is what keylane does only when it is asked to: the tree of arrival times.

use std::collections::{BTreeMap, VecDeque};

use crate::peers::carrier::Payload;
use crate::peers::scheduled::Policy;

/// Priorities from here on are strict: the highest goes first, always. The others share.
const STRICT_FROM: u8 = 64;
/// What each message is charged there: all are smaller than this, which is the least.
const COST: u64 = 64 << 10;
const MAX_TOKENS: u64 = 16 << 20;

/// A strict band and a shared one, which is what the two kinds differ in.
#[derive(Debug)]
pub struct CephQueue<T, S> {
    strict: Band<T>,
    shared: Band<T>,
    shares: S,
}

/// By priority. What is empty is not in it.
type Band<T> = BTreeMap<u8, Classes<T>>;

/// The messages of one priority by class, which is the connection: each has its turn, in the order of their names.
#[derive(Debug)]
struct Classes<T> {
    queues: BTreeMap<usize, VecDeque<T>>,
    /// Whose turn it is: this one's, or that of the next that there is.
    cursor: usize,
    tokens: u64,
}

/// Whose turn it is in the shared band.
trait Shares: Default + Send + 'static {
    fn pop<T>(&mut self, band: &mut Band<T>) -> Option<T>;
}

/// `PrioritizedQueue`: who has the tokens pays with them, the lowest priority first.
#[derive(Debug, Default)]
pub struct TokenBuckets;

/// `WeightedPriorityQueue`: drawn by lot, in proportion to the priorities.
#[derive(Debug, Default)]
pub struct Lottery {
    random: fastrand::Rng,
    max_cost: u64,
}

impl<T, S: Default> Default for CephQueue<T, S> {
    fn default() -> Self {
        Self { strict: Band::new(), shared: Band::new(), shares: S::default() }
    }
}

impl<T> Default for Classes<T> {
    fn default() -> Self {
        Self { queues: BTreeMap::new(), cursor: 0, tokens: 0 }
    }
}

impl<T> Classes<T> {
    fn pop(&mut self) -> Option<T> {
        let (&class, _) =
            self.queues.range(self.cursor..).next().or_else(|| self.queues.first_key_value())?;
        self.cursor = class + 1;
        let queue = self.queues.get_mut(&class)?;
        let message = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&class);
        }
        message
    }
}

fn pop<T>(band: &mut Band<T>, priority: u8) -> Option<T> {
    let classes = band.get_mut(&priority)?;
    let message = classes.pop();
    if classes.queues.is_empty() {
        band.remove(&priority);
    }
    message
}

fn sum<T>(band: &Band<T>) -> u64 {
    band.keys().map(|&priority| u64::from(priority)).sum()
}

impl<T: Payload, S: Shares> Policy<T> for CephQueue<T, S> {
    fn push(&mut self, message: T) {
        let priority = message.priority();
        let band = if priority >= STRICT_FROM { &mut self.strict } else { &mut self.shared };
        let classes = band.entry(priority).or_default();
        classes.queues.entry(message.source()).or_default().push_back(message);
    }

    fn pop(&mut self) -> Option<T> {
        match self.strict.last_key_value() {
            Some((&highest, _)) => pop(&mut self.strict, highest),
            None => self.shares.pop(&mut self.shared),
        }
    }
}

impl Shares for TokenBuckets {
    fn pop<T>(&mut self, band: &mut Band<T>) -> Option<T> {
        let priority = match band.iter_mut().find(|(_, classes)| classes.tokens > COST) {
            Some((&priority, payer)) => {
                payer.tokens -= COST;
                priority
            }
            // Nobody can pay: the highest goes for nothing.
            None => *band.last_key_value()?.0,
        };
        let message = pop(band, priority);
        let total = sum(band);
        for (&priority, classes) in band {
            classes.tokens = (classes.tokens + u64::from(priority) * COST / total + 1).min(MAX_TOKENS);
        }
        message
    }
}

impl Shares for Lottery {
    fn pop<T>(&mut self, band: &mut Band<T>) -> Option<T> {
        self.max_cost = self.max_cost.max(COST);
        let total = sum(band);
        let (&highest, _) = band.last_key_value()?;
        let mut priority = highest;
        while band.len() > 1 {
            let mut point = self.random.u64(..total);
            for &candidate in band.keys() {
                priority = candidate;
                match point.checked_sub(u64::from(candidate)) {
                    Some(beyond) => point = beyond,
                    None => break,
                }
            }
            // The dearer a message, the likelier it is drawn again.
            if self.random.u64(..self.max_cost) <= self.max_cost - COST * 9 / 10 {
                break;
            }
        }
        pop(band, priority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::parcel::Parcel;

    /// The priorities of the picks from a band in which all wait throughout.
    fn picks<S: Shares>(priorities: [u8; 3], picks: usize) -> Vec<u8> {
        let mut queue = CephQueue::<Parcel, S>::default();
        for number in 0..picks as u64 {
            for priority in priorities {
                queue.push(Parcel { priority, number, ..Parcel::default() });
            }
        }
        (0..picks).map(|_| queue.pop().expect("all wait").priority()).collect()
    }

    #[test]
    fn the_highest_goes_first_in_the_strict_band() {
        assert_eq!(picks::<TokenBuckets>([64, 196, 127], 5), [196; 5]);
        assert_eq!(picks::<Lottery>([63, 196, 127], 5), [196; 5]);
    }

    #[test]
    fn priorities_share_by_their_numbers_below_it() {
        for picks in [picks::<TokenBuckets>([10, 20, 30], 6000), picks::<Lottery>([10, 20, 30], 6000)] {
            let share = |priority| picks.iter().filter(|&&picked| picked == priority).count();
            for (priority, expected) in [(10, 1000_usize), (20, 2000), (30, 3000)] {
                assert!(share(priority).abs_diff(expected) < 300, "{priority}: {}", share(priority));
            }
        }
    }

    #[test]
    fn classes_have_their_turns() {
        let mut queue = CephQueue::<Parcel, TokenBuckets>::default();
        for source in [3, 3, 1, 2, 2] {
            queue.push(Parcel { source, priority: 64, ..Parcel::default() });
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|parcel| parcel.source()).collect();
        assert_eq!(order, [1, 2, 3, 2, 3]);
    }
}
