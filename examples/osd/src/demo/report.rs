//! The report, for a terminal and for a pipe.

use std::fmt;
use std::time::Duration;

use console::style;
use hdrhistogram::Histogram;
use indicatif::HumanCount;
use keylane::QueueSnapshot;

use crate::counters::Counters;
use crate::demo::Plan;
use crate::demo::load::{Load, PIPELINE};
use crate::demo::verdict::Verdict;
use crate::osd_map::OsdMap;
use crate::queue_view::queued_by_clients;

pub struct Report<'a> {
    pub plan: Plan,
    pub map: &'a OsdMap,
    pub load: &'a Load,
    pub messages: Messages,
    pub verdicts: &'a [Verdict],
}

/// Which way the messages of the load went.
pub struct Messages {
    fast: u64,
    queued: u64,
    local_fast: u64,
    local_queued: u64,
    ops: u64,
}

impl Messages {
    pub fn of(queue: &QueueSnapshot, counters: &Counters) -> Self {
        Self {
            fast: queue.fast,
            queued: queued_by_clients(queue),
            local_fast: queue.local.fast,
            local_queued: queue.local.passed_on,
            ops: counters.ops.get(),
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, map, load, messages, verdicts } = self;
        let heading = |text: &'static str| style(text).bold();
        writeln!(f)?;
        writeln!(
            f,
            "{}  {} connections pipelining, 1 not, 1 scrubbing ({} times)",
            heading("keylane-osd demo"),
            plan.connections,
            load.scrubs,
        )?;
        writeln!(
            f,
            "                  {} pgs on {} shards of {} threads",
            map.pgs, map.shards, map.threads_per_shard,
        )?;
        writeln!(f)?;
        let rate = messages.ops as f64 / load.elapsed.as_secs_f64();
        writeln!(
            f,
            "  {} {:>14} ops/s   {} in {:.1} s",
            heading("throughput"),
            HumanCount(rate as u64).to_string(),
            HumanCount(messages.ops),
            load.elapsed.as_secs_f64(),
        )?;
        writeln!(f)?;
        let latency = heading("latency, round trip");
        writeln!(f, "  {latency:22} {:>11} {:>11} {:>11} {:>11}", "p50", "p99", "p99.9", "max")?;
        latencies(f, "one request", &load.single.latency)?;
        let mut pipelined = load.single.latency.clone();
        pipelined.reset();
        for tally in &load.pipelined {
            pipelined.add(&tally.latency).expect("all have the same range");
        }
        latencies(f, &format!("pipeline of {PIPELINE}"), &pipelined)?;
        writeln!(f)?;
        let ways = [
            ("fast, on the reader's thread", messages.fast),
            ("queued for the dispatch thread", messages.queued),
            ("to itself, fast", messages.local_fast),
            ("to itself, queued", messages.local_queued),
        ];
        writeln!(f, "  {}", heading("messages"))?;
        for (way, count) in ways {
            writeln!(f, "    {way:32} {:>14}", HumanCount(count).to_string())?;
        }
        writeln!(f)?;
        writeln!(f, "  {}", heading("verdicts"))?;
        for Verdict { claim, result } in *verdicts {
            let (mark, detail) = match result {
                Ok(detail) => (style("pass").green(), detail),
                Err(detail) => (style("FAIL").red().bold(), detail),
            };
            writeln!(f, "    {mark}  {claim:34} {detail}")?;
        }
        writeln!(f)
    }
}

fn latencies(f: &mut fmt::Formatter<'_>, name: &str, latency: &Histogram<u64>) -> fmt::Result {
    let at = |quantile| millis(latency.value_at_quantile(quantile));
    let (p50, p99, p999, max) = (at(0.5), at(0.99), at(0.999), millis(latency.max()));
    writeln!(f, "    {name:20} {p50:>11} {p99:>11} {p999:>11} {max:>11}")
}

fn millis(micros: u64) -> String {
    format!("{:.2} ms", Duration::from_micros(micros).as_secs_f64() * 1e3)
}
