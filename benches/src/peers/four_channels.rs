//! A crossbeam channel for each priority, and a consumer that looks at them in order.

use std::array;
use std::thread;

use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, unbounded};

use crate::peers::carrier::{Carrier, Each, Payload, RANKS};

/// Highest first, in the order of arrival.
#[derive(Clone, Copy, Debug)]
pub struct FourChannels;

impl<T: Payload> Carrier<T> for FourChannels {
    fn start(&self, producers: usize, each: impl Each<T>) -> (Vec<impl Send + FnMut(T)>, impl FnOnce()) {
        let channels: [_; RANKS] = array::from_fn(|_| unbounded());
        let senders: [Sender<T>; _] = channels.each_ref().map(|(sender, _)| sender.clone());
        let receivers: [Receiver<T>; _] = channels.map(|(_, receiver)| receiver);
        let consumer = thread::spawn(move || consume(&receivers, each));
        let sender = move |message: T| senders[message.rank()].send(message).expect("the consumer is there");
        (vec![sender; producers], move || consumer.join().expect("the consumer has not panicked"))
    }
}

fn consume<T>(receivers: &[Receiver<T>], each: impl Fn(T)) {
    let mut select = Select::new_biased();
    for receiver in receivers.iter().rev() {
        select.recv(receiver);
    }
    // Cheaper than a selection as long as there is something.
    loop {
        let mut open = false;
        let found = receivers.iter().rev().find_map(|receiver| match receiver.try_recv() {
            Ok(message) => Some(message),
            Err(reason) => {
                open |= reason == TryRecvError::Empty;
                None
            }
        });
        match found {
            Some(message) => each(message),
            None if open => drop(select.ready()),
            None => return,
        }
    }
}
