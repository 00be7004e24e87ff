//! keylane's queue, by its public API.

use std::marker::PhantomData;

use keylane::{ConnectionId, DispatchQueue, Dispatcher, Handled, Limits, Message, Order, Priority, Stop};

use crate::peers::carrier::{Carrier, Each, Payload};

/// A [`DispatchQueue`] whose messages are all queued.
#[derive(Clone, Copy, Debug)]
pub struct Keylane {
    /// Of each producer.
    pub connections: usize,
    /// In which order, as the queue's builder takes it.
    pub order: Order,
    /// How many messages may be under way.
    pub bound: Option<u64>,
}

impl Default for Keylane {
    /// A connection for each producer, and what a queue has unless it is told otherwise.
    fn default() -> Self {
        Self { connections: 1, order: Order::default(), bound: None }
    }
}

#[derive(Debug)]
struct Letter<T>(T);

impl<T: Payload> Message for Letter<T> {
    fn priority(&self) -> Priority {
        Priority(self.0.priority())
    }
}

struct Consumer<T, F> {
    each: F,
    message: PhantomData<fn(T)>,
}

impl<T: Payload, F: Each<T>> Dispatcher for Consumer<T, F> {
    type Message = Letter<T>;

    fn dispatch(&self, _: ConnectionId, Letter(message): Letter<T>) -> Handled<Letter<T>> {
        (self.each)(message);
        Ok(())
    }
}

impl<T: Payload> Carrier<T> for Keylane {
    fn start(&self, producers: usize, each: impl Each<T>) -> (Vec<impl Send + FnMut(T)>, impl FnOnce()) {
        let mut builder = DispatchQueue::builder(Consumer { each, message: PhantomData }).order(self.order);
        if let Some(count) = self.bound {
            builder = builder.limits(Limits { count: Some(count), bytes: None });
        }
        let queue = builder.start().expect("threads can be started");
        let senders = (0..producers)
            .map(|producer| {
                let mut own: Vec<_> = (0..self.connections).map(|_| queue.connect()).collect();
                let first = producer * self.connections;
                move |message: T| {
                    let delivered = own[message.source() - first].deliver(Letter(message));
                    let _ = delivered.expect("the queue is open");
                }
            })
            .collect();
        let join = move || {
            queue.shutdown(Stop::RunRemaining);
            let report = queue.join().expect("not from a callback");
            assert!(report.leftovers.is_empty() && report.panics == 0 && report.unhandled == 0, "{report:?}");
        };
        (senders, join)
    }
}
