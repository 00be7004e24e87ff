//! The bug museum: each piece put back, and the model that must find it.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Options;
use super::crew::Crew;
use super::findings::{Piece, Verdict};
use super::laboratory::{Laboratory, Witness};
use crate::mutate::{self, Mutant};

/// Shows the pieces that `options` ask for to their models.
pub fn run(crew: &Crew, laboratory: &Laboratory, root: &Path, options: &Options) -> Result<Vec<Piece>> {
    let only = options.museum.as_deref();
    let id_of = |mutant: &Mutant| mutant.entry.as_ref().and_then(|entry| entry.id.clone());
    let pieces: Vec<_> = laboratory.mutants().filter(|(_, mutant)| id_of(mutant).is_some()).collect();
    let mut pieces = options.part(pieces);
    pieces.retain(|(_, mutant)| only.is_none_or(|only| id_of(mutant).as_deref() == Some(only)));
    ensure!(only.is_none() || !pieces.is_empty(), "the museum has no piece called that");
    let src = root.join("src");
    crew.run(
        "museum",
        &pieces,
        |(_, mutant)| &mutant.id,
        |&(number, mutant)| {
            let entry = mutant.entry.clone().context("a piece is in a table")?;
            let model = entry.model.context("a piece names the model that finds it")?;
            let symptom = entry.symptom.context("a piece says how it shows")?;
            let ended = laboratory.run(&Witness::Model(model.clone()), number)?;
            let found = ended.verdict == Verdict::Fail && ended.output.contains(&symptom);
            let id = entry.id.unwrap_or_default();
            if !found {
                crew.say(format!("NOT FOUND museum piece {id} by {model}"));
            }
            Ok(Piece {
                id,
                name: entry.name,
                story: entry.story,
                page: entry.page,
                model,
                interleaving: ended.interleaving().and_then(|number| number.split('.').next()?.parse().ok()),
                seconds: ended.seconds,
                result: if found { Verdict::Pass } else { Verdict::Fail },
                failure: (!found)
                    .then(|| format!("it should have said {symptom:?}, and said\n{}", ended.output)),
                diff: mutate::diff(mutant, &src)?,
            })
        },
    )
}
