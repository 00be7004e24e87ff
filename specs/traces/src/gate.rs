//! Runs of `EpochGate`: threads that bring, publish, reset, make groups and stop, and what that is in `EpochGate.tla`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use anyhow::{Result, bail};
use keylane::trace::{act_as, record, took};
use keylane::{Epoch, EpochGate, Gatekeeper, Turn};
use keylane_twin::epoch_gate::{self, Action};

use crate::note::{Note, Story};
use crate::pace::Pace;
use crate::trace::Trace;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many sessions, each with a thread that brings.
    pub sessions: u8,
    /// How many messages each of them gets.
    pub messages: u8,
    /// How many maps there are.
    pub epochs: u8,
    /// How many groups are made.
    pub groups: u8,
    /// How many threads publish.
    pub publishers: u8,
    /// Whether sessions are reset now and then, and the gate is stopped in the end.
    pub ends: bool,
}

/// A message: its number in its session, and the epoch and the group that it needs. Group 0 is always there.
#[derive(Clone, Copy)]
struct Message {
    number: u8,
    needs: u8,
    group: u8,
}

struct Keeper {
    shown: Mutex<BTreeSet<u8>>,
    pace: Pace,
}

impl Gatekeeper for Keeper {
    type Message = Message;
    type Map = ();
    type Group = u8;

    fn epoch_of(&self, message: &Message) -> Epoch {
        Epoch(message.needs.into())
    }

    fn group_of(&self, message: &Message) -> u8 {
        message.group
    }

    fn pass(&self, turn: Turn<'_, Self>, message: Message) {
        self.pace.pause();
        let found = {
            let shown = self.shown.lock().expect("nobody panics");
            took(&(), "call", message.number.into());
            shown.contains(&message.group)
        };
        self.pace.pause();
        if !found {
            // If it is refused it is gone, as is the message.
            let _ = turn.wait_for_group(message);
        }
    }
}

impl Plan {
    /// Of the threads that bring, the one of a session is `session - 1`; then come those that publish, who makes groups, and
    /// who stops.
    fn publisher(self, number: u8) -> u8 {
        self.sessions + number
    }

    fn maker(self) -> u8 {
        self.sessions + self.publishers
    }

    /// In the words of `specs/models/`.
    pub fn constants(self) -> String {
        let set = |count: u8, name: &dyn Fn(u8) -> String| {
            format!("{{{}}}", (1..=count).map(name).collect::<Vec<_>>().join(", "))
        };
        let Self { sessions, messages, epochs, groups, publishers, ends } = self;
        let flag = if ends { "TRUE" } else { "FALSE" };
        format!(
            "Sessions = {}\nMessages = {messages}\nEpochs = {epochs}\nGroups = {}\nHere = here\nPublishers = {}\n\
             Maker = maker\nMayReset = {flag}\nMayStop = {flag}\nNobody = nobody\n",
            set(sessions, &|number| number.to_string()),
            set(groups, &|number| format!("g{number}")),
            set(publishers, &|number| format!("p{number}")),
        )
    }

    /// Runs it, and writes down what happens.
    pub fn run(self, seed: u64) -> Vec<Note> {
        let notes = record(|| {
            let pace = Pace::new(seed);
            let shown = Mutex::new(BTreeSet::from([0]));
            let gate = EpochGate::new(Keeper { shown, pace: pace.clone() });
            let sessions: Vec<_> = (0..self.sessions).map(|_| gate.session()).collect();
            std::thread::scope(|scope| {
                for (number, session) in sessions.iter().enumerate() {
                    let pace = pace.clone();
                    scope.spawn(move || {
                        act_as(number as u64);
                        for number in 1..=self.messages {
                            pace.pause();
                            let message = Message {
                                number,
                                needs: 1 + pace.below(self.epochs),
                                group: pace.below(self.groups + 1),
                            };
                            took(&(), "brings", u64::from(message.needs) << 8 | u64::from(message.group));
                            if session.arrive(message).is_err() {
                                return;
                            }
                            if self.ends && pace.below(4) == 0 {
                                session.reset();
                            }
                        }
                    });
                }
                for publisher in 0..self.publishers {
                    let (gate, pace) = (gate.clone(), pace.clone());
                    scope.spawn(move || {
                        act_as(self.publisher(publisher).into());
                        for epoch in 1..=self.epochs {
                            pace.pause();
                            // Another may have been faster.
                            let _ = gate.publish(Epoch(epoch.into()), Arc::new(()));
                        }
                    });
                }
                let (maker, pace) = (gate.clone(), pace.clone());
                scope.spawn(move || {
                    act_as(self.maker().into());
                    for group in 1..=self.groups {
                        pace.pause();
                        {
                            let mut shown = maker.keeper().shown.lock().expect("nobody panics");
                            shown.insert(group);
                            took(&(), "show", group.into());
                        }
                        maker.group_appeared(&group);
                    }
                    pace.pause();
                    if self.ends {
                        maker.stop();
                    }
                });
            });
        });
        notes.into_iter().map(Note::from).collect()
    }

    /// What happened, in the words of the specification.
    ///
    /// # Errors
    /// If a note has no place there.
    pub fn tell(self, notes: Vec<Note>) -> Result<Trace<epoch_gate::EpochGate>> {
        let mut actions = Vec::new();
        let mut brought = HashMap::new();
        // By session: what has come since it was emptied last. A reset of nothing is no step there.
        let mut since = HashMap::new();
        for (Note { thread, what, value, .. }, _) in Story::new(notes).notes() {
            let number = value as u8;
            let by = thread as u8;
            actions.push(match what {
                "brings" => {
                    brought.insert(thread, value);
                    continue;
                }
                "arrive" => {
                    *since.entry(number).or_insert(0) += 1;
                    let message = brought[&thread];
                    Action::Arrive { session: number, needs: (message >> 8) as u8, group: message as u8 }
                }
                "reset" if since.insert(number, 0).unwrap_or(0) == 0 => continue,
                "reset" => Action::Reset { session: number },
                "call" => Action::Call { thread: by, number },
                "park" => Action::Park { thread: by },
                "go_on" => Action::GoOn { thread: by },
                "publish" => Action::Publish { thread: by, epoch: number },
                "show" => Action::Show { group: number },
                "appeared" => Action::Appeared,
                "begin_from" => Action::BeginFrom { thread: by },
                "stop" => {
                    since.clear();
                    Action::Stop
                }
                other => bail!("what is {other}?"),
            });
        }
        Ok(Trace { constants: self.constants(), actions })
    }
}
