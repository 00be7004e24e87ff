//! Runs of `EpochGate`: threads that bring, publish, reset, make groups and stop, and what that is in `EpochGate.tla`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use anyhow::{Result, bail};
use keylane::trace::{act_as, record, took};
use keylane::{Epoch, EpochGate, GateSession, Gatekeeper, Turn};
use keylane_twin::epoch_gate::{self, Action};

use super::note::{Note, Story};
use super::pace::{Chance, Pace};
use super::threads::spawn;
use super::trace::Trace;

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
    chance: Chance,
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
        let mut pace = self.chance.pace(turn.session().get() << 8 | u64::from(message.number));
        pace.pause();
        let found = {
            let shown = self.shown.lock().expect("nobody panics");
            took(&(), "call", message.number.into());
            shown.contains(&message.group)
        };
        pace.pause();
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
            let chance = Chance::new(seed);
            let gate = EpochGate::new(Keeper { shown: Mutex::new(BTreeSet::from([0])), chance });
            let sessions: Vec<_> = (0..self.sessions).map(|_| gate.session()).collect();
            let bringers: Vec<_> = (0..)
                .zip(sessions)
                .map(|(number, session)| {
                    spawn(move || {
                        act_as(number);
                        self.bring(&session, &mut chance.pace(number));
                        session
                    })
                })
                .collect();
            let mut publishers = Vec::new();
            for number in 0..self.publishers {
                let (gate, number) = (gate.clone(), self.publisher(number).into());
                publishers.push(spawn(move || {
                    act_as(number);
                    self.publish(&gate, &mut chance.pace(number));
                }));
            }
            let number = self.maker().into();
            act_as(number);
            let mut pace = chance.pace(number);
            self.make_groups(&gate, &mut pace);
            if self.ends {
                gate.stop();
            }
            publishers.into_iter().for_each(|thread| thread.join().expect("nobody panics"));
            // A session that is dropped is emptied: none is before all have come to their end.
            let sessions: Vec<_> =
                bringers.into_iter().map(|thread| thread.join().expect("nobody panics")).collect();
            took(&(), "ends", 0);
            drop(sessions);
        });
        notes.into_iter().map(Note::from).collect()
    }

    fn bring(self, session: &GateSession<Keeper>, pace: &mut Pace) {
        for number in 1..=self.messages {
            pace.pause();
            let (needs, group) = (1 + pace.below(self.epochs), pace.below(self.groups + 1));
            took(&(), "brings", u64::from(needs) << 8 | u64::from(group));
            if session.arrive(Message { number, needs, group }).is_err() {
                return;
            }
            if self.ends && pace.below(4) == 0 {
                session.reset();
            }
        }
    }

    fn publish(self, gate: &EpochGate<Keeper>, pace: &mut Pace) {
        for epoch in 1..=self.epochs {
            pace.pause();
            // Another may have been faster.
            let _ = gate.publish(Epoch(epoch.into()), Arc::new(()));
        }
    }

    fn make_groups(self, gate: &EpochGate<Keeper>, pace: &mut Pace) {
        for group in 1..=self.groups {
            pace.pause();
            {
                let mut shown = gate.keeper().shown.lock().expect("nobody panics");
                shown.insert(group);
                took(&(), "show", group.into());
            }
            gate.group_appeared(&group);
        }
        pace.pause();
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
                "ends" => break,
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
