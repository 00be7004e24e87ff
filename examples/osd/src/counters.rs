//! What the daemon counts. Relaxed, all of it: nothing is decided by a counter while threads still run.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// All counters of a daemon.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)*
        }

        impl Counters {
            /// Name and value of each, in the order above.
            pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name.get())),*].into_iter()
            }
        }
    };
}

counters! {
    /// Connections accepted.
    connections,
    /// Requests that the dispatch queue accepted.
    accepted,
    /// ... and ran on the reader's thread.
    fast,
    /// ... and queued for the dispatch thread.
    queued,
    /// Requests that came too late and were told so.
    refused,
    /// Requests with an error in them, answered by the reader.
    rejected,
    /// Connections ended for bytes that are no request.
    protocol_errors,
    /// Replies given, whoever gave them.
    answered,
    /// Requests lost without a reply: none, ever.
    unanswered,
    /// Messages to oneself that ran on the local thread.
    local_fast,
    /// Messages to oneself that went through the queue.
    local_queued,
    /// Object operations carried out by placement groups.
    ops,
    /// Placement groups scrubbed.
    pgs_scrubbed,
    /// Times a placement group was found in use by another thread: none, ever (P3).
    pg_conflicts,
}
