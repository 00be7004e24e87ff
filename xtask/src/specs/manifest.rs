//! What is to be checked, and what is to come out: `specs/models.toml` and `specs/mutants.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::job::Job;

/// How much is checked.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    #[default]
    Quick,
    Full,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    Tlc,
    Tla,
}

/// One of the two must be able to read every model.
fn both() -> Vec<Tool> {
    vec![Tool::Tlc, Tool::Tla]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// That of its file in `specs/models/`.
    pub name: String,
    pub module: String,
    pub about: String,
    /// The property that has to break, if one has to.
    pub breaks: Option<String>,
    /// How many distinct states there are, if none has to.
    pub states: Option<u64>,
    #[serde(default = "both")]
    pub tools: Vec<Tool>,
    /// Why only one tool checks it.
    pub why: Option<String>,
    #[serde(default)]
    pub tier: Tier,
    /// Tools that take so long that only the full tier asks them.
    #[serde(default)]
    pub slow: Vec<Tool>,
    /// Actions that its constants leave no room for.
    #[serde(default)]
    pub never: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    pub name: String,
    pub story: String,
    /// Why the code has no mutant of this name.
    pub only: Option<String>,
    pub module: String,
    pub edits: Vec<Edit>,
    pub model: String,
    pub breaks: String,
    /// The last of them is asked in the quick tier.
    #[serde(default = "both")]
    pub tools: Vec<Tool>,
    pub why: Option<String>,
    #[serde(default)]
    pub tier: Tier,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    pub find: String,
    pub put: String,
}

#[derive(Debug)]
pub struct Manifest {
    pub models: Vec<Model>,
    pub mutants: Vec<Mutant>,
}

#[derive(Deserialize)]
struct Models {
    model: Vec<Model>,
}

#[derive(Deserialize)]
struct Mutants {
    mutant: Vec<Mutant>,
}

/// Of a mutant of the code, all that matters here.
#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct InCode {
    mutant: Vec<Named>,
}

impl Manifest {
    /// Reads both files, and sees that they fit what is there.
    pub fn read(root: &Path) -> Result<Self> {
        let models: Models = parse(&root.join("specs/models.toml"))?;
        let mutants: Mutants = parse(&root.join("specs/mutants.toml"))?;
        let manifest = Self { models: models.model, mutants: mutants.mutant };
        manifest.fits_its_folder(root)?;
        manifest.fits_the_specs(root)?;
        manifest.fits_the_code(root)?;
        Ok(manifest)
    }

    /// Every configuration has its entry, and every entry its configuration.
    fn fits_its_folder(&self, root: &Path) -> Result<()> {
        let mut there = BTreeSet::new();
        for file in fs::read_dir(root.join("specs/models"))? {
            let name = file?.file_name().into_string().ok().context("names are text")?;
            there.insert(name.strip_suffix(".cfg").context("only .cfg files are here")?.to_owned());
        }
        let named: BTreeSet<_> = self.models.iter().map(|model| model.name.clone()).collect();
        ensure!(named.len() == self.models.len(), "two models have one name");
        let lost: Vec<_> = there.symmetric_difference(&named).collect();
        ensure!(lost.is_empty(), "in specs/models.toml or in specs/models, but not in both: {lost:?}");
        Ok(())
    }

    /// Every model says what comes out; every edit is in one place, and of what the model has.
    fn fits_the_specs(&self, root: &Path) -> Result<()> {
        for Model { name, breaks, states, tools, why, .. } in &self.models {
            ensure!(
                breaks.is_some() != states.is_some(),
                "{name} has either states, or something that breaks"
            );
            ensure!(tools.len() == 2 || why.is_some(), "{name} does not say why one tool is enough");
        }
        for mutant in &self.mutants {
            let Mutant { name, module, edits, model, breaks, tools, why, .. } = mutant;
            let text = fs::read_to_string(root.join("specs").join(format!("{module}.tla")))?;
            for Edit { find, .. } in edits {
                let found = text.matches(find.as_str()).count();
                ensure!(found == 1, "{name}: found {found} times in {module}.tla, not once: {find}");
            }
            let of = self.models.iter().find(|other| other.name == *model);
            let of = of.with_context(|| format!("{name}: no model is called {model}"))?;
            ensure!(of.module == *module, "{name}: {model} is of another module");
            let cfg = fs::read_to_string(root.join("specs/models").join(format!("{model}.cfg")))?;
            ensure!(only(&cfg, breaks).is_some(), "{name}: {model} does not look at {breaks}");
            ensure!(tools.len() == 2 || why.is_some(), "{name} does not say why one tool is enough");
        }
        Ok(())
    }

    /// Every mutant has its namesake in the code, or says why not.
    fn fits_the_code(&self, root: &Path) -> Result<()> {
        let mut known = BTreeSet::new();
        for file in ["mutants.toml", "museum.toml"] {
            let named: InCode = parse(&root.join("loom-tests").join(file))?;
            known.extend(named.mutant.into_iter().map(|mutant| mutant.name));
        }
        for Mutant { name, only, .. } in &self.mutants {
            ensure!(known.contains(name) != only.is_some(), "{name}: either in the code too, or only here");
        }
        Ok(())
    }

    /// What is to be run.
    pub fn jobs(&self, root: &Path, tier: Tier) -> Vec<Job> {
        let models = self.models.iter().filter(|model| model.tier <= tier).flat_map(|model| {
            let asked = |tool: &&Tool| tier == Tier::Full || !model.slow.contains(tool);
            model.tools.iter().filter(asked).map(|&tool| Job::of_model(root, model, tool))
        });
        let mutants = self.mutants.iter().filter(|mutant| mutant.tier <= tier).flat_map(|mutant| {
            // One is enough to see that it is found, and the second needs no Java.
            let asked = |tool: &&Tool| tier == Tier::Full || Some(*tool) == mutant.tools.last();
            mutant.tools.iter().filter(asked).map(|&tool| Job::of_mutant(root, mutant, tool))
        });
        models.chain(mutants).collect()
    }
}

/// The configuration that looks at this invariant or property only, if it looks at it.
pub fn only(cfg: &str, name: &str) -> Option<String> {
    let mut kept = false;
    let mut text = String::new();
    for line in cfg.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some(section @ ("INVARIANTS" | "PROPERTIES")) => {
                if words.any(|word| word == name) {
                    kept = true;
                    text.push_str(&format!("{section} {name}\n"));
                }
            }
            _ => text.push_str(&format!("{line}\n")),
        }
    }
    kept.then_some(text)
}

fn parse<T: for<'a> Deserialize<'a>>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    toml::from_str(&text).with_context(|| format!("in {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_cut_down_to_one_property() {
        let cfg = "SPECIFICATION Spec\nINVARIANTS Types One\nPROPERTIES Two Three\n";
        assert_eq!(only(cfg, "Two").unwrap(), "SPECIFICATION Spec\nPROPERTIES Two\n");
        assert_eq!(only(cfg, "One").unwrap(), "SPECIFICATION Spec\nINVARIANTS One\n");
        assert_eq!(only(cfg, "Spec"), None);
    }

    #[test]
    fn what_is_written_down_fits_specs_and_code() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        Manifest::read(root).unwrap();
    }
}
