//! The servers, as child processes.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use redis::{Client, Connection};

use super::usage::Usage;

/// redis-benchmark takes its keys from so many.
pub const KEYS: u64 = 10_000;

/// So many keys are asked for at once.
const BATCH: usize = 1000;

/// Which server it is.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// The daemon as it comes.
    Osd,
    /// With the threads that Ceph has, whose items wait for disks.
    OsdAsCeph,
    Redis,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Osd, Self::OsdAsCeph, Self::Redis];

    /// As a contender.
    pub fn name(self) -> &'static str {
        match self {
            Self::Osd => "keylane-osd",
            Self::OsdAsCeph => "keylane-osd, 5 shards of 2 threads",
            Self::Redis => "redis-server",
        }
    }

    /// What it does not do that the daemon does.
    pub fn lacks(self) -> Option<&'static str> {
        match self {
            Self::Osd | Self::OsdAsCeph => None,
            Self::Redis => {
                Some("threads (one carries out everything), priorities, requests that wait for a map")
            }
        }
    }

    /// Where its program is: the daemon's beside ours.
    pub fn program(self) -> PathBuf {
        match self {
            Self::Osd | Self::OsdAsCeph => {
                std::env::current_exe().unwrap_or_default().with_file_name("keylane-osd")
            }
            Self::Redis => "redis-server".into(),
        }
    }

    /// What it says when it listens.
    fn ready(self) -> &'static str {
        match self {
            Self::Osd | Self::OsdAsCeph => "listening on",
            Self::Redis => "Ready to accept connections",
        }
    }

    fn command(self, port: u16) -> Command {
        let mut command = Command::new(self.program());
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        match self {
            Self::Osd => &mut command,
            Self::OsdAsCeph => command.args(["--shards", "5", "--threads-per-shard", "2"]),
            // It writes nothing to files either.
            Self::Redis => command.args(["--save", "", "--appendonly", "no"]),
        };
        command
    }
}

/// One that runs. It ends when this is dropped.
pub struct Server {
    child: Child,
    port: u16,
    /// Open, so that it can go on talking.
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it, and puts a value under each key that redis-benchmark may ask for.
    pub fn start(kind: Kind) -> Result<Self> {
        // Free now. Should somebody else take it before the server does, the server ends, and so does the run.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = kind.command(port);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| kind.program().display().to_string())?;
        let output = BufReader::new(child.stdout.take().context("it is a pipe")?);
        let mut server = Self { child, port, output };
        server.wait_for(kind.ready())?;
        server.fill()?;
        Ok(server)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has used since it started.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(&self.child)
    }

    /// The sum of all that INCR has counted.
    pub fn counters(&self) -> Result<u64> {
        let mut connection = self.connection()?;
        let mut sum = 0;
        for keys in names("counter").chunks(BATCH) {
            let values: Vec<Option<u64>> = redis::cmd("MGET").arg(keys).query(&mut connection)?;
            sum += values.into_iter().flatten().sum::<u64>();
        }
        Ok(sum)
    }

    fn fill(&self) -> Result<()> {
        let mut connection = self.connection()?;
        for keys in names("key").chunks(BATCH) {
            let mut pipeline = redis::pipe();
            keys.iter().for_each(|key| {
                pipeline.cmd("SET").arg(key).arg("xxx").ignore();
            });
            pipeline.query::<()>(&mut connection)?;
        }
        Ok(())
    }

    fn connection(&self) -> Result<Connection> {
        Ok(Client::open(("127.0.0.1", self.port))?.get_connection()?)
    }

    fn wait_for(&mut self, ready: &str) -> Result<()> {
        for line in self.output.by_ref().lines() {
            if line?.contains(ready) {
                return Ok(());
            }
        }
        bail!("it ended without \"{ready}\"")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and all the same it is to be waited for.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The keys of a kind, as redis-benchmark spells them.
fn names(kind: &str) -> Vec<String> {
    (0..KEYS).map(|number| format!("{kind}:{number:012}")).collect()
}
