//! What a run cost: time, processor time, switches.

use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::Serialize;

/// What one run of one contender came to. Nothing else runs in the process meanwhile, so what the process used, it used.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// How many operations it was: messages, items, sleeps.
    pub operations: u64,
    /// From when all threads stood ready until the last operation was done.
    pub elapsed: Duration,
    /// Of all threads, in user and in kernel mode.
    pub cpu: Duration,
    /// How often a thread gave up the processor because it waited.
    pub voluntary_switches: u64,
    /// Single operations in nanoseconds, where the workload asks for them: percentile to value.
    pub percentiles: Vec<(f64, u64)>,
}

impl Sample {
    /// Operations per second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    /// Nanoseconds that an operation took, all threads together standing for one.
    pub fn nanoseconds(&self) -> f64 {
        self.elapsed.as_secs_f64() * 1e9 / self.operations as f64
    }

    /// Processor seconds for a million operations.
    pub fn cpu_per_million(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.operations as f64
    }

    /// Voluntary switches for each operation.
    pub fn switches(&self) -> f64 {
        self.voluntary_switches as f64 / self.operations as f64
    }
}

/// Started when all threads stand ready, read when the last operation is done.
#[derive(Debug)]
pub struct Meter {
    usage: Usage,
    began: Instant,
}

impl Meter {
    /// Starts.
    ///
    /// # Panics
    /// If the system does not say what the process uses.
    pub fn start() -> Self {
        Self { usage: usage(), began: Instant::now() }
    }

    /// Reads, after so many operations.
    pub fn stop(self, operations: u64) -> Sample {
        let elapsed = self.began.elapsed();
        let now = usage();
        Sample {
            operations,
            elapsed,
            cpu: cpu(&now).saturating_sub(cpu(&self.usage)),
            voluntary_switches: switches(&now).saturating_sub(switches(&self.usage)),
            percentiles: Vec::new(),
        }
    }
}

fn usage() -> Usage {
    getrusage(UsageWho::RUSAGE_SELF).expect("the system counts what a process uses")
}

fn cpu(usage: &Usage) -> Duration {
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(microseconds.unsigned_abs())
}

fn switches(usage: &Usage) -> u64 {
    usage.voluntary_context_switches().unsigned_abs()
}
