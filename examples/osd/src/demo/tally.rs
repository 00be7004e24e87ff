//! What one connection of the load did, and what the daemon must therefore hold.

use hdrhistogram::Histogram;
use redis::Value;

/// Counters that all connections increment.
pub const COUNTERS: usize = 4;

/// Objects that each connection overwrites in turn.
pub const OBJECTS: usize = 64;

/// How many examples of a fault are kept.
const EXAMPLES: usize = 3;

#[derive(Debug)]
pub struct Tally {
    /// Round trips, in microseconds.
    pub latency: Histogram<u64>,
    /// Replies compared with what they had to be.
    pub checked: u64,
    pub mismatches: u64,
    pub examples: Vec<String>,
    /// Increments of each counter that were acknowledged.
    pub increments: [u64; COUNTERS],
    /// Numbers appended to this connection's own log.
    pub appended: u64,
    /// Sizes of the objects this connection has written, in bytes; zero if it has not.
    pub sizes: [usize; OBJECTS],
}

impl Tally {
    pub fn new() -> Self {
        Self {
            latency: Histogram::new(3).expect("three digits are within its range"),
            checked: 0,
            mismatches: 0,
            examples: Vec::new(),
            increments: [0; COUNTERS],
            appended: 0,
            sizes: [0; OBJECTS],
        }
    }

    /// Compares a reply with the one that was due here.
    pub fn check(&mut self, request: &str, due: &Value, reply: &Value) {
        self.checked += 1;
        if reply != due {
            self.mismatch(format!("{request}: {reply:?}, not {due:?}"));
        }
    }

    pub fn mismatch(&mut self, what: String) {
        self.mismatches += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(what);
        }
    }
}

/// One number as it is written to a log.
pub fn entry(number: u64) -> String {
    format!("{number:08} ")
}

/// Bytes of [`entry`].
pub const ENTRY: usize = 9;
