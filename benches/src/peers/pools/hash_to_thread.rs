//! A channel for each thread: a key's items go to the thread that its hash says.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::{Gate, Item, Pool, WORKERS, Work, gate};

/// Over channels of this kind.
pub struct HashToThread<C: Channel> {
    senders: Vec<C::Sender>,
    threads: Vec<JoinHandle<()>>,
    gate: Gate,
}

/// An unbounded channel.
pub trait Channel {
    /// What is compared.
    const NAME: &'static str;
    /// Where items go in.
    type Sender;
    /// Where they come out.
    type Receiver: Send + 'static;

    /// A new one.
    fn make() -> (Self::Sender, Self::Receiver);

    /// Sends.
    fn send(sender: &Self::Sender, item: Item);

    /// Hands over all that comes, until the senders are gone.
    fn receive(receiver: Self::Receiver, run: impl FnMut(Item));
}

impl<C: Channel> Pool for HashToThread<C> {
    const NAME: &'static str = C::NAME;
    const LACKS: Option<&'static str> =
        Some("a key that is slow or busy holds up its neighbours, while other threads are idle");

    fn start(work: &Arc<Work>, _: usize) -> Self {
        let gate = gate();
        let thread = |_| {
            let ((sender, receiver), gate, work) = (C::make(), Arc::clone(&gate), Arc::clone(work));
            let serve = move || {
                gate.wait();
                C::receive(receiver, |item| work.run(item));
            };
            (sender, std::thread::spawn(serve))
        };
        let (senders, threads) = (0..WORKERS).map(thread).unzip();
        Self { senders, threads, gate }
    }

    fn release(&mut self) {
        self.gate.wait();
    }

    fn submit(&self, item: Item) {
        C::send(&self.senders[thread_of(item.key)], item);
    }

    fn join(self) {
        drop(self.senders);
        self.threads.into_iter().for_each(|thread| thread.join().expect("runs to its end"));
    }
}

/// Fibonacci hashing: as cheap as a hash can be that spreads.
fn thread_of(key: u32) -> usize {
    let hash = u64::from(key.wrapping_mul(0x9E37_79B9));
    ((hash * WORKERS as u64) >> 32) as usize
}

/// [`crossbeam_channel`].
pub struct Crossbeam;

impl Channel for Crossbeam {
    const NAME: &'static str = "hash to thread, crossbeam-channel";
    type Sender = crossbeam_channel::Sender<Item>;
    type Receiver = crossbeam_channel::Receiver<Item>;

    fn make() -> (Self::Sender, Self::Receiver) {
        crossbeam_channel::unbounded()
    }

    fn send(sender: &Self::Sender, item: Item) {
        sender.send(item).expect("a thread receives");
    }

    fn receive(receiver: Self::Receiver, run: impl FnMut(Item)) {
        receiver.into_iter().for_each(run);
    }
}

/// [`kanal`], which hands over all that is there at once.
pub struct Kanal;

impl Channel for Kanal {
    const NAME: &'static str = "hash to thread, kanal";
    type Sender = kanal::Sender<Item>;
    type Receiver = kanal::Receiver<Item>;

    fn make() -> (Self::Sender, Self::Receiver) {
        kanal::unbounded()
    }

    fn send(sender: &Self::Sender, item: Item) {
        sender.send(item).expect("a thread receives");
    }

    fn receive(receiver: Self::Receiver, mut run: impl FnMut(Item)) {
        let mut batch = Vec::new();
        while let Ok(item) = receiver.recv() {
            run(item);
            receiver.drain_into(&mut batch).expect("this end is open");
            batch.drain(..).for_each(&mut run);
        }
    }
}
