//! The daemon's queue as a run of `DispatchQueue`.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use keylane::{Priority, Stop};

use super::cast::{Cast, Role};
use super::small;
use crate::note::{Note, Story};
use crate::queue::{AS_IF_IT_LOOKED, Message, Plan, begins_a_step, looks_next};

/// From the lowest to the highest. All of them are strict.
const PRIORITIES: [Priority; 4] = [Priority::LOW, Priority::DEFAULT, Priority::HIGH, Priority::HIGHEST];

/// Of events that discard nothing.
const ABOVE_ALL: u8 = PRIORITIES.len() as u8 + 1;

/// The specification's numbers for the daemon's messages.
#[derive(Default)]
struct Messages {
    /// By connection, or oneself: how many there have been.
    counts: HashMap<u8, u8>,
    /// By connection, or oneself, and the daemon's number.
    known: HashMap<(u8, u64), Message>,
    accepted: HashMap<u8, Message>,
}

impl Messages {
    fn another(&mut self, from: u8, priority: u8, fast: bool) -> Result<Message> {
        let count = self.counts.entry(from).or_default();
        *count = count.checked_add(1).context("too many messages")?;
        Ok(Message { from, number: *count, priority, fast })
    }

    /// One that the daemon is about to deliver or to send.
    fn draw(&mut self, from: u8, value: u64) -> Result<u64> {
        let [_, _, _, _, _, _, priority, fast] = value.to_be_bytes();
        let rank =
            PRIORITIES.iter().position(|&other| other == Priority(priority)).context("which priority?")?;
        let message = self.another(from, rank as u8 + 1, fast != 0)?;
        self.known.insert((from, value >> 16), message);
        Ok(message.code())
    }
}

/// With the numbers that threads and messages have there.
pub(super) fn retell(cast: &Cast, notes: &[Note]) -> Result<(Plan, Vec<Note>)> {
    let connections = cast.connections();
    // What it has of each is counted below.
    let plan = Plan {
        connections,
        messages: 0,
        locals: 0,
        priorities: ABOVE_ALL,
        fast: true,
        ordered: false,
        limit: 0,
        resets: true,
        discards: false,
        stop: Stop::RunRemaining,
    };
    let mut messages = Messages::default();
    let mut told = Vec::new();
    let mut last = HashMap::new();
    let mut line_of_its_own = false;
    for (note, then) in Story::new(notes.iter().copied()).notes() {
        let before = last.insert(note.thread, note.what);
        let (thread, from) = match cast.role(note.thread) {
            Some(Role::Reader { connection, .. }) => (connection, connection),
            Some(Role::Dispatch) => (plan.dispatch(), connections),
            Some(Role::Local) => (plan.local(), connections),
            Some(Role::Ticker) => (plan.sender(), connections),
            Some(Role::Boss) => (plan.boss(), connections),
            other => bail!("{note:?} of {other:?}"),
        };
        let (what, value) = match note.what {
            "connects" => continue,
            "announces" => {
                let message = messages.another(from, ABOVE_ALL, false)?;
                messages.accepted.insert(from, message);
                (note.what, message.code())
            }
            "delivers" | "sends" => (note.what, messages.draw(from, note.value)?),
            "accepts" => {
                let message =
                    messages.accepted.get(&small(note.value - 1)?).context("it was not announced")?;
                line_of_its_own = true;
                ("begin", message.code())
            }
            // An event is no message of a line, and after it the code may go on without a look. As a message it may have been
            // the last of its line, after which it may not: so it looks.
            "peek" if line_of_its_own && !looks_next(then) => (AS_IF_IT_LOOKED, 0),
            "begin" => {
                // Numbers of connections count from 1 there, and 0 is oneself.
                let from = (note.value >> 32).checked_sub(1).map_or(Ok(connections), small)?;
                let number = note.value & u64::from(u32::MAX);
                // Without a limit, the specification would not mind a permit that comes back before its time.
                let follows: Vec<_> =
                    then.map(|next| next.what).take_while(|what| !begins_a_step(what)).collect();
                ensure!(
                    matches!(follows[..], ["end"] | ["end", "give_back"]),
                    "what is queued begins, and then there is {follows:?}"
                );
                (note.what, messages.known.get(&(from, number)).context("it was not delivered")?.code())
            }
            // None of these connections is ordered, so nobody is turned away.
            "leave" => {
                ensure!(before == Some("end"), "it leaves, and its callback has not ended");
                (note.what, note.value)
            }
            other => (other, note.value),
        };
        let looks = what.starts_with("take") || what == AS_IF_IT_LOOKED;
        line_of_its_own &= !(thread == plan.dispatch() && looks);
        told.push(Note { thread: thread.into(), what, value, ..note });
    }
    let locals = messages.counts.remove(&connections).unwrap_or(0);
    let most = messages.counts.into_values().max().unwrap_or(0);
    Ok((Plan { messages: most, locals, ..plan }, told))
}
