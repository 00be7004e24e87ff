//! Each mutant, run until somebody notices it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::crew::Crew;
use super::findings::{Fate, Mutant, Mutants};
use super::laboratory::{Laboratory, Symptom, Witness, symptom};
use super::{Options, Tier};
use crate::mutate;

/// Who noticed each mutant when they were last recorded: asked first, and everybody else only if it does not again.
const KILLERS: &str = "loom-tests/killers.tsv";

/// Which mutants may survive, and why.
const SURVIVORS: &str = "loom-tests/survivors.toml";

#[derive(Deserialize)]
struct Survivors {
    survivor: Vec<Survivor>,
}

#[derive(Deserialize)]
struct Survivor {
    id: String,
    reason: String,
}

/// What one mutant is run against, in this order.
struct Job<'a> {
    number: usize,
    mutant: &'a mutate::Mutant,
    recorded: Option<Witness>,
    explanation: Option<String>,
}

/// Runs the mutants that `options` ask for.
pub fn run(crew: &Crew, laboratory: &Laboratory, root: &Path, options: &Options) -> Result<Mutants> {
    let (tier, only) = (options.tier(), options.mutant.as_deref());
    let killers = read_killers(root)?;
    let mut explanations = read_survivors(root)?;
    let all: Vec<Job<'_>> = laboratory
        .mutants()
        // The museum's pieces have a table of their own.
        .filter(|(_, mutant)| mutant.entry.as_ref().is_none_or(|entry| entry.id.is_none()))
        .map(|(number, mutant)| Job {
            number,
            mutant,
            recorded: killers.get(&mutant.id).cloned(),
            explanation: explanations.remove(&mutant.id),
        })
        .collect();
    let stale: Vec<&String> = explanations.keys().collect();
    ensure!(stale.is_empty(), "{SURVIVORS} explains what is not there: {stale:?}");
    let total = all.len();
    let mut jobs = options.part(all);
    jobs.retain(|job| only.is_none_or(|id| job.mutant.id == id));
    if tier == Tier::Quick && only.is_none() && !options.mutants {
        jobs.retain(|job| is_sampled(job.mutant));
    }
    ensure!(only.is_none() || !jobs.is_empty(), "no mutant is called that (`cargo xtask mutants --list`)");

    let killers = Mutex::new(killers);
    let reach = Reach::new(crew, laboratory, root, jobs.iter().any(|job| needs_search(job, tier)))?;
    let src = root.join("src");
    let mutants = crew.run(
        "mutants",
        &jobs,
        |job| &job.mutant.id,
        |job| {
            let started = Instant::now();
            let found = if job.explanation.is_some() && tier == Tier::Quick && only.is_none() {
                None
            } else {
                Some(examine(laboratory, &reach, job, tier)?)
            };
            let fate = match (&found, &job.explanation) {
                (None, _) => Fate::NotRun,
                (Some(Some(_)), _) => Fate::Killed,
                (Some(None), Some(_)) => Fate::Explained,
                (Some(None), None) => Fate::Survived,
            };
            if fate == Fate::Survived {
                crew.say(format!("SURVIVED {}", job.mutant.id));
            }
            let found = found.flatten();
            if let Some((witness, _)) = found.as_ref().filter(|_| options.record) {
                // At once: who stops a long search does not lose what it has found.
                let mut killers = killers.lock().expect("no job panics here");
                killers.insert(job.mutant.id.clone(), witness.clone());
                write_killers(root, &killers)?;
            }
            Ok(Mutant {
                id: job.mutant.id.clone(),
                file: job.mutant.file.clone(),
                line: job.mutant.line,
                function: job.mutant.function.clone(),
                operator: job.mutant.operator.name().to_owned(),
                story: job.mutant.entry.as_ref().map(|entry| entry.story.clone()),
                diff: mutate::diff(job.mutant, &src)?,
                fate,
                killer: found.as_ref().map(|(witness, _)| witness.to_string()),
                symptom: found.as_ref().map(|(_, symptom)| symptom.name()),
                seconds: started.elapsed().as_secs_f64(),
                explanation: job.explanation.clone(),
            })
        },
    )?;

    if options.record {
        let known: BTreeSet<&str> = laboratory.mutants().map(|(_, mutant)| mutant.id.as_str()).collect();
        let mut killers = killers.into_inner().expect("no job panics here");
        killers.retain(|id, _| known.contains(id.as_str()));
        write_killers(root, &killers)?;
    }
    Ok(summarise(total, mutants))
}

/// Whether a quick run examines it: all that somebody thought of, and of the others one in so many, always the same.
fn is_sampled(mutant: &mutate::Mutant) -> bool {
    const ONE_IN: u64 = 3;
    // FNV-1a, so that it is the same with every toolchain.
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    let hash = mutant.id.as_bytes().iter().fold(0xCBF2_9CE4_8422_2325, step);
    mutant.entry.is_some() || hash % ONE_IN == 0
}

fn summarise(total: usize, mutants: Vec<Mutant>) -> Mutants {
    let count = |fate| mutants.iter().filter(|mutant| mutant.fate == fate).count();
    let ids = |wanted: &dyn Fn(&Mutant) -> bool| {
        mutants.iter().filter(|mutant| wanted(mutant)).map(|mutant| mutant.id.clone()).collect()
    };
    let (killed, explained) = (count(Fate::Killed), count(Fate::Explained) + count(Fate::NotRun));
    Mutants {
        total,
        run: mutants.len() - count(Fate::NotRun),
        killed,
        killed_by_pin_only: mutants
            .iter()
            .filter(|mutant| mutant.symptom == Some(Symptom::Pin.name()))
            .count(),
        explained,
        survivors: ids(&|mutant| mutant.fate == Fate::Survived),
        falsely_explained: ids(&|mutant| mutant.fate == Fate::Killed && mutant.explanation.is_some()),
        mutants,
    }
}

