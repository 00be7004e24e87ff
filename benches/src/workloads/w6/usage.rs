//! What a child process has used, while it runs.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::libc;
use nix::sys::resource::{self, UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::Pid;

/// Of all its threads, those included that have ended: a server with a thread for each connection has many of these.
#[derive(Clone, Copy)]
pub struct Usage {
    pub cpu: Duration,
    pub voluntary_switches: u64,
}

impl Usage {
    /// Stops the child for a moment. Files in /proc do not count the switches of threads that have ended; what the system reports of a
    /// child that stops does.
    pub fn of(child: &Child) -> Result<Self> {
        let id = i32::try_from(child.id()).context("an id fits")?;
        let process = Pid::from_raw(id);
        kill(process, Signal::SIGSTOP)?;
        let reported = stopped(id);
        kill(process, Signal::SIGCONT)?;
        let usage = reported?;
        let duration = |time: TimeVal| Duration::from_micros(time.num_microseconds().unsigned_abs());
        Ok(Self {
            cpu: duration(usage.user_time()) + duration(usage.system_time()),
            voluntary_switches: usage.voluntary_context_switches().unsigned_abs(),
        })
    }

    /// What was used since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
        }
    }
}

/// Waits until the child with this id has stopped, and has what it used so far. nix has no `wait4`.
fn stopped(id: libc::pid_t) -> Result<resource::Usage> {
    let mut status = 0;
    // Room for one: nix makes none but by filling it.
    let mut usage = getrusage(UsageWho::RUSAGE_SELF)?;
    // SAFETY: both pointers are to values of these types that live, and that nobody else uses, until the call has returned.
    let waited = unsafe { libc::wait4(id, &raw mut status, libc::WUNTRACED, usage.as_mut()) };
    ensure!(waited == id, std::io::Error::last_os_error());
    ensure!(libc::WIFSTOPPED(status), "the server has ended");
    Ok(usage)
}
