//! The daemon's program. All of it is in the library, where tests of other crates can run it too.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    keylane_osd::main()
}
