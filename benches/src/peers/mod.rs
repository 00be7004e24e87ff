//! Who competes.

pub mod carrier;
pub mod ceph_queue;
pub mod channels;
pub mod fair;
pub mod four_channels;
pub mod hand_made;
pub mod heaps;
pub mod keylane_queue;
pub mod monitor;
pub mod pools;
pub mod raw_futex;
pub mod scheduled;
