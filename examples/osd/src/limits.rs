//! What a client may ask for at most, and all of them together; and for how long a callback may run.

use std::time::Duration;

/// Bytes of one object, and so of one argument (Ceph: `osd_max_object_size`).
pub const OBJECT: usize = 64 << 20;

/// Bytes of an object's name.
pub const OBJECT_NAME: usize = 4096;

/// Arguments of one request.
pub const ARGUMENTS: usize = 64 << 10;

/// Bytes of one request. More than one full object, so that a SET of one passes.
pub const REQUEST: usize = OBJECT + (1 << 20);

/// Requests of one connection whose replies have not been sent; then its reader stops reading. Ceph throttles a
/// connection's messages and their bytes likewise, before it reads them.
pub const IN_FLIGHT: usize = 1024;

/// Bytes of the same, requests and replies.
pub const IN_FLIGHT_BYTES: usize = 2 * OBJECT;

/// Bytes of requests under way on the dispatch queue, from all clients together (Ceph: `ms_dispatch_throttle_bytes`).
/// One full request fits.
pub const DISPATCH_BYTES: u64 = 100 << 20;

/// A callback of the queue that runs for so long is reported. None should come near it: what takes its time (the pool),
/// waits for a map (the gate) or for room (a reader) does so outside of callbacks.
pub const SLOW_CALLBACK: Duration = Duration::from_secs(1);

/// Connections at once: each has two threads.
pub const CONNECTIONS: usize = 4096;
