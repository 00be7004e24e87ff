//! The command line.

use std::net::IpAddr;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use clap::Parser;

/// A miniature object storage daemon on keylane. It speaks RESP2: redis-cli and redis-benchmark talk to it.
#[derive(Debug, Clone, Parser)]
#[command(name = "keylane-osd", version)]
pub struct Cli {
    /// TCP port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 6800)]
    pub port: u16,

    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: IpAddr,

    /// Placement groups that objects are spread over
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub pgs: u32,

    /// Shards of the thread pool; unless given, one for each two processors, and as in Ceph no more than 5
    #[arg(long, default_value_t = shards_for(processors()), value_parser = clap::value_parser!(u16).range(1..=256))]
    pub shards: u16,

    /// Threads of each shard
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads_per_shard: u16,

    /// Start on a free port, put load on it with real clients, check what it did, report, and exit
    #[arg(long, conflicts_with_all = ["port", "bind"])]
    pub demo: bool,

    /// How long the demo's load lasts
    #[arg(long, hide = true, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub demo_seconds: u64,
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Ceph has 5 shards of 2 threads, whose operations wait for disks. Here they never wait, so a thread more than can run is
/// only one more to be woken; and readers need as much of the processors as these.
fn shards_for(processors: usize) -> u16 {
    match processors / 2 {
        0 => 1,
        pairs @ 1..5 => pairs as u16,
        _ => 5,
    }
}

/// What the daemon needs to know to run.
#[derive(Debug, Clone)]
pub struct Config {
    pub bind: IpAddr,
    pub port: u16,
    pub pgs: u32,
    pub shards: usize,
    pub threads_per_shard: usize,
    /// Between two ticks that the daemon sends itself.
    pub tick: Duration,
}

impl Cli {
    pub fn config(&self) -> Config {
        Config {
            bind: self.bind,
            port: if self.demo { 0 } else { self.port },
            pgs: self.pgs,
            shards: self.shards.into(),
            threads_per_shard: self.threads_per_shard.into(),
            tick: Duration::from_millis(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn shards_by_processors() {
        assert_eq!([1, 2, 3, 4, 9, 10, 64].map(shards_for), [1, 1, 1, 2, 4, 5, 5]);
    }

    #[test]
    fn zero_of_anything_is_refused() {
        for flag in ["--pgs", "--shards", "--threads-per-shard"] {
            let error = Cli::try_parse_from(["keylane-osd", flag, "0"]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(flag), "{error}");
        }
    }
}
