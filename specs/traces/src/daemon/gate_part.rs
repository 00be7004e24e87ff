//! The daemon's gate as a run of `EpochGate`.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::cast::{Cast, Role};
use super::small;
use crate::gate::Plan;
use crate::note::Note;

/// Whoever starts the daemon publishes, and so does the dispatch thread.
const PUBLISHERS: u8 = 2;

/// With the numbers that threads and messages have there. Sessions count from 1 on either side.
pub(super) fn retell(cast: &Cast, notes: &[Note]) -> Result<(Plan, Vec<Note>)> {
    let sessions = cast.connections();
    // By session and the daemon's number: which message of its session it is.
    let mut numbers = HashMap::new();
    let mut counts: HashMap<u64, u8> = HashMap::new();
    let mut brought = HashMap::new();
    let (mut published, mut epochs) = (false, 1);
    let mut told = Vec::new();
    for &note in notes {
        let thread = match cast.role(note.thread) {
            Some(Role::Reader { session, .. }) => session,
            Some(Role::Boss) => sessions,
            Some(Role::Dispatch) => sessions + 1,
            other => bail!("{note:?} of {other:?}"),
        };
        let (high, low) = (note.value >> 32, note.value & u64::from(u32::MAX));
        let value = match note.what {
            "opens" => continue,
            "publish" => {
                published = true;
                epochs = epochs.max(small(note.value)?);
                note.value
            }
            "brings" => {
                ensure!(high > 0 || published, "it needs no map, and there is none");
                let needs = high.max(1);
                epochs = epochs.max(small(needs)?);
                brought.insert(note.thread, low);
                // In no group: all of them are there.
                needs << 8
            }
            "arrive" => {
                let count = counts.entry(note.value).or_default();
                *count = count.checked_add(1).context("too many messages")?;
                numbers.insert((note.value, brought[&note.thread]), u64::from(*count));
                note.value
            }
            "call" => *numbers.get(&(high, low)).context("it has not arrived")?,
            _ => note.value,
        };
        told.push(Note { thread: thread.into(), value, ..note });
    }
    let messages = counts.into_values().max().unwrap_or(0);
    Ok((Plan { sessions, messages, epochs, groups: 0, publishers: PUBLISHERS, ends: true }, told))
}
