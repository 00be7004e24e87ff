//! `cargo xtask bench` calls this.

fn main() {}
