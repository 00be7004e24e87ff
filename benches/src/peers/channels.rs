//! Channels of many producers and one consumer, each used as its documentation advises.

use std::collections::VecDeque;
use std::iter::from_fn;
use std::sync::mpsc;
use std::thread;

use crate::peers::carrier::{Carrier, Channel, Each, Field, Payload, Workload};

/// All consumers stay until all producers are through.
const OPEN: &str = "the consumer is there";

/// How many messages a consumer that asks for a number takes at once.
const BATCH: usize = 1024;

const BATCH_UNBOUNDED: Option<&str> = Some("the batch that was taken out does not count towards the bound");

/// Without a bound, one message at a time.
pub fn unbounded<T: Payload>(field: &mut Field<impl Workload<T>>) {
    field.enter(
        "std mpsc",
        None,
        Channel(|| {
            let (sender, receiver) = mpsc::channel();
            (move |message: T| sender.send(message).expect(OPEN), receiver.into_iter())
        }),
    );
    field.enter(
        "crossbeam-channel",
        None,
        Channel(|| {
            let (sender, receiver) = crossbeam_channel::unbounded();
            (move |message: T| sender.send(message).expect(OPEN), receiver.into_iter())
        }),
    );
    field.enter(
        "flume",
        None,
        Channel(|| {
            let (sender, receiver) = flume::unbounded();
            (move |message: T| sender.send(message).expect(OPEN), receiver.into_iter())
        }),
    );
    field.enter(
        "kanal",
        None,
        Channel(|| {
            let (sender, receiver) = kanal::unbounded();
            (move |message: T| sender.send(message).expect(OPEN), from_fn(move || receiver.recv().ok()))
        }),
    );
    field.enter(
        "crossfire",
        None,
        Channel(|| {
            crossfire::detect_backoff_cfg();
            let (sender, receiver) = crossfire::mpsc::unbounded_blocking();
            (move |message: T| sender.send(message).expect(OPEN), from_fn(move || receiver.recv().ok()))
        }),
    );
    field.enter(
        "tokio mpsc",
        None,
        Channel(|| {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            (move |message: T| sender.send(message).expect(OPEN), from_fn(move || receiver.blocking_recv()))
        }),
    );
    field.enter(
        "async-channel",
        None,
        Channel(|| {
            let (sender, receiver) = async_channel::unbounded();
            (
                move |message: T| sender.send_blocking(message).expect(OPEN),
                from_fn(move || receiver.recv_blocking().ok()),
            )
        }),
    );
}

/// Without a bound; the consumer takes all that there is at once, where a channel offers that.
pub fn unbounded_in_batches<T: Payload>(field: &mut Field<impl Workload<T>>) {
    field.enter::<T>("flume, drained", None, FlumeDrained { bound: None });
    field.enter(
        "kanal, drained",
        None,
        Channel(|| {
            let (sender, receiver) = kanal::unbounded();
            (move |message: T| sender.send(message).expect(OPEN), kanal_batches(receiver))
        }),
    );
    field.enter(
        "tokio mpsc, recv_many",
        None,
        Channel(|| {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            (
                move |message: T| sender.send(message).expect(OPEN),
                batches(move |batch| {
                    receiver.blocking_recv_many(batch, BATCH);
                }),
            )
        }),
    );
}

