//! Says a pool's notes over again as actions.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use keylane_twin::sharded_pool::Action;

use super::About;
use super::{Note, Then};

pub(super) struct Teller {
    pub(super) actions: Vec<Action>,
    most: u8,
    /// Whose inbox is where, from the first shard on.
    inboxes: Vec<usize>,
    /// By shard: whether something has arrived that the specification has not taken in.
    behind: Vec<bool>,
    /// By the number that it was made with.
    items: HashMap<u64, Accepted>,
    commits: HashMap<u64, u8>,
    threads: HashMap<u64, Thread>,
}

/// An item that was accepted as the how manieth, and its key.
#[derive(Clone, Copy)]
struct Accepted {
    key: u8,
    item: u8,
}

/// What is known of a thread.
#[derive(Default)]
struct Thread {
    /// What it pushes next.
    about: Option<About>,
    /// Whose items it takes back next.
    removes: u8,
    /// What it runs.
    runs: Option<Runs>,
    /// Whether that has come to its end.
    ended: bool,
    /// What the critical section that it is in is called there. It takes in what has arrived.
    section: Option<Action>,
}

#[derive(Clone, Copy)]
enum Runs {
    Item { key: u8 },
    Commit { shard: u8, item: u8 },
}

impl Teller {
    /// Of a run that has at most so many items: commits are numbered behind them.
    pub(super) fn new(inboxes: Vec<usize>, most: u8) -> Self {
        let behind = vec![false; inboxes.len()];
        let (items, commits, threads) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { actions: Vec::new(), most, inboxes, behind, items, commits, threads }
    }

    pub(super) fn hear(&mut self, note: Note, then: Then<'_>) -> Result<()> {
        let by = note.thread as u8;
        let thread = self.threads.entry(note.thread).or_default();
        let action = match note.what {
            "submits" => {
                thread.about = Some(About::of(note.value));
                return Ok(());
            }
            "removes" => {
                thread.removes = note.value as u8;
                return Ok(());
            }
            "remove" | "end_generation" | "shut_down" => {
                thread.section = Some(match note.what {
                    "remove" => Action::Remove { key: thread.removes },
                    "end_generation" => Action::DrainMark { thread: by },
                    _ => Action::ShutDownMark,
                });
                return Ok(());
            }
            "push" => return self.push(note),
            "take" | "take_lie_down" => return self.take(note, then),
            "begin" | "end" => {
                thread.ended = note.what == "end";
                return Ok(());
            }
            "finish" | "finish_commit" if !thread.ended => bail!("what runs there has not ended"),
            "finish" | "finish_commit" => match thread.runs.take().context("nothing runs there")? {
                Runs::Item { key } => Action::Finish { key },
                Runs::Commit { shard, item } => Action::FinishCommit { shard, item },
            },
            // Refused, it counts nowhere.
            "pause_all" if then.clone().next().is_none_or(|next| next.what != "pause") => return Ok(()),
            "pause_all" => Action::Pause { thread: by },
            "pause" => Action::PauseMark { thread: by },
            "resume_all" => Action::Resume { thread: by },
            "resume" => Action::ResumeMark { thread: by },
            "drain" => Action::Drain { thread: by },
            // Who waits for what: a pause first marks all shards, a drain takes in what they have.
            "wait" if self.is_pausing(by) => Action::PauseWait { thread: by },
            "wait" => Action::DrainWait { thread: by },
            "hear" if is_control(note) => Action::WaitHear { thread: by },
            "look" => {
                // It has all batons, and takes in now what has arrived by now; what arrives before it comes to a shard, then.
                self.behind.fill(false);
                Action::DrainLook { thread: by }
            }
            "shutdown" => Action::Shutdown,
            "close" => Action::ShutdownClose,
            // How workers sleep is `Baton`'s business; what was refused is nowhere; the rest has been told of before.
            "hear" | "ring" | "nudge" | "get_up" | "sit_down" | "nobody_sleeps" | "settle_again"
            | "lie_down" => {
                return Ok(());
            }
            "refuse" | "pick" | "pick_commit" => return Ok(()),
            other => bail!("what is {other}?"),
        };
        self.actions.push(action);
        Ok(())
    }

    fn is_pausing(&self, by: u8) -> bool {
        self.actions.contains(&Action::Pause { thread: by })
    }

    /// From 1 on, as there.
    fn shard(&self, inbox: usize) -> Result<u8> {
        let place = self.inboxes.iter().position(|&other| other == inbox);
        Ok(place.context("the pool has not been shut down")? as u8 + 1)
    }

    fn push(&mut self, note: Note) -> Result<()> {
        let shard = self.shard(note.at)?;
        self.behind[usize::from(shard) - 1] = true;
        let thread = &self.threads[&note.thread];
        let item = self.items.len() as u8 + 1;
        self.actions.push(match thread.about.context("it has not said what it pushes")? {
            About::Commit { number } => {
                self.commits.insert(number, self.most + self.commits.len() as u8 + 1);
                Action::Commit { shard }
            }
            About::Front { key, number } => {
                self.items.insert(number, Accepted { key, item });
                Action::SubmitFront { key }
            }
            About::Back { key, number } => {
                self.items.insert(number, Accepted { key, item });
                match thread.runs {
                    Some(Runs::Item { key: from }) => Action::HandleSubmit { from, key },
                    _ => Action::Submit { key },
                }
            }
        });
        Ok(())
    }

    /// A shard takes in what has arrived: for what?
    fn take(&mut self, note: Note, mut then: Then<'_>) -> Result<()> {
        let shard = self.shard(note.at)?;
        let is_behind = std::mem::take(&mut self.behind[usize::from(shard) - 1]);
        let thread = self.threads.entry(note.thread).or_default();
        if let Some(action) = thread.section.take() {
            self.actions.push(action);
            return Ok(());
        }
        // Who picks does so next, with the baton in hand, and then lets it run.
        let picks = then.next().filter(|next| ["pick", "pick_commit"].contains(&next.what));
        let Some(picks) = picks else {
            self.actions.extend(is_behind.then_some(Action::Settle { shard }));
            return Ok(());
        };
        let begun = then.find(|next| next.what == "begin").context("what was picked has not begun")?;
        let (runs, action) = if picks.what == "pick" {
            let &Accepted { key, item } = self.items.get(&begun.value).context("it was never accepted")?;
            (Runs::Item { key }, Action::Pick { key, item })
        } else {
            let &item = self.commits.get(&begun.value).context("it was never accepted")?;
            (Runs::Commit { shard, item }, Action::PickCommit { shard, item })
        };
        (thread.runs, thread.ended) = (Some(runs), false);
        self.actions.push(action);
        Ok(())
    }
}

/// Others have no number of their own.
fn is_control(note: Note) -> bool {
    note.thread < keylane::trace::UNNAMED
}
