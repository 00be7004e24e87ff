//! The same arrivals in keylane's own queue, which then takes a message where Ceph took one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use keylane::trace::{act_as, record, took};
use keylane::{
    Connection, ConnectionId, Delivered, DispatchLoop, DispatchQueue, Dispatcher, Handled, Limits, LocalLoop,
    Order, Priority, QueueHandle, Step,
};

use super::log::Fault;
use super::script::{Letter, Script, What};
use crate::note::Note;
use crate::queue::Plan;

/// What keylane did.
pub(super) struct Played {
    pub(super) notes: Vec<Note>,
    /// What it took when Ceph took something, with the line of the log.
    pub(super) picks: Vec<(usize, Letter)>,
}

impl keylane::Message for Letter {
    fn priority(&self) -> Priority {
        self.priority
    }
}

type Picked = Arc<Mutex<Option<Letter>>>;

/// Remembers what is picked.
struct Callbacks(Picked);

impl Dispatcher for Callbacks {
    type Message = Letter;

    fn dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
        took(&(), "begin", letter.message.code());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(letter);
        took(&(), "end", 0);
        Ok(())
    }

    fn can_fast_dispatch(&self, letter: &Letter) -> bool {
        letter.message.fast
    }

    fn fast_dispatch(&self, _: ConnectionId, _: Letter) -> Handled<Letter> {
        took(&(), "end", 0);
        Ok(())
    }
}

/// A queue, its loops and its connections, all on one thread.
struct Stage {
    plan: Plan,
    queue: QueueHandle<Callbacks>,
    dispatch: DispatchLoop<Callbacks>,
    local: LocalLoop<Callbacks>,
    connections: Vec<Connection<Callbacks>>,
    delivered: HashMap<u8, u8>,
    picked: Picked,
}

/// Runs a script, and writes down what keylane does.
///
/// The queue runs through, whatever it chooses: if it takes another connection's message than Ceph did, then another one
/// waits from then on, of the same priority; and when nothing waits any more, both are where they were. What Ceph has never
/// dispatched is not delivered.
///
/// # Errors
/// If there is nothing to be taken.
pub(super) fn play(script: &Script, order: Order) -> Result<Played, Fault> {
    let mut played = Ok(Vec::new());
    let notes = record(|| {
        let mut stage = Stage::new(script.plan, order);
        played = stage.play(script);
        stage.end();
    });
    Ok(Played { notes: notes.into_iter().map(Note::from).collect(), picks: played? })
}

impl Stage {
    fn new(plan: Plan, order: Order) -> Self {
        let picked = Picked::default();
        let builder = DispatchQueue::builder(Callbacks(Arc::clone(&picked))).order(order);
        let (queue, dispatch, local) = builder.limits(Limits::NONE).stepped();
        let connections = (0..plan.connections).map(|_| queue.connect()).collect();
        Self { plan, queue, dispatch, local, connections, delivered: HashMap::new(), picked }
    }

    fn play(&mut self, script: &Script) -> Result<Vec<(usize, Letter)>, Fault> {
        let mut picks = Vec::new();
        for step in &script.moves {
            match step.what {
                What::Enter(letter) => self.deliver(letter),
                What::Push(letter) if letter.dispatched => self.deliver(letter),
                What::Pick(..) => match self.pick() {
                    Some(picked) => picks.push((step.line, picked)),
                    None => return Fault::at(step.line, "keylane has nothing to take"),
                },
                // In one with what comes next or was before; and what was not delivered cannot be discarded.
                What::Deliver(_) | What::Leave(_) | What::Push(_) | What::End | What::Discard(_) => {}
            }
        }
        Ok(picks)
    }

    fn deliver(&mut self, mut letter: Letter) {
        let from = letter.message.from;
        let number = self.delivered.entry(from).or_default();
        *number += 1;
        letter.message.number = *number;
        act_as(from.into());
        took(&(), "delivers", letter.message.code());
        let delivered = self.connections[usize::from(from)].deliver(letter);
        let went = delivered.expect("it has not been shut down");
        assert_eq!(went == Delivered::Fast, letter.message.fast, "connections are not ordered");
    }

    fn pick(&mut self) -> Option<Letter> {
        act_as(self.plan.dispatch().into());
        // If it is idle, it has looked with no wish to lie down, which it does not come to.
        let _: Step = self.dispatch.step();
        self.picked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Runs what is left, if anything is, and takes the queue down.
    fn end(mut self) {
        act_as(self.plan.boss().into());
        self.queue.shutdown(self.plan.stop);
        act_as(self.plan.local().into());
        while self.local.step() == Step::Ran {}
        act_as(self.plan.dispatch().into());
        while self.dispatch.step() == Step::Ran {}
        act_as(self.plan.boss().into());
        took(&(), "joins", 0);
        self.queue.reclaim(self.dispatch, self.local);
    }
}
