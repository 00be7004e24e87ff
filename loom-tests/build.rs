//! Turns the model cfg on for keylane's sources and for the models.

fn main() {
    println!("cargo:rustc-cfg=keylane_loom");
    println!("cargo:rerun-if-changed=build.rs");
}
