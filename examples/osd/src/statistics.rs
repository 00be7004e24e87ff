//! What the ticks keep up to date (Ceph: heartbeats, and reports to the manager).

use std::time::{Duration, Instant};

/// Changed by the local thread (heartbeat) and the dispatch thread (report), read by INFO.
#[derive(Debug)]
pub struct Statistics {
    started: Instant,
    last_heartbeat: Instant,
    longest_gap: Duration,
    reported: Instant,
    ops: u64,
    ops_per_second: f64,
}

impl Statistics {
    pub fn new(now: Instant) -> Self {
        Self {
            started: now,
            last_heartbeat: now,
            longest_gap: Duration::ZERO,
            reported: now,
            ops: 0,
            ops_per_second: 0.0,
        }
    }

    pub fn heartbeat(&mut self, now: Instant) {
        self.longest_gap = self.longest_gap.max(now - self.last_heartbeat);
        self.last_heartbeat = now;
    }

    /// `ops` is how many there have been in all.
    pub fn report(&mut self, now: Instant, ops: u64) {
        let elapsed = (now - self.reported).as_secs_f64();
        if elapsed > 0.0 {
            self.ops_per_second = (ops - self.ops) as f64 / elapsed;
            (self.reported, self.ops) = (now, ops);
        }
    }

    pub fn uptime(&self, now: Instant) -> Duration {
        now - self.started
    }

    pub fn longest_gap(&self) -> Duration {
        self.longest_gap
    }

    /// Between the last two reports.
    pub fn ops_per_second(&self) -> f64 {
        self.ops_per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_gaps() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut statistics = Statistics::new(start);
        statistics.report(at(500), 1000);
        assert_eq!(statistics.ops_per_second(), 2000.0);
        statistics.report(at(1500), 1100);
        assert_eq!(statistics.ops_per_second(), 100.0);
        statistics.heartbeat(at(100));
        statistics.heartbeat(at(400));
        statistics.heartbeat(at(500));
        assert_eq!(statistics.longest_gap(), Duration::from_millis(300));
        assert_eq!(statistics.uptime(at(2000)), Duration::from_secs(2));
    }
}
