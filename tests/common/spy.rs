//! A key that shows when a thread of interest takes its item in: how a test knows that a drain has begun.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use keylane::{ControlError, Handler, PoolHandle};

use super::hear;

thread_local! {
    static HASHED: RefCell<Option<Sender<()>>> = const { RefCell::new(None) };
}

#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub u8);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        HASHED.with_borrow(|hashed| {
            if let Some(hashed) = hashed {
                let _ = hashed.send(());
            }
        });
        self.0.hash(state);
    }
}

/// Does nothing with its items.
pub struct Spied;

impl Handler for Spied {
    type Key = Key;
    type Item = ();
    fn handle(&self, _: &Key, (): ()) {}
}

/// Begins a drain on a thread of its own. The pool must have one shard, and an item that nobody has taken in:
/// when this returns, the drain has, and what is submitted from now on comes after it.
pub fn begin_drain(pool: &PoolHandle<Spied>) -> JoinHandle<Result<(), ControlError>> {
    let (tell, hashed): (_, Receiver<()>) = channel();
    let pool = pool.clone();
    let drain = thread::spawn(move || {
        HASHED.set(Some(tell));
        pool.drain()
    });
    hear(&hashed);
    drain
}
