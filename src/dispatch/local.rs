//! Messages a queue sends to itself.

use std::collections::VecDeque;

use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::message::ConnectionId;
use crate::dispatch::shared::{Letter, Place, Shared};
use crate::dispatch::snapshot::Delivered;
use crate::error::{DeliverError, Refusal};
use crate::lane::{KEPT, Origin, Taken};
use crate::stop::{Step, Stop};
use crate::sync::{Arc, mark};

/// Sends messages to the queue's own dispatcher, from anywhere, callbacks included.
///
/// They never run on the sender's stack (D6): the local thread fast-dispatches those that qualify, and
/// queues the others as [`ConnectionId::LOCAL`]. Each of the two kinds runs in the order it was sent,
/// whichever handles sent it (the queued ones: within a priority).
pub struct Local<D: Dispatcher> {
    shared: Arc<Shared<D>>,
}

impl<D: Dispatcher> Local<D> {
    pub(super) fn new(shared: Arc<Shared<D>>) -> Self {
        Self { shared }
    }

    /// Sends `message` to oneself. Never runs it, never blocks for more than a short lock: the queue's limits are not
    /// for it, so a callback cannot be waiting for itself.
    ///
    /// # Errors
    /// [`DeliverError`] with the message in it, if the queue has been shut down.
    pub fn send(&self, message: D::Message) -> Result<(), DeliverError<D::Message>> {
        let letter = Letter { message, postmark: self.shared.postmark() };
        let sent = self.shared.local.push(letter, Origin::Outside);
        sent.map_err(|letter| DeliverError::new(letter.message, Refusal::Stopped))
    }
}

impl<D: Dispatcher> Clone for Local<D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<D: Dispatcher> std::fmt::Debug for Local<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

/// Delivers the messages sent through [`Local`]: what the local thread runs.
///
/// It is the last producer of its queue. A queue that is shut down with [`Stop::RunRemaining`] ends only when
/// this loop has stopped: step it to [`Step::Stopped`] before you expect that of the dispatch loop.
pub struct LocalLoop<D: Dispatcher> {
    shared: Arc<Shared<D>>,
    /// Swapped with the inbox; empty between steps.
    batch: Vec<Letter<D::Message>>,
    backlog: VecDeque<Letter<D::Message>>,
    place: Place,
    /// What the next look at the inbox will tell.
    done: Delivered,
}

impl<D: Dispatcher> LocalLoop<D> {
    pub(super) fn new(shared: Arc<Shared<D>>) -> Self {
        let place = shared.place();
        Self { shared, batch: Vec::new(), backlog: VecDeque::new(), place, done: Delivered::default() }
    }

    /// Delivers the oldest local message, if there is one. Never sleeps.
    ///
    /// # Panics
    /// If the callback of a fast-dispatched message does. It counts as dispatched, and the loop can be
    /// stepped on.
    pub fn step(&mut self) -> Step {
        let closed = self.take_in(false).closed();
        if closed == Some(Stop::HandBack) {
            return Step::Stopped;
        }
        let Some(letter) = self.backlog.pop_front() else {
            return match closed {
                Some(stop) => {
                    // Everything accepted here has been passed on: the queue may end.
                    self.shared.queue.close(stop);
                    Step::Stopped
                }
                None => Step::Idle,
            };
        };
        self.deliver(letter)
    }

    fn deliver(&mut self, letter: Letter<D::Message>) -> Step {
        let from = ConnectionId::LOCAL;
        let Letter { message, postmark } = letter;
        // Unless the user's code lets it get further.
        self.done.lost += 1;
        {
            let _entered = postmark.context.enter();
            if self.shared.preprocess(from, &message) {
                mark("local fast");
                self.done.lost -= 1;
                self.done.fast += 1;
                self.shared.fast_dispatch(&self.place, from, message);
                return Step::Ran;
            }
        }
        let letter = Letter { message, postmark };
        let passed_on = self.shared.enqueue(from, letter, None, None, Origin::Inside);
        self.done.lost -= 1;
        match passed_on {
            Ok(()) => {
                mark("local queued");
                self.done.passed_on += 1;
                Step::Ran
            }
            Err(letter) => {
                // Shut down with `HandBack` since: this one is handed back with the rest, at the head.
                self.backlog.push_front(letter);
                Step::Stopped
            }
        }
    }

    /// Steps until stopped; sleeps while there is nothing to deliver. What the local thread does.
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

    /// Sleeps until something is sent or the queue is shut down, unless that is so already.
    fn sleep(&mut self) {
        if self.take_in(true) == Taken::Asleep {
            self.shared.local.sleep();
            mark("local thread woke");
        }
    }

    pub(super) fn belongs_to(&self, shared: &Arc<Shared<D>>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// Moves arrivals behind the backlog.
    fn take_in(&mut self, lie_down: bool) -> Taken {
        self.done.oldest = self.backlog.front().and_then(|letter| letter.postmark.moment);
        let taken = self.shared.local.inbox().settle_and_take(&mut self.done, &mut self.batch, lie_down);
        if self.backlog.is_empty() && self.backlog.capacity() > KEPT {
            self.backlog = VecDeque::new();
        }
        self.backlog.extend(self.batch.drain(..));
        taken
    }

    /// All that will not be delivered any more, in the order it was sent.
    pub(super) fn leftovers(&mut self) -> Vec<(ConnectionId, D::Message)> {
        let _ = self.take_in(false);
        let messages: Vec<_> =
            self.backlog.drain(..).map(|letter| (ConnectionId::LOCAL, letter.message)).collect();
        self.done.handed_back += messages.len() as u64;
        let _ = self.take_in(false);
        messages
    }
}

impl<D: Dispatcher> std::fmt::Debug for LocalLoop<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalLoop").field("backlog", &self.backlog.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{DispatchQueue, Dispatcher, Handled, Message};

    struct Letter(u64);
    impl Message for Letter {}

    struct Nothing;
    impl Dispatcher for Nothing {
        type Message = Letter;
        fn dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
            if letter.0 == 0 { Ok(()) } else { Err(letter) }
        }
    }

    #[test]
    fn what_a_burst_has_made_large_is_given_back() {
        let (queue, _dispatch, mut local) = DispatchQueue::builder(Nothing).stepped();
        let mut room_after = |letters: usize| {
            (0..letters).for_each(|_| queue.local().send(Letter(0)).unwrap());
            while local.step() == Step::Ran {}
            local.backlog.capacity()
        };
        assert_eq!(room_after(KEPT), KEPT, "not a burst");
        assert_eq!(room_after(1), KEPT);
        assert_eq!(room_after(KEPT + 1), 0);
    }
}
