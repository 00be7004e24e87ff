//! What the daemon counts, and its queue does not. Relaxed, all of it: nothing is decided by a counter while threads
//! still run.

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
    /// Connections that the dispatcher was told of.
    accepts,
    /// ... and told that they are gone. Those that the daemon's own end ends are not among them.
    resets,
    /// Requests that came too late and were told so.
    refused,
    /// Requests with an error in them, answered by the reader.
    rejected,
    /// Connections ended for bytes that are no request.
    protocol_errors,
    /// Replies given, whoever gave them.
    answered,
    /// Requests dropped without a reply: those that the queue discarded with their client, and no others, ever.
    unanswered,
    /// Object operations carried out by placement groups.
    ops,
    /// Placement groups scrubbed.
    pgs_scrubbed,
    /// Times a placement group was found in use by another thread: none, ever (P3).
    pg_conflicts,
}
