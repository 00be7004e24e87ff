//! A daemon in this process, for tests that write down its steps (`specs/traces/`).

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use keylane::Local;

use crate::cli::Config;
use crate::osd::Osd;
use crate::server::Server;
use crate::ticks;

/// A daemon that runs. End it with [`finish`](Self::finish).
pub struct Daemon(Server);

/// Sends the daemon its ticks: in time with whoever has it, and not with the clock.
pub struct Ticker {
    local: Local<Osd>,
    number: u32,
}

impl Daemon {
    /// Starts one on a free port, whose own clock stands still.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(pgs: u32, shards: usize, threads_per_shard: usize) -> Result<Self, Box<dyn Error>> {
        let (bind, tick) = (Ipv4Addr::LOCALHOST.into(), Duration::MAX);
        Ok(Self(Server::start(Config { bind, port: 0, pgs, shards, threads_per_shard, tick })?))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// In place of its clock.
    pub fn ticker(&self) -> Ticker {
        Ticker { local: self.0.local(), number: 0 }
    }

    /// How many connections it has been told are gone.
    pub fn resets(&self) -> u64 {
        self.0.counters().resets.get()
    }

    /// Waits until a client has sent SHUTDOWN, and ends it: everything that must never happen and did.
    pub fn finish(self) -> Vec<String> {
        self.0.finish().faults()
    }
}

impl Ticker {
    /// The next tick. False when the queue has been shut down.
    pub fn tick(&mut self) -> bool {
        self.number += 1;
        ticks::tick(&self.local, self.number)
    }
}
