//! What a client may ask for at most.

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

/// Connections at once: each has two threads.
pub const CONNECTIONS: usize = 4096;
