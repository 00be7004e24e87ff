//! Says a shard's notes over again as actions.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use keylane_twin::baton::Action;

use super::{Note, Then};

/// Workers are the first threads, then come those that submit, and the boss.
pub struct Teller {
    /// What has been told.
    pub actions: Vec<Action>,
    workers: u8,
    boss: u8,
    threads: HashMap<u8, Thread>,
    /// Whose bell is where. (Who rings one has taken its worker off the bench, so it has sat down there before.)
    bells: HashMap<usize, u8>,
}

/// What is known of a thread.
#[derive(Default)]
struct Thread {
    /// Of which key it submits next.
    about: Option<u8>,
    place: Place,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Place {
    /// A worker has never had the baton.
    #[default]
    Outside,
    /// It looks into the inbox next, to find something to do.
    Serves,
    /// It looks into it next to lay the baton down.
    Settles,
    /// It has said what it does in this section, which looks into the inbox once more.
    Acts,
}

impl Teller {
    /// Nothing has been told.
    pub fn new(workers: u8, boss: u8) -> Self {
        Self { actions: Vec::new(), workers, boss, threads: HashMap::new(), bells: HashMap::new() }
    }

    /// What a note is of this.
    ///
    /// # Errors
    /// If it has no place in it.
    pub fn hear(&mut self, note: Note, then: Then<'_>) -> Result<()> {
        let by = note.thread as u8;
        let thread = self.threads.entry(by).or_default();
        let mut go = |place| thread.place = place;
        let action = match note.what {
            "submits" => {
                thread.about = Some(note.value as u8);
                return Ok(());
            }
            "push" => {
                let key = thread.about.context("it has not said what it pushes")?;
                Action::Submit { thread: by, key, due: 0 }
            }
            "nudge" => {
                go(Place::Settles);
                Action::Nudge { thread: by }
            }
            "finish" => {
                go(Place::Serves);
                Action::Finish { thread: by }
            }
            "get_up" => {
                go(Place::Serves);
                Action::GetUp { thread: by }
            }
            "take" | "take_lie_down" => return self.take(by, then),
            "nobody_sleeps" => Action::SettleNobodySleeps { thread: by },
            "ring" => {
                let &worker = self.bells.get(&note.at).context("whose bell is that?")?;
                Action::Ring { thread: by, worker }
            }
            "sit_down" => {
                self.bells.insert(note.at, by);
                return Ok(());
            }
            "hear" => Action::Rest { thread: by },
            "pause" => {
                go(Place::Settles);
                Action::Pause
            }
            "resume" => {
                go(Place::Settles);
                Action::Resume
            }
            "close" => Action::Close,
            "shut_down" => {
                go(Place::Acts);
                Action::ShutDown
            }
            // What was refused is nowhere; the rest is told of by what comes before or after it.
            "refuse" | "begin" | "pick" | "settle_again" | "lie_down" | "pause_all" | "resume_all"
            | "shutdown" => return Ok(()),
            other => bail!("what is {other}?"),
        };
        self.actions.push(action);
        Ok(())
    }

    /// A section of the inbox: what for?
    fn take(&mut self, by: u8, mut then: Then<'_>) -> Result<()> {
        let next = then.next().map(|note| note.what).unwrap_or_default();
        let thread = self.threads.entry(by).or_default();
        match thread.place {
            Place::Acts => thread.place = Place::Settles,
            Place::Settles => self.actions.push(match next {
                "settle_again" => Action::SettleAgain { thread: by },
                "lie_down" => Action::SettleLieDown { thread: by },
                other => bail!("settles by {other}"),
            }),
            Place::Outside | Place::Serves => {
                anyhow::ensure!(by < self.workers && by < self.boss, "{by} serves, and is no worker");
                if thread.place == Place::Outside {
                    self.actions.push(Action::GetUp { thread: by });
                }
                thread.place = Place::Settles;
                self.actions.push(match next {
                    "pick" => {
                        let begun = then.find(|next| next.what == "begin");
                        let key = begun.context("what was picked has not begun")?.value as u8;
                        Action::ServePick { thread: by, key }
                    }
                    "sit_down" => Action::ServeSitDown { thread: by },
                    _ => Action::ServeOver { thread: by },
                });
            }
        }
        Ok(())
    }
}
