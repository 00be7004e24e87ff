//! A pool's figures, for whichever collector the program has.

use core::time::Duration;

use metrics::{Label, counter, gauge};

use crate::pool::snapshot::{ClassSnapshot, PoolSnapshot, ShardSnapshot};

impl PoolSnapshot {
    /// Tells the [`metrics`] recorder of the program these figures, under the name of the pool. Call it now and then, or
    /// when a collector asks: nothing is recorded otherwise, and items cost nothing more for it. Of several snapshots of one
    /// pool, record the newer one later. Needs the feature `metrics`.
    ///
    /// Names and labels are these and no others; each has the labels `pool` and `shard`, a number from 0, besides. `class` is
    /// the number that [`Handler::class`](crate::Handler::class) gives: so there are shards times classes of what has it.
    /// Items that wait, run, and have met their fate are those that were accepted.
    ///
    /// | name | kind | label | is |
    /// |---|---|---|---|
    /// | `keylane_pool_accepted_total` | counter | `class` | items that got in |
    /// | `keylane_pool_items_total` | counter | `class`, `fate`: `ran`, `removed`, `handed_back` | items that met this fate |
    /// | `keylane_pool_panics_total` | counter | | handlers among those that ran, and that panicked |
    /// | `keylane_pool_commits_accepted_total` | counter | | completion callbacks that got in |
    /// | `keylane_pool_commits_total` | counter | `fate`: `ran`, `handed_back` | completion callbacks that met this fate |
    /// | `keylane_pool_wakes_total` | counter | | how often a worker was woken |
    /// | `keylane_pool_wait_nanoseconds_total` | counter | `class` | how long items waited until they started, all together: as many as run or ran; not without a clock |
    /// | `keylane_pool_run_nanoseconds_total` | counter | `class` | how long their handlers ran, all together: as many as ran; not without a clock |
    /// | `keylane_pool_wait_max_seconds` | gauge | `class` | the longest wait so far; not without a clock |
    /// | `keylane_pool_run_max_seconds` | gauge | `class` | the longest run so far; not without a clock |
    /// | `keylane_pool_depth` | gauge | `class` | items that wait, or are to be queued later |
    /// | `keylane_pool_running` | gauge | `class` | items that run |
    /// | `keylane_pool_to_come` | gauge | | items that are to be queued later |
    /// | `keylane_pool_commits_depth` | gauge | | completion callbacks that wait or run |
    /// | `keylane_pool_oldest_seconds` | gauge | | age of the oldest item that is queued, 0 if there is none; not without a clock |
    /// | `keylane_pool_poisoned_keys` | gauge | | keys that are poisoned |
    /// | `keylane_pool_workers` | gauge | | workers that there are |
    /// | `keylane_pool_workers_asleep` | gauge | | workers that sleep |
    /// | `keylane_pool_workers_busy` | gauge | | workers inside of a handler or a completion callback |
    pub fn record(&self, pool: &str) {
        for (number, shard) in self.shards.iter().enumerate() {
            let labels = Labels { pool, shard: number.to_string() };
            shard.record(&labels, self.has_clock);
            for class in &shard.classes {
                class.record(&labels, self.has_clock);
            }
        }
    }
}

/// Those that all figures of a shard have.
struct Labels<'a> {
    pool: &'a str,
    shard: String,
}

impl Labels<'_> {
    fn and<const N: usize>(&self, more: [Label; N]) -> Vec<Label> {
        let own = [Label::new("pool", self.pool.to_owned()), Label::new("shard", self.shard.clone())];
        own.into_iter().chain(more).collect()
    }
}

impl ShardSnapshot {
    fn record(&self, labels: &Labels<'_>, has_clock: bool) {
        let commits = &self.commits;
        for (name, count) in [
            ("keylane_pool_panics_total", self.panicked),
            ("keylane_pool_commits_accepted_total", commits.accepted),
            ("keylane_pool_wakes_total", self.wakes),
        ] {
            counter!(name, labels.and([])).absolute(count);
        }
        for (fate, count) in [("ran", commits.ran), ("handed_back", commits.handed_back)] {
            let fate = Label::from_static_parts("fate", fate);
            counter!("keylane_pool_commits_total", labels.and([fate])).absolute(count);
        }
        for (name, level) in [
            ("keylane_pool_to_come", self.to_come),
            ("keylane_pool_commits_depth", commits.waiting + commits.running),
            ("keylane_pool_poisoned_keys", self.poisoned),
            ("keylane_pool_workers", self.workers as u64),
            ("keylane_pool_workers_asleep", self.asleep as u64),
            ("keylane_pool_workers_busy", self.busy()),
        ] {
            gauge!(name, labels.and([])).set(level as f64);
        }
        if has_clock {
            let age = self.oldest.as_ref().map_or(0.0, Duration::as_secs_f64);
            gauge!("keylane_pool_oldest_seconds", labels.and([])).set(age);
        }
    }
}

impl ClassSnapshot {
    fn record(&self, labels: &Labels<'_>, has_clock: bool) {
        let class = || Label::new("class", self.class.0.to_string());
        counter!("keylane_pool_accepted_total", labels.and([class()])).absolute(self.accepted);
        for (fate, count) in [("ran", self.ran), ("removed", self.removed), ("handed_back", self.handed_back)]
        {
            let fate = Label::from_static_parts("fate", fate);
            counter!("keylane_pool_items_total", labels.and([class(), fate])).absolute(count);
        }
        for (name, level) in [("keylane_pool_depth", self.waiting), ("keylane_pool_running", self.running)] {
            gauge!(name, labels.and([class()])).set(level as f64);
        }
        if !has_clock {
            return;
        }
        for (total, max, times) in [
            ("keylane_pool_wait_nanoseconds_total", "keylane_pool_wait_max_seconds", self.wait),
            ("keylane_pool_run_nanoseconds_total", "keylane_pool_run_max_seconds", self.run),
        ] {
            let nanoseconds = u64::try_from(times.total.as_nanos()).unwrap_or(u64::MAX);
            counter!(total, labels.and([class()])).absolute(nanoseconds);
            gauge!(max, labels.and([class()])).set(times.max.as_secs_f64());
        }
    }
}
