//! Who is who in a recording of the daemon: threads, inboxes and bells. Known by what they do, as most of the threads are
//! keylane's own.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::{Part, small};
use crate::note::Note;

/// What a thread is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads from a connection, and brings what comes to a session. Both count from 0.
    Reader {
        connection: u8,
        session: u8,
    },
    /// Sends the daemon its ticks.
    Ticker,
    /// Starts the daemon and ends it.
    Boss,
    Dispatch,
    Local,
    Worker,
    Watch,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Cast {
    roles: HashMap<u64, Role>,
    queue: usize,
    local: usize,
    /// By shard.
    pool: Vec<usize>,
    bells: HashMap<usize, Part>,
}

impl Cast {
    pub(super) fn of(notes: &[Note]) -> Result<Self> {
        let boss = notes.iter().find(|note| note.what == "queue joins").context("nobody ends it")?.thread;
        let inboxes = |begun_by: &str| -> Result<Vec<usize>> {
            let mut of_boss = notes.iter().filter(|note| note.thread == boss);
            of_boss.by_ref().find(|note| note.what == begun_by).with_context(|| format!("no {begun_by}"))?;
            let closes =
                of_boss.skip_while(|note| note.what != "close").take_while(|note| note.what == "close");
            Ok(closes.map(|note| note.at).collect())
        };
        let queue = notes.iter().find(|note| note.what == "seal").context("no queue was sealed")?.at;
        let local = *inboxes("close_throttle")?.first().context("no local inbox was closed")?;
        let mut cast =
            Self { roles: HashMap::new(), queue, local, pool: inboxes("shutdown")?, bells: HashMap::new() };
        cast.give_roles(boss, notes)?;
        cast.find_bells(notes)?;
        Ok(cast)
    }

    fn give_roles(&mut self, boss: u64, notes: &[Note]) -> Result<()> {
        self.roles.insert(boss, Role::Boss);
        let mut connections = HashMap::new();
        for &Note { thread, at, what, value } in notes {
            let role = match what {
                "queue connects" => {
                    connections.insert(thread, small(value - 1)?);
                    continue;
                }
                "gate opens" => {
                    let &connection = connections.get(&thread).context("a session without a connection")?;
                    Role::Reader { connection, session: small(value - 1)? }
                }
                "queue sends" => Role::Ticker,
                "take" | "take_lie_down" if at == self.queue => Role::Dispatch,
                "take" | "take_lie_down" if at == self.local => Role::Local,
                "take" | "take_lie_down" if self.pool.contains(&at) => Role::Worker,
                "hear" => Role::Watch,
                _ => continue,
            };
            let before = *self.roles.entry(thread).or_insert(role);
            let is_more = match (before, role) {
                // Whoever finds workers asleep takes in for them; who joins takes what is left.
                (_, Role::Worker) | (Role::Boss, Role::Dispatch | Role::Local) => true,
                // And all may wait for their bells.
                (_, Role::Watch) => true,
                _ => before == role,
            };
            ensure!(is_more, "{thread} is {before:?} and {role:?}");
        }
        Ok(())
    }

    /// A bell is whose thread hears it.
    fn find_bells(&mut self, notes: &[Note]) -> Result<()> {
        let mut last = HashMap::new();
        for note in notes {
            let before = last.insert(note.thread, note.what);
            let part = match (note.what, self.roles.get(&note.thread)) {
                // Whoever is the last to leave rings for who joins.
                ("ring", _) if before == Some("depart") => Part::Queue,
                ("hear", Some(Role::Dispatch | Role::Local)) => Part::Queue,
                ("hear", Some(Role::Worker)) => Part::Pool,
                ("hear", Some(Role::Watch)) => Part::Watch,
                _ => continue,
            };
            let other = *self.bells.entry(note.at).or_insert(part);
            ensure!(other == part, "a bell of {other:?} and {part:?}");
        }
        // The watch thread may have been gone before the boss rang for it (twice: it joins, and drops what it has joined).
        // Nobody else is.
        let rung = notes.iter().filter(|note| note.what == "ring" && !self.bells.contains_key(&note.at));
        let mut unheard: Vec<_> = rung.map(|note| (note.at, self.roles.get(&note.thread))).collect();
        unheard.dedup();
        match unheard[..] {
            [] => {}
            [(at, Some(Role::Boss))] => {
                self.bells.insert(at, Part::Watch);
            }
            _ => bail!("bells that nobody hears: {unheard:?}"),
        }
        Ok(())
    }

    pub(super) fn role(&self, thread: u64) -> Option<Role> {
        self.roles.get(&thread).copied()
    }

    /// How many connections there have been.
    pub(super) fn connections(&self) -> u8 {
        self.roles.values().filter(|role| matches!(role, Role::Reader { .. })).count() as u8
    }

    /// How many shards the pool has.
    pub(super) fn shards(&self) -> u8 {
        self.pool.len() as u8
    }

    /// To which shard an inbox belongs, counting from 0.
    pub(super) fn shard(&self, inbox: usize) -> Option<u8> {
        self.pool.iter().position(|&other| other == inbox).map(|shard| shard as u8)
    }

    /// Whose business this is.
    pub(super) fn part(&self, note: Note) -> Result<Part> {
        let part = match note.what {
            "push" | "refuse" | "take" | "take_lie_down" | "close" => {
                if [self.queue, self.local].contains(&note.at) {
                    Some(Part::Queue)
                } else {
                    self.pool.contains(&note.at).then_some(Part::Pool)
                }
            }
            "ring" | "hear" => self.bells.get(&note.at).copied(),
            what => Part::of(what),
        };
        part.context("whose business is this?")
    }
}
