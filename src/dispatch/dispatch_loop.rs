//! The consuming end of a queue: what the dispatch thread runs.

use std::collections::VecDeque;

use crate::context::Context;
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::event::Event;
use crate::dispatch::message::{ConnectionId, Priority};
use crate::dispatch::shared::{Arrival, Envelope, Happening, Load, Place, Shared};
use crate::dispatch::snapshot::Dispatched;
use crate::lane::Taken;
use crate::policy::{Ages, Backlog, Order, Picked};
use crate::stop::{Step, Stop};
use crate::sync::{Arc, mark};
use crate::throttle::Returns;

type Events = Vec<(ConnectionId, Event)>;
type Messages<M> = Vec<(ConnectionId, M)>;

/// Dispatches the queued messages of a [`DispatchQueue`](crate::DispatchQueue), one at a time (D12: it takes
/// `&mut self`, and there is one).
pub struct DispatchLoop<D: Dispatcher> {
    shared: Arc<Shared<D>>,
    /// Swapped with the inbox; empty between steps.
    batch: Vec<Arrival<D::Message>>,
    events: VecDeque<(ConnectionId, Event, Context)>,
    backlog: Backlog<ConnectionId, Load<D::Message>>,
    /// Of what is in the backlog.
    ages: Ages,
    place: Place,
    /// Of messages that are over. All are back before it looks, and so before it sleeps.
    returns: Returns,
    /// What the next look at the inbox will tell.
    done: Dispatched,
}

impl<D: Dispatcher> DispatchLoop<D> {
    pub(super) fn new(shared: Arc<Shared<D>>, order: Order) -> Self {
        let place = shared.place();
        Self {
            shared,
            batch: Vec::new(),
            events: VecDeque::new(),
            backlog: Backlog::new(order),
            ages: Ages::default(),
            place,
            returns: Returns::default(),
            done: Dispatched::default(),
        }
    }

    /// Takes in what has arrived, and tells of the oldest event if there is one; else dispatches the message whose turn
    /// it is, if there is one, to the end of its callback. Never sleeps.
    ///
    /// # Panics
    /// If the callback does, or the drop of a message that was discarded. The message counts as dispatched, the event as
    /// told, and the loop can be stepped on.
    pub fn step(&mut self) -> Step {
        let closed = if self.knows_what_is_next() {
            mark("went on without a look");
            None
        } else {
            self.take_in(false).closed()
        };
        if closed == Some(Stop::HandBack) {
            return Step::Stopped;
        }
        if let Some((from, event, context)) = self.events.pop_front() {
            // Before the callback, which may panic; it is told when the callback is over.
            self.done.tell();
            let _entered = context.enter();
            self.shared.tell(&self.place, from, event);
            return Step::Ran;
        }
        let Some(Picked { priority, source: from, item, last }) = self.backlog.pick() else {
            return if closed.is_some() { Step::Stopped } else { Step::Idle };
        };
        let Load { message, postmark, pending, permit } = item;
        self.ages.leave(postmark.moment);
        self.done.leave((Priority(priority), from), last);
        self.done.fates.dispatched += 1;
        let _entered = postmark.context.enter();
        self.shared.dispatch(&self.place, from, message);
        drop(pending);
        if let Some(permit) = permit {
            self.returns.add(permit);
        }
        Step::Ran
    }

    /// Steps until stopped; sleeps while there is nothing to dispatch. What the dispatch thread does.
    ///
    /// # Panics
    /// As [`step`](Self::step); it can be called again.
    pub fn run(&mut self) {
        loop {
            match self.step() {
                Step::Ran => {}
                Step::Idle => self.sleep(),
                Step::Stopped => return,
            }
        }
    }

    /// Sleeps until something arrives or the queue is shut down, unless that is so already.
    fn sleep(&mut self) {
        if self.take_in(true) == Taken::Asleep {
            self.shared.queue.sleep();
            mark("dispatch thread woke");
        }
    }

    pub(super) fn belongs_to(&self, shared: &Arc<Shared<D>>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// Whether what has arrived since the last look, if anything, changes nothing about what is next: it is of lines on which
    /// something waits here, and goes to their ends.
    fn knows_what_is_next(&self) -> bool {
        let holds_some = self.backlog.len() > 0 || !self.events.is_empty();
        holds_some && self.done.can_wait() && !self.shared.queue.inbox().has_news()
    }

    /// Moves arrivals into the policy.
    fn take_in(&mut self, lie_down: bool) -> Taken {
        self.returns.give_back();
        self.done.oldest = self.ages.oldest();
        let taken = self.shared.queue.inbox().settle_and_take(&mut self.done, &mut self.batch, lie_down);
        let mut discarded = Vec::new();
        for arrival in self.batch.drain(..) {
            match arrival {
                Arrival::Message(Envelope { from, cost, load, priority }) => {
                    self.ages.arrive(load.postmark.moment);
                    self.backlog.push(priority.0, cost, from, load);
                }
                Arrival::Happening(happening) => {
                    let Happening { from, discards, event, context } = *happening;
                    if discards {
                        mark("discarded");
                        self.backlog.discard(from, |priority, load| {
                            self.done.leave((Priority(priority), from), true);
                            self.ages.leave(load.postmark.moment);
                            discarded.push(load);
                        });
                    }
                    self.events.extend(event.map(|event| (from, event, context)));
                }
            }
        }
        self.done.fates.discarded += discarded.len() as u64;
        // The drops of messages are the user's code, and may panic: by now nothing is half done.
        drop(discarded);
        taken
    }

    /// All that will not be told of or dispatched any more, in the order in which it would have been.
    pub(super) fn leftovers(&mut self) -> (Events, Messages<D::Message>) {
        let _ = self.take_in(false);
        let events: Events = self.events.drain(..).map(|(from, event, _)| (from, event)).collect();
        let mut messages = Messages::new();
        while let Some(Picked { priority, source, item, last }) = self.backlog.pick() {
            self.done.leave((Priority(priority), source), last);
            self.ages.leave(item.postmark.moment);
            messages.push((source, item.message));
        }
        self.done.fates.untold += events.len() as u64;
        self.done.fates.handed_back += messages.len() as u64;
        let _ = self.take_in(false);
        (events, messages)
    }
}

impl<D: Dispatcher> std::fmt::Debug for DispatchLoop<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatchLoop").field("backlog", &self.backlog.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{Handled, Message};

    struct Letter;
    impl Message for Letter {}

    struct Nothing;
    impl Dispatcher for Nothing {
        type Message = Letter;
        fn dispatch(&self, _: ConnectionId, _: Letter) -> Handled<Letter> {
            Ok(())
        }
    }

    /// Loops are moved about by who builds and steps them, in models over stacks of 32 KiB.
    #[test]
    fn what_is_moved_about_is_small() {
        assert!(size_of::<DispatchLoop<Nothing>>() <= 1024);
        assert!(size_of::<Shared<Nothing>>() <= 2048);
    }
}
