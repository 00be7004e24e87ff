//! Runs of an inbox, that of the messages to oneself: threads that send, the one that delivers, and whoever closes it; and what
//! that is in `Inbox.tla`.

use std::collections::HashSet;

use anyhow::Result;
use keylane::trace::{act_as, record, took};
use keylane::{ConnectionId, DispatchQueue, Dispatcher, Handled, Local, Stop};
use keylane_twin::inbox::{self, Action};

use super::note::Note;
use super::pace::{Chance, Pace};
use super::threads::spawn;
use super::trace::Trace;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many threads send.
    pub producers: u8,
    /// How many messages each of them.
    pub messages: u8,
}

struct Message;

impl keylane::Message for Message {}

struct Callbacks(Chance);

impl Dispatcher for Callbacks {
    type Message = Message;

    fn dispatch(&self, _: ConnectionId, message: Message) -> Handled<Message> {
        Err(message)
    }

    /// All are over when the thread that takes them out has delivered them: nothing comes behind.
    fn can_fast_dispatch(&self, _: &Message) -> bool {
        true
    }

    fn fast_dispatch(&self, from: ConnectionId, _: Message) -> Handled<Message> {
        took(&(), "handle", 0);
        self.0.pace(from.get()).pause();
        Ok(())
    }
}

impl Plan {
    fn closer(self) -> u8 {
        self.producers
    }

    fn consumer(self) -> u8 {
        self.producers + 1
    }

    /// In the words of `specs/models/`.
    pub fn constants(self) -> String {
        let producers: Vec<_> = (1..=self.producers).map(|number| format!("p{number}")).collect();
        format!("Producers = {{{}}}\nMessages = {}\nCloser = c\n", producers.join(", "), self.messages)
    }

    /// Runs it, and writes down what happens.
    pub fn run(self, seed: u64) -> Vec<Note> {
        let notes = record(|| {
            let chance = Chance::new(seed);
            let (queue, dispatch, mut local) = DispatchQueue::builder(Callbacks(chance)).stepped();
            let mut producers = Vec::new();
            for number in 0..self.producers {
                let (local, number) = (queue.local(), number.into());
                producers.push(spawn(move || {
                    act_as(number);
                    self.send(&local, &mut chance.pace(number));
                }));
            }
            let consumer = spawn(move || {
                act_as(self.consumer().into());
                local.run();
                local
            });
            act_as(self.closer().into());
            chance.pace(self.closer().into()).pauses();
            queue.shutdown(Stop::RunRemaining);
            let local = consumer.join().expect("nobody panics");
            took(&(), "joins", 0);
            queue.reclaim(dispatch, local);
            producers.into_iter().for_each(|thread| thread.join().expect("nobody panics"));
        });
        notes.into_iter().map(Note::from).collect()
    }

    fn send(self, local: &Local<Callbacks>, pace: &mut Pace) {
        for _ in 0..self.messages {
            pace.pauses();
            if local.send(Message).is_err() {
                return;
            }
        }
    }

    /// What happened, in the words of the specification.
    ///
    /// # Errors
    /// None: what is no step of the inbox is left out.
    pub fn tell(self, notes: Vec<Note>) -> Result<Trace<inbox::Inbox>> {
        let mut actions = Vec::new();
        // Whoever has found the consumer asleep rings for it next.
        let mut owes = HashSet::new();
        let (mut in_hand, mut is_closed, mut is_over) = (0, false, false);
        // The other one is closed by the consumer.
        let first = notes.iter().find(|note| note.what == "close").map(|note| note.at);
        for Note { thread, at, what, value } in notes {
            let (by, is_here) = (thread as u8, Some(at) == first);
            if is_here && ["push", "close"].contains(&what) && value == 1 {
                owes.insert(by);
            }
            match what {
                "push" if is_here => actions.push(Action::Push { thread: by }),
                "close" if is_here => {
                    is_closed = true;
                    actions.push(Action::Close);
                }
                "ring" if owes.remove(&by) => actions.push(Action::Ring { thread: by }),
                // A look that finds nothing, and does not lie down, is none.
                "take" if is_here && value == 0 && (in_hand > 0 || !is_closed || is_over) => {}
                "take" | "take_lie_down" if is_here => {
                    // The wish to lie down makes a difference only if nothing is there.
                    actions.push(if in_hand > 0 { Action::Take } else { Action::TakeLieDown });
                    in_hand += value;
                    // It looks twice before it believes that, if it had been about to lie down.
                    is_over = is_closed && in_hand == 0;
                }
                "hear" if by == self.consumer() => actions.push(Action::Wait),
                "handle" => {
                    in_hand -= 1;
                    actions.push(Action::Handle);
                }
                "joins" => break,
                _ => {}
            }
        }
        Ok(Trace { constants: self.constants(), actions })
    }
}
