//! Writes recorded runs, and corrupted ones, for `cargo xtask specs --trace`.
//!
//! `record DIR [RUNS]` makes so many runs of each plan, one unless said otherwise, and writes the one that adds most to what has
//! been written. What is kept in `specs/traces/` is of 1,000 at least.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;
use keylane::Stop;
use keylane_traces::corrupted::{self, Corrupted, Damage};
use keylane_traces::trace::Trace;
use keylane_traces::{baton, gate, inbox, pool, queue};
use keylane_twin::baton::Baton;
use keylane_twin::dispatch_queue::DispatchQueue;
use keylane_twin::epoch_gate::EpochGate;
use keylane_twin::inbox::Inbox;
use keylane_twin::protocol::{AtRest, Protocol};
use keylane_twin::sharded_pool::ShardedPool;

/// `tla` takes long for more.
const LONGEST: usize = 150;

const GATE: gate::Plan =
    gate::Plan { sessions: 2, messages: 4, epochs: 3, groups: 0, publishers: 2, ends: false };

const QUEUE: queue::Plan =
    queue::Plan { connections: 2, messages: 4, locals: 3, priorities: 2, fast: true, ..queue::Plan::NONE };

const POOL: pool::Plan =
    pool::Plan { shards: 2, workers: 2, keys: 3, submitters: 2, items: 5, children: 1, ..pool::Plan::NONE };

const BATON: baton::Plan =
    baton::Plan { workers: 2, keys: 2, submitters: 2, items: 5, pauses: 0, stops_paused: false };

const INBOX: inbox::Plan = inbox::Plan { producers: 2, messages: 10 };

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("where to?")?;
    let runs = arguments.next().map_or(Ok(1), |runs| runs.parse())?;
    let mut recorder = Recorder::new(Path::new(&folder), runs)?;

    for (name, plan) in [
        ("epochs", GATE),
        ("groups", gate::Plan { sessions: 1, messages: 6, epochs: 2, groups: 2, publishers: 1, ends: false }),
        ("ends", gate::Plan { sessions: 3, messages: 5, epochs: 4, groups: 2, publishers: 1, ends: true }),
    ] {
        recorder.record(name, |seed| plan.tell(plan.run(seed)))?;
    }
    for (name, plan) in [
        ("run", QUEUE),
        ("back", queue::Plan { fast: false, stop: Stop::HandBack, ..QUEUE }),
        ("ordered", queue::Plan { ordered: true, limit: 2, ..QUEUE }),
        ("resets", queue::Plan { resets: true, discards: true, limit: 1, stop: Stop::HandBack, ..QUEUE }),
    ] {
        recorder.record(name, |seed| plan.tell(plan.run(seed)))?;
    }
    for (name, plan) in [
        ("keys", POOL),
        ("commits", pool::Plan { commits: 4, removals: 3, ..POOL }),
        ("pauses", pool::Plan { pausers: 2, commits: 3, stop: Stop::HandBack, ..POOL }),
        ("drains", pool::Plan { drainers: 2, pausers: 1, removals: 2, commits: 2, ..POOL }),
    ] {
        recorder.record(name, |seed| plan.tell(plan.run(seed)))?;
    }
    for (name, plan) in [
        ("items", BATON),
        ("crowd", baton::Plan { workers: 4, keys: 3, submitters: 3, items: 3, ..BATON }),
        ("pauses", baton::Plan { pauses: 2, ..BATON }),
        ("paused", baton::Plan { workers: 3, pauses: 2, stops_paused: true, ..BATON }),
    ] {
        recorder.record(name, |seed| plan.tell(plan.run(seed)))?;
    }
    for (name, plan) in [
        ("two", INBOX),
        ("four", inbox::Plan { producers: 4, messages: 6 }),
        ("one", inbox::Plan { producers: 1, messages: 20 }),
    ] {
        recorder.record(name, |seed| plan.tell(plan.run(seed)))?;
    }
    recorder.misreport::<EpochGate>()?;
    recorder.misreport::<DispatchQueue>()?;
    recorder.misreport::<ShardedPool>()?;
    recorder.misreport::<Baton>()?;
    recorder.misreport::<Inbox>()
}

