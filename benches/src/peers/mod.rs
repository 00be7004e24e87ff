//! Who competes.
