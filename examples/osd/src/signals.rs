//! SIGTERM and SIGINT: the first stops the daemon in good order, the second at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::stop_line::StopLine;

/// The exit code after a second signal.
const IMPATIENT: i32 = 1;

pub fn stop_on_signals(stop: StopLine) -> io::Result<()> {
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down and puts it up, the second finds it up.
        flag::register_conditional_shutdown(signal, IMPATIENT, Arc::clone(&again))?;
        flag::register(signal, Arc::clone(&again))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("osd-signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            stop.raise();
        }
    })?;
    Ok(())
}
