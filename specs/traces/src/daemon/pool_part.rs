//! The daemon's pool as a run of `ShardedPool`.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use keylane::trace::UNNAMED;

use super::cast::{Cast, Role};
use super::small;
use crate::note::{Note, Story, Then};
use crate::pool::{About, Plan};

/// The twin has sets of items, whose numbers are below that.
const ITEMS: usize = 64;

/// There, keys count from 1, and go to the shards one after the other: the first key to the first shard, and so on.
struct Keys {
    shards: u8,
    /// By placement group.
    known: HashMap<u64, u8>,
    /// By shard: how many there are.
    counts: Vec<u8>,
}

impl Keys {
    /// The key of a placement group that has come to this shard.
    fn key(&mut self, pg: u64, shard: u8) -> Result<u8> {
        let count = &mut self.counts[usize::from(shard)];
        let key = *self.known.entry(pg).or_insert_with(|| {
            *count += 1;
            (*count - 1) * self.shards + shard + 1
        });
        ensure!((key - 1) % self.shards == shard, "items of placement group {pg} go to several shards");
        Ok(key)
    }
}

/// With the numbers that threads, keys and items have there.
pub(super) fn retell(cast: &Cast, notes: &[Note]) -> Result<(Plan, Vec<Note>)> {
    let shards = cast.shards();
    let mut keys = Keys { shards, known: HashMap::new(), counts: vec![0; shards.into()] };
    let mut items = HashMap::new();
    let mut told = Vec::new();
    for (note, then) in Story::new(notes.iter().copied()).notes() {
        let thread = match cast.role(note.thread) {
            // It stops the pool, and there are no other controls.
            Some(Role::Boss) => 0,
            Some(Role::Reader { .. } | Role::Dispatch | Role::Worker) => UNNAMED + note.thread % UNNAMED,
            other => bail!("{note:?} of {other:?}"),
        };
        let tag = note.value & u64::from(u32::MAX);
        let value = match note.what {
            "submits" => {
                let (shard, number) = (pushed_to(cast, then)?, items.len() as u64 + 1);
                items.insert(tag, number);
                About::Back { key: keys.key(note.value >> 32, shard)?, number }.code()
            }
            "begin" => *items.get(&tag).context("it was not submitted")?,
            _ => note.value,
        };
        told.push(Note { thread, value, ..note });
    }
    ensure!(items.len() < ITEMS, "the twin has no sets of {} items", items.len());
    let plan = Plan {
        shards,
        workers: 0,
        keys: keys.known.into_values().max().unwrap_or(1),
        submitters: 1,
        items: small(items.len() as u64)?,
        ..Plan::NONE
    };
    Ok((plan, told))
}

/// To which shard it goes, what this thread is about to submit.
fn pushed_to(cast: &Cast, mut then: Then<'_>) -> Result<u8> {
    let push = then.next().filter(|next| next.what == "push").context("it was not accepted")?;
    cast.shard(push.at).context("it was pushed elsewhere")
}
