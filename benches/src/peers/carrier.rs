//! What all queues are to a workload: many threads put messages in, one thread is called with each.

use std::fmt::Debug;
use std::sync::Arc;
use std::thread;

use crate::meter::Sample;
use crate::question::Contender;

/// Brings messages of some threads to one.
pub trait Carrier<T: Payload>: 'static {
    /// Starts the consumer, which calls `each`; and says what each of so many producers sends with. Those are dropped before the last
    /// part is called, which returns when all that was sent has been handled.
    fn start(&self, producers: usize, each: impl Each<T>) -> (Vec<impl Send + FnMut(T)>, impl FnOnce());
}

/// What the consumer does with a message. Shared, since keylane's callbacks are; so what it changes is in atomics.
pub trait Each<T>: Fn(T) + Send + Sync + 'static {}
impl<T, F: Fn(T) + Send + Sync + 'static> Each<T> for F {}

/// A message.
pub trait Payload: Debug + Send + Sync + 'static {
    /// On which connection it comes. Those of all producers are numbered together; each has as many, in sequence.
    fn source(&self) -> usize {
        0
    }

    /// How urgent it is; higher goes first.
    fn priority(&self) -> u8 {
        keylane::Priority::DEFAULT.0
    }

    /// The same as an index, if there are only [`RANKS`] priorities.
    fn rank(&self) -> usize {
        0
    }
}

/// How many priorities there are where their number is known beforehand.
pub const RANKS: usize = 4;

/// What is done with a carrier, and counted.
pub trait Workload<T: Payload>: Clone + 'static {
    /// Does it once.
    fn run(&self, carrier: &impl Carrier<T>) -> Sample;
}

/// Collects those who compete in a workload.
pub struct Field<W> {
    workload: W,
    /// In the order in which they entered.
    pub contenders: Vec<Contender>,
}

impl<W> Field<W> {
    /// Nobody yet.
    pub fn of(workload: W) -> Self {
        Self { workload, contenders: Vec::new() }
    }

    /// One more.
    pub fn enter<T: Payload>(
        &mut self,
        name: &'static str,
        lacks: Option<&'static str>,
        carrier: impl Carrier<T>,
    ) where
        W: Workload<T>,
    {
        let workload = self.workload.clone();
        self.contenders.push(Contender { name, lacks, run: Box::new(move || workload.run(&carrier)) });
    }
}

/// A channel: makes one, and gives its two ends. The receiving one ends when all senders are gone.
pub struct Channel<F>(pub F);

impl<T: Payload, S, R, F> Carrier<T> for Channel<F>
where
    F: Fn() -> (S, R) + 'static,
    S: Clone + Send + FnMut(T),
    R: Iterator<Item = T> + Send + 'static,
{
    fn start(&self, producers: usize, each: impl Each<T>) -> (Vec<impl Send + FnMut(T)>, impl FnOnce()) {
        let (sender, receiver) = (self.0)();
        let consumer = thread::spawn(move || receiver.for_each(each));
        (vec![sender; producers], move || consumer.join().expect("the consumer has not panicked"))
    }
}

/// A queue that producers and the consumer share, and that has to be told when it is over.
pub trait Queue<T>: Send + Sync + 'static {
    /// Puts a message in.
    fn push(&self, message: T);

    /// Calls `each` with messages until the queue is closed and empty.
    fn consume(&self, each: impl Fn(T));

    /// Nothing more will be pushed.
    fn close(&self);
}

/// Makes such a queue.
pub struct Shared<F>(pub F);

impl<T: Payload, Q: Queue<T>, F: Fn() -> Q + 'static> Carrier<T> for Shared<F> {
    fn start(&self, producers: usize, each: impl Each<T>) -> (Vec<impl Send + FnMut(T)>, impl FnOnce()) {
        let queue = Arc::new((self.0)());
        let consumer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.consume(each)
        });
        let sender = {
            let queue = Arc::clone(&queue);
            move |message| queue.push(message)
        };
        let join = move || {
            queue.close();
            consumer.join().expect("the consumer has not panicked");
        };
        (vec![sender; producers], join)
    }
}
