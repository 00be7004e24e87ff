//! Where and with what it was measured: without that, a figure says little.

use std::fmt;

use jiff::{Timestamp, Unit};
use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The machine, the system and the compiler.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// As the processor calls itself.
    pub cpu: String,
    /// That the system schedules on.
    pub cores: usize,
    /// In bytes.
    pub memory: u64,
    /// The kernel's version.
    pub kernel: String,
    /// Which compiler built this.
    pub rustc: &'static str,
    /// When it began, in UTC.
    pub date: String,
    /// Of the last one, five and fifteen minutes when it began: what else ran.
    pub load: [f64; 3],
}

impl Machine {
    /// This one, now.
    pub fn here() -> Self {
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_frequency())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted);
        let load = System::load_average();
        let now = Timestamp::now();
        Self {
            cpu: system.cpus().first().map_or("unknown", |cpu| cpu.brand()).to_owned(),
            cores: system.cpus().len(),
            memory: system.total_memory(),
            kernel: System::kernel_long_version(),
            rustc: env!("RUSTC_VERSION"),
            date: now.round(Unit::Second).unwrap_or(now).to_string(),
            load: [load.one, load.five, load.fifteen],
        }
    }

    /// What is told of it, each with its name.
    pub fn facts(&self) -> [(&'static str, String); 6] {
        let [one, five, fifteen] = self.load;
        [
            ("Processor", format!("{}, {} cores", self.cpu, self.cores)),
            ("Memory", format!("{:.1} GiB", self.memory as f64 / f64::from(1 << 30))),
            ("Kernel", self.kernel.clone()),
            ("Compiler", self.rustc.to_owned()),
            ("Date", self.date.clone()),
            ("Load at start", format!("{one:.2} {five:.2} {fifteen:.2}")),
        ]
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts().iter().try_for_each(|(name, fact)| writeln!(f, "{name:>13}: {fact}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Machine;

    #[test]
    fn it_knows_where_it_is() {
        let here = Machine::here();
        assert!(here.cores > 0 && here.memory > 0 && !here.kernel.is_empty(), "{here}");
        assert!(here.rustc.starts_with("rustc ") && here.date.ends_with('Z'), "{here}");
    }
}