/// For so many messages, one at a time.
pub fn bounded<T: Payload>(field: &mut Field<impl Workload<T>>, bound: usize) {
    field.enter(
        "std mpsc",
        None,
        Channel(move || {
            let (sender, receiver) = mpsc::sync_channel(bound);
            (move |message: T| sender.send(message).expect(OPEN), receiver.into_iter())
        }),
    );
    field.enter(
        "crossbeam-channel",
        None,
        Channel(move || {
            let (sender, receiver) = crossbeam_channel::bounded(bound);
            (move |message: T| sender.send(message).expect(OPEN), receiver.into_iter())
        }),
    );
    field.enter(
        "flume",
        None,
        Channel(move || {
            let (sender, receiver) = flume::bounded(bound);
            (move |message: T| sender.send(message).expect(OPEN), receiver.into_iter())
        }),
    );
    field.enter(
        "kanal",
        None,
        Channel(move || {
            let (sender, receiver) = kanal::bounded(bound);
            (move |message: T| sender.send(message).expect(OPEN), from_fn(move || receiver.recv().ok()))
        }),
    );
    field.enter(
        "crossfire",
        None,
        Channel(move || {
            crossfire::detect_backoff_cfg();
            let (sender, receiver) = crossfire::mpsc::bounded_blocking(bound);
            (move |message: T| sender.send(message).expect(OPEN), from_fn(move || receiver.recv().ok()))
        }),
    );
    field.enter(
        "tokio mpsc",
        None,
        Channel(move || {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(bound);
            (
                move |message: T| sender.blocking_send(message).expect(OPEN),
                from_fn(move || receiver.blocking_recv()),
            )
        }),
    );
    field.enter(
        "async-channel",
        None,
        Channel(move || {
            let (sender, receiver) = async_channel::bounded(bound);
            (
                move |message: T| sender.send_blocking(message).expect(OPEN),
                from_fn(move || receiver.recv_blocking().ok()),
            )
        }),
    );
    // By its slots, so that what is taken out needs no substitute made.
    field.enter(
        "thingbuf",
        None,
        Channel(move || {
            let (sender, receiver) = thingbuf::mpsc::blocking::with_recycle(bound, Empty);
            (
                move |message: T| *sender.send_ref().expect(OPEN) = Some(message),
                from_fn(move || receiver.recv_ref().map(|mut slot| slot.take().expect("it was filled"))),
            )
        }),
    );
}

/// For so many messages; the consumer takes all that there is at once, where a channel offers that.
pub fn bounded_in_batches<T: Payload>(field: &mut Field<impl Workload<T>>, bound: usize) {
    field.enter::<T>("flume, drained", BATCH_UNBOUNDED, FlumeDrained { bound: Some(bound) });
    field.enter(
        "kanal, drained",
        BATCH_UNBOUNDED,
        Channel(move || {
            let (sender, receiver) = kanal::bounded(bound);
            (move |message: T| sender.send(message).expect(OPEN), kanal_batches(receiver))
        }),
    );
    field.enter(
        "tokio mpsc, recv_many",
        BATCH_UNBOUNDED,
        Channel(move || {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(bound);
            (
                move |message: T| sender.blocking_send(message).expect(OPEN),
                batches(move |batch| {
                    receiver.blocking_recv_many(batch, BATCH);
                }),
            )
        }),
    );
}

/// flume's whole queue is taken out as it is.
struct FlumeDrained {
    bound: Option<usize>,
}

impl<T: Payload> Carrier<T> for FlumeDrained {
    fn start(&self, producers: usize, each: impl Each<T>) -> (Vec<impl Send + FnMut(T)>, impl FnOnce()) {
        let (sender, receiver) = self.bound.map_or_else(flume::unbounded, flume::bounded);
        let consumer = thread::spawn(move || {
            while let Ok(first) = receiver.recv() {
                each(first);
                receiver.drain().for_each(&each);
            }
        });
        let send = move |message: T| sender.send(message).expect(OPEN);
        (vec![send; producers], move || consumer.join().expect("the consumer has not panicked"))
    }
}

fn kanal_batches<T: Payload>(receiver: kanal::Receiver<T>) -> impl Iterator<Item = T> + Send {
    batches(move |batch| {
        if receiver.drain_into(batch).is_ok_and(|taken| taken == 0) {
            batch.extend(receiver.recv().ok());
        }
    })
}

/// All that `refill` puts into the empty vector, again and again until it puts nothing.
fn batches<T: Payload>(mut refill: impl FnMut(&mut Vec<T>) + Send) -> impl Iterator<Item = T> + Send {
    let mut batch = VecDeque::new();
    from_fn(move || {
        if batch.is_empty() {
            // The same memory, under the name that channels know.
            let mut vector = Vec::from(std::mem::take(&mut batch));
            refill(&mut vector);
            batch = VecDeque::from(vector);
        }
        batch.pop_front()
    })
}

/// An empty slot stays what it is.
struct Empty;

impl<T> thingbuf::Recycle<Option<T>> for Empty {
    fn new_element(&self) -> Option<T> {
        None
    }

    fn recycle(&self, slot: &mut Option<T>) {
        *slot = None;
    }
}