/// Where runs are written.
struct Recorder<'a> {
    folder: &'a Path,
    runs: u64,
    chance: Rng,
    /// What has been written, of any module.
    taken: BTreeSet<Kind>,
}

/// A module's action, and whose it is, of those that have a thread.
type Kind = (&'static str, String, Option<u64>);

impl<'a> Recorder<'a> {
    fn new(folder: &'a Path, runs: u64) -> Result<Self> {
        for kind in ["recorded", "corrupted"] {
            fs::create_dir_all(folder.join(kind))?;
        }
        Ok(Self { folder, runs, chance: Rng::with_seed(runs), taken: BTreeSet::new() })
    }

    fn record<P: AtRest>(&mut self, name: &str, run: impl Fn(u64) -> Result<Trace<P>>) -> Result<()> {
        let mut richest = None;
        let mut most = (false, 0, 0, 0);
        for seed in 0..self.runs {
            let trace = run(seed)?;
            if trace.actions.len() > LONGEST {
                println!("{} {name}, run {seed}: {} actions are too many", P::MODULE, trace.actions.len());
                continue;
            }
            let kinds = kinds(&trace)?;
            // What the twin does not follow is for the others to see, before all else.
            let is_none = trace.ends_well().is_err();
            let much = (is_none, kinds.difference(&self.taken).count(), kinds.len(), trace.actions.len());
            if much > most {
                (most, richest) = (much, Some(trace));
            }
        }
        let trace = richest.context("none is short enough")?;
        self.taken.extend(kinds(&trace)?);
        self.write(&format!("{}_{name}", P::MODULE), &trace)
    }

    /// Of the runs that are kept: for each thing that some action says, one in which it says something else. That one be found
    /// is not for chance, as a run of now may be.
    fn misreport<P: AtRest>(&mut self) -> Result<()> {
        let mut done = BTreeSet::new();
        let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded"))?;
        let mut paths = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
        paths.sort();
        for path in paths {
            let name = path.file_stem().context("a file has a name")?.to_string_lossy();
            if !name.starts_with(&format!("{}_", P::MODULE)) {
                continue;
            }
            let trace = Trace::<P>::from_lines(&fs::read_to_string(&path)?)?;
            for report in corrupted::reports(&trace).difference(&done.clone()) {
                if let Some(corrupted) = corrupted::misreport(&trace, report, &mut self.chance) {
                    let (action, field) = report;
                    self.keep(&format!("{name}_{action}_{field}"), &corrupted)?;
                    done.insert(report.clone());
                }
            }
        }
        Ok(())
    }

    fn keep<P: Protocol>(&self, name: &str, corrupted: &Corrupted<P>) -> Result<()> {
        println!("    {name}, {}: rejected after {}", corrupted.what, corrupted.after);
        Ok(fs::write(self.folder.join(format!("corrupted/{name}.jsonl")), corrupted.to_lines()?)?)
    }

    fn write<P: AtRest>(&mut self, name: &str, trace: &Trace<P>) -> Result<()> {
        fs::write(self.folder.join(format!("recorded/{name}.jsonl")), trace.to_lines()?)?;
        println!("{name}: {} actions", trace.actions.len());
        if let Err(rejected) = trace.replay() {
            println!("    is none: {rejected}");
            return Ok(());
        }
        if trace.ends_well().is_err() {
            println!("    stops too early");
            return Ok(());
        }
        for damage in Damage::ALL {
            if let Some(corrupted) = damage.inflict(trace, &mut self.chance) {
                fs::write(
                    self.folder.join(format!("corrupted/{name}_{damage}.jsonl")),
                    corrupted.to_lines()?,
                )?;
                println!("    {}: rejected after {}", corrupted.what, corrupted.after);
            }
        }
        Ok(())
    }
}

fn kinds<P: Protocol>(trace: &Trace<P>) -> Result<BTreeSet<Kind>> {
    let kind = |action: &P::Action| {
        let value = serde_json::to_value(action)?;
        let name = value["action"].as_str().context("actions have names")?;
        Ok((P::MODULE, name.to_owned(), value["thread"].as_u64()))
    };
    trace.actions.iter().map(kind).collect()
}
