//! Checks the log of an OSD, as `specs/traces/ceph/convert.py` writes it: `cargo run -p keylane-traces --example ceph -- FILE`.

use anyhow::{Context, Result, ensure};
use keylane_traces::ceph::check;
use keylane_traces::ceph::log::Log;
use keylane_traces::ceph::window::Room;

fn main() -> Result<()> {
    let file = std::env::args_os().nth(1).context("which file?")?;
    let text = std::fs::read_to_string(&file).with_context(|| file.to_string_lossy().into_owned())?;
    let log = Log::read(&text)?;
    println!("{} steps", log.steps.len());
    let report = check(&log, Room::default())?;
    println!("{report}");
    ensure!(report.otherwise.is_empty(), "keylane chose another priority");
    Ok(())
}
