//! `cargo xtask mutants`: lists mutants, shows one, builds the copy that has them all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::mutate::{self, Copy, Entry, Mutant, Operator, table};

/// The tables of hand-written mutants. A table that does not exist has none.
const TABLES: [&str; 2] = ["loom-tests/mutants.toml", "loom-tests/museum.toml"];

/// What to do with the mutants.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub struct Arguments {
    /// Print the id and the place of each.
    #[arg(long)]
    list: bool,
    /// Print what one changes.
    #[arg(long, value_name = "ID")]
    diff: Option<String>,
    /// Write the copy that has them all, find out which of them build, and count.
    #[arg(long)]
    build: bool,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is in the repository")?;
    let src = repo.join("src");
    let mutants = all(repo)?;
    if arguments.list {
        for mutant in &mutants {
            println!("{}\n    src/{}:{} {}", mutant.id, mutant.file, mutant.line, mutant.function);
            println!("    {}\n    {}", mutant.original, mutant.replacement);
        }
        println!("{} mutants", mutants.len());
    }
    if let Some(id) = &arguments.diff {
        let Some(mutant) = mutants.iter().find(|mutant| mutant.id == *id) else {
            bail!("there is no mutant {id}; --list names them");
        };
        if let Some(entry) = &mutant.entry {
            describe(entry);
        }
        print!("{}", mutate::diff(mutant, &src)?);
    }
    if arguments.build {
        build(repo, mutants)?;
    }
    Ok(())
}

/// The mutants of the repository, automatic and hand-written.
pub fn all(repo: &Path) -> Result<Vec<Mutant>> {
    let src = repo.join("src");
    let mut mutants = mutate::find(&src)?;
    mutants.extend(named(repo)?);
    Ok(mutants)
}

/// The hand-written ones, each of which fits the sources.
pub fn named(repo: &Path) -> Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for file in TABLES.map(|file| repo.join(file)).iter().filter(|file| file.exists()) {
        mutants.extend(table::read(file, &repo.join("src"))?);
    }
    Ok(mutants)
}

fn describe(entry: &Entry) {
    println!("# {}: {}", entry.name, entry.story);
    let more = [
        ("known as", &entry.id),
        ("title", &entry.title),
        ("page", &entry.page),
        ("model", &entry.model),
        ("symptom", &entry.symptom),
    ];
    for (what, text) in more {
        if let Some(text) = text {
            println!("# {what}: {text}");
        }
    }
}

/// Where the copy is.
pub fn home(repo: &Path) -> PathBuf {
    repo.join("target/mutants/copy")
}

fn build(repo: &Path, mutants: Vec<Mutant>) -> Result<()> {
    let started = Instant::now();
    let mut copy = Copy::write(repo, &home(repo), mutants)?;
    copy.settle()?;
    println!("{:<18} {:>5} {:>8}", "operator", "built", "dropped");
    for operator in Operator::ALL {
        let of = |mutant: &Mutant| mutant.operator == operator;
        let built = copy.mutants().filter(|(_, mutant)| of(mutant)).count();
        let dropped = copy.dropped().filter(|mutant| of(mutant)).count();
        println!("{operator:<18} {built:>5} {dropped:>8}");
    }
    for mutant in copy.dropped() {
        println!("does not build: {}", mutant.id);
    }
    let numbers: String =
        copy.mutants().map(|(number, mutant)| format!("{number}\t{}\n", mutant.id)).collect();
    fs::write(copy.home().join("numbers.txt"), numbers)?;
    println!("{} mutants in {}", copy.mutants().count(), copy.home().display());
    println!("KEYLANE_MUTANT=NUMBER activates one there; numbers.txt has the numbers");
    println!("settled in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}
