//! Runs of the daemon (`examples/osd/`): what its queue, its gate and its pool do in one recording, taken apart and put into the
//! words of the plans of this crate, whose tellers do the rest.
//!
//! What of the daemon the specifications leave out, and how that is told:
//!
//! * *Connections that come and go.* In `DispatchQueue` and `EpochGate` all are there from the start; here one that has not come
//!   yet, or is gone, does nothing.
//! * *Events that discard nothing.* That a connection is accepted is told as a message of it, of a priority above all: "like a
//!   message, but before every message", as D9 has it. It takes no room. So a recording must not have a connection reset while
//!   an acceptance waits to be told of: among events the specification knows of resets only.
//! * *Bytes.* The daemon limits these, and not messages. A recording in which somebody waits for room is refused.
//! * *The watch thread.* It only hears its bell.
//! * *Operations that need no map* need the first one, which must have been published before they come.
//! * *The end of a connection that has been refused a message.* Its reset is no step of `DispatchQueue`, though the code allows it.
//!   Who has been refused must read on to the end of its replies: then the daemon drops its connection.
//! * *Several pools, queues or gates.* There is one of each.

mod cast;
mod gate_part;
mod pool_part;
mod queue_part;

use anyhow::{Context, Result, bail, ensure};
use keylane_twin::dispatch_queue::DispatchQueue;
use keylane_twin::epoch_gate::EpochGate;
use keylane_twin::sharded_pool::ShardedPool;

use self::cast::Cast;
use crate::note::Note;
use crate::trace::Trace;

/// Notes of one recording, by whose they are.
#[derive(Debug)]
pub struct Parts {
    cast: Cast,
    queue: Vec<Note>,
    gate: Vec<Note>,
    pool: Vec<Note>,
}

impl Parts {
    /// Takes a recording apart.
    ///
    /// # Errors
    /// If there is a note that is nobody's.
    pub fn of(notes: impl IntoIterator<Item = impl Into<Note>>) -> Result<Self> {
        let notes: Vec<Note> = notes.into_iter().map(Into::into).collect();
        let cast = Cast::of(&notes)?;
        let mut parts = Self { cast, queue: Vec::new(), gate: Vec::new(), pool: Vec::new() };
        for (at, &note) in notes.iter().enumerate() {
            let part = parts.cast.part(note).with_context(|| format!("note {at}, {note:?}"))?;
            let (notes, prefix) = match part {
                Part::Queue => (&mut parts.queue, "queue "),
                Part::Gate => (&mut parts.gate, "gate "),
                Part::Pool => (&mut parts.pool, "pool "),
                Part::Watch => continue,
            };
            notes.push(Note { what: note.what.strip_prefix(prefix).unwrap_or(note.what), ..note });
        }
        for (notes, what) in
            [(&parts.gate, "arrive"), (&parts.queue, "admit"), (&parts.queue, "close_roster")]
        {
            let mut places = notes.iter().filter(|note| note.what == what).map(|note| note.at);
            let first = places.next();
            ensure!(places.all(|at| Some(at) == first), "there are several that {what}");
        }
        Ok(parts)
    }

    /// What the queue did.
    ///
    /// # Errors
    /// If a note has no place in its specification.
    pub fn queue(&self) -> Result<Trace<DispatchQueue>> {
        let (plan, notes) = queue_part::retell(&self.cast, &self.queue)?;
        plan.tell(notes)
    }

    /// What the gate did.
    ///
    /// # Errors
    /// If a note has no place in its specification.
    pub fn gate(&self) -> Result<Trace<EpochGate>> {
        let (plan, notes) = gate_part::retell(&self.cast, &self.gate)?;
        plan.tell(notes)
    }

    /// What the pool did.
    ///
    /// # Errors
    /// If a note has no place in its specification.
    pub fn pool(&self) -> Result<Trace<ShardedPool>> {
        let (plan, notes) = pool_part::retell(&self.cast, &self.pool)?;
        plan.tell(notes)
    }
}

/// Whose business something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Queue,
    Gate,
    Pool,
    /// Of who looks out for slow callbacks.
    Watch,
}

impl Part {
    /// If that can be told by what was done.
    fn of(what: &str) -> Option<Self> {
        match what {
            "admit" | "stand_in_line" | "turn_away" | "give_back" | "close_throttle" | "enter" | "leave"
            | "done" | "close_lane" | "close_roster" | "depart" | "wait_quiet" | "seal" | "peek" => {
                Some(Self::Queue)
            }
            "arrive" | "publish" | "appeared" | "begin_from" | "go_on" | "park" | "reset" | "stop" => {
                Some(Self::Gate)
            }
            "pick" | "finish" | "shutdown" | "shut_down" | "nudge" | "get_up" | "sit_down"
            | "nobody_sleeps" | "settle_again" | "lie_down" => Some(Self::Pool),
            _ => match what.split_once(' ')?.0 {
                "queue" => Some(Self::Queue),
                "gate" => Some(Self::Gate),
                "pool" => Some(Self::Pool),
                _ => None,
            },
        }
    }
}

/// As a number of the twin's, of which there are few.
fn small(number: u64) -> Result<u8> {
    match u8::try_from(number) {
        Ok(number) => Ok(number),
        Err(_) => bail!("{number} is more than the twin has numbers for"),
    }
}
