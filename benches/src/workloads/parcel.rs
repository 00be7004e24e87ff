//! The message of the workloads: 64 bytes, and the check that all of them arrive, each line's in order.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use keylane::Priority;

use crate::peers::carrier::Payload;

/// A message of a line: the messages of a line have to arrive in order.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Parcel {
    /// Which line.
    pub line: u32,
    /// See [`Payload::source`].
    pub source: u32,
    /// Which of the line.
    pub number: u64,
    /// See [`Payload::priority`].
    pub priority: u8,
    /// See [`Payload::rank`].
    pub rank: u8,
    /// As a real one has.
    pub content: [u64; 5],
}

impl Parcel {
    /// The next of a line that is a connection's, with the priority of those that have no other.
    pub fn of_line(line: usize, number: u64) -> Self {
        let line = u32::try_from(line).expect("there are few");
        Self { line, source: line, number, priority: Priority::DEFAULT.0, rank: 0, content: [number; 5] }
    }
}

const _: () = assert!(size_of::<Parcel>() == 64);

impl Payload for Parcel {
    fn source(&self) -> usize {
        self.source as usize
    }

    fn priority(&self) -> u8 {
        self.priority
    }

    fn rank(&self) -> usize {
        self.rank.into()
    }
}

impl Payload for Box<Parcel> {
    fn source(&self) -> usize {
        (**self).source()
    }

    fn priority(&self) -> u8 {
        (**self).priority()
    }

    fn rank(&self) -> usize {
        (**self).rank()
    }
}

/// Takes note of what arrives. One thread at a time may do so.
#[derive(Debug)]
pub struct Lines {
    /// Of each line, the number that is due.
    due: Box<[AtomicU64]>,
    out_of_order: AtomicBool,
}

impl Lines {
    /// Nothing has arrived.
    pub fn new(lines: usize) -> Self {
        Self { due: (0..lines).map(|_| AtomicU64::new(0)).collect(), out_of_order: AtomicBool::new(false) }
    }

    /// One has arrived.
    pub fn take(&self, parcel: &Parcel) {
        let due = &self.due[parcel.line as usize];
        let number = due.load(Relaxed);
        // Not asserted here: whoever waits for the consumer would wait for ever.
        if parcel.number != number || parcel.content[4] != number {
            self.out_of_order.store(true, Relaxed);
        }
        due.store(number + 1, Relaxed);
    }

    /// All has arrived, in order.
    ///
    /// # Panics
    /// If that is not so.
    pub fn assert_arrived(&self, total: u64) {
        assert_eq!(self.due.iter().map(|due| due.load(Relaxed)).sum::<u64>(), total, "messages arrived");
        assert!(!self.out_of_order.load(Relaxed), "each line's in order");
    }
}
