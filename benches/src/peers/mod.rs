//! Who competes.

pub mod pools;
