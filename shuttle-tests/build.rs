//! Turns the sampling cfg on for keylane's sources and for the scenarios.

fn main() {
    println!("cargo:rustc-cfg=keylane_shuttle");
}