/// Whether a mutant may have to be shown to everybody.
fn needs_search(job: &Job<'_>, tier: Tier) -> bool {
    job.recorded.is_none() && (job.explanation.is_none() || tier != Tier::Quick)
}

/// Who notices the mutant. One whom an outcome gives away is preferred to one who only counts.
fn examine(
    laboratory: &Laboratory,
    reach: &Reach,
    job: &Job<'_>,
    tier: Tier,
) -> Result<Option<(Witness, Symptom)>> {
    let entry = job.mutant.entry.as_ref();
    let named = entry.and_then(|entry| entry.model.clone()).map(Witness::Model);
    let mut by_pin = None;
    let mut asked = BTreeSet::new();
    let first = named.iter().chain(&job.recorded).cloned();
    let everybody = first.chain(reach.witnesses(laboratory, job.number, &job.mutant.file, tier));
    let recorded_by_pin = |witness: &Witness| tier == Tier::Quick && job.recorded.as_ref() == Some(witness);
    for witness in everybody {
        if !asked.insert(witness.clone()) {
            continue;
        }
        // Somebody counts already; a quick run looks for an outcome only where that is cheap.
        if tier == Tier::Quick && by_pin.is_some() && !laboratory.is_cheap(&witness) {
            break;
        }
        let ended = laboratory.run(&witness, job.number)?;
        let wanted =
            entry.and_then(|entry| entry.symptom.as_deref()).filter(|_| named.as_ref() == Some(&witness));
        if wanted.is_some_and(|wanted| !ended.output.contains(wanted)) {
            continue;
        }
        match symptom(&ended) {
            None => {}
            // Quickly: what was known to be noticed by a count only is not searched again for something better.
            Some(Symptom::Pin) if !recorded_by_pin(&witness) => {
                by_pin.get_or_insert((witness, Symptom::Pin));
            }
            Some(symptom) => return Ok(Some((witness, symptom))),
        }
    }
    Ok(by_pin)
}

/// Which models come to which mutants: nobody else can notice them.
struct Reach {
    /// By model. A model that is not here was too large to be asked, and may come to anything.
    reached: BTreeMap<String, BTreeSet<usize>>,
}

/// Models of up to so many interleavings are asked where they come to.
const ASKED: u64 = 50_000;

/// Only a deep run tries larger models on a mutant that everybody else lets pass: for one that nobody can notice they
/// take minutes each.
const SMALL: u64 = 20_000;

impl Reach {
    fn new(crew: &Crew, laboratory: &Laboratory, root: &Path, needed: bool) -> Result<Self> {
        if !needed {
            return Ok(Self { reached: BTreeMap::new() });
        }
        let home = root.join("target/mutants/coverage");
        std::fs::create_dir_all(&home)?;
        let small: Vec<_> = laboratory.models().iter().rev().filter(|model| model.pinned <= ASKED).collect();
        let reached = crew.run(
            "coverage",
            &small,
            |model| &model.name,
            |model| {
                let witness = Witness::Model(model.name.clone());
                Ok(laboratory.reached(&witness, &home.join(&model.name))?.into_iter().collect())
            },
        )?;
        Ok(Self { reached: small.iter().map(|model| model.name.clone()).zip(reached).collect() })
    }

    /// Everybody who may notice mutant `number`, the cheapest first.
    fn witnesses<'a>(
        &'a self,
        laboratory: &'a Laboratory,
        number: usize,
        file: &'a str,
        tier: Tier,
    ) -> impl Iterator<Item = Witness> + 'a {
        let may_reach =
            move |name: &String| self.reached.get(name).is_none_or(|reached| reached.contains(&number));
        let models = |small: bool| {
            let size = move |pinned: u64| {
                if small { pinned <= SMALL } else { pinned > SMALL && tier == Tier::Deep }
            };
            let models =
                laboratory.models().iter().filter(move |model| size(model.pinned) && may_reach(&model.name));
            models.map(|model| Witness::Model(model.name.clone()))
        };
        models(true).chain(Laboratory::suites(file)).chain(models(false))
    }
}

fn read_killers(root: &Path) -> Result<BTreeMap<String, Witness>> {
    let Ok(text) = std::fs::read_to_string(root.join(KILLERS)) else { return Ok(BTreeMap::new()) };
    let line = |line: &str| {
        let (id, witness) = line.split_once('\t')?;
        Some((id.to_owned(), Witness::parse(witness)?))
    };
    text.lines().map(|text| line(text).with_context(|| format!("{KILLERS}: {text:?}"))).collect()
}

fn write_killers(root: &Path, killers: &BTreeMap<String, Witness>) -> Result<()> {
    let text: String = killers.iter().map(|(id, witness)| format!("{id}\t{witness}\n")).collect();
    Ok(std::fs::write(root.join(KILLERS), text)?)
}

fn read_survivors(root: &Path) -> Result<BTreeMap<String, String>> {
    let Ok(text) = std::fs::read_to_string(root.join(SURVIVORS)) else { return Ok(BTreeMap::new()) };
    let Survivors { survivor } = toml::from_str(&text).context(SURVIVORS)?;
    Ok(survivor.into_iter().map(|survivor| (survivor.id, survivor.reason)).collect())
}
