//! What a child process has used, while it runs.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::libc;
use nix::sys::signal::{Signal, kill};
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
        let duration = |time: libc::timeval| {
            let (seconds, microseconds) = (time.tv_sec.unsigned_abs(), time.tv_usec.unsigned_abs());
            Duration::from_secs(seconds) + Duration::from_micros(microseconds)
        };
        Ok(Self {
            cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
            voluntary_switches: usage.ru_nvcsw.unsigned_abs(),
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
fn stopped(id: libc::pid_t) -> Result<libc::rusage> {
    let mut status = 0;
    // SAFETY: a structure of integers, for which all zeros are a value.
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    // SAFETY: both pointers are to values of these types that live, and that nobody else uses, until the call has returned.
    let waited = unsafe { libc::wait4(id, &raw mut status, libc::WUNTRACED, &raw mut usage) };
    ensure!(waited == id, std::io::Error::last_os_error());
    ensure!(libc::WIFSTOPPED(status), "the server has ended");
    Ok(usage)
}
