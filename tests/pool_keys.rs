//! Keys of a pool beyond first come, first run: in front, in batches, taken out, held.

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use keylane::testing::settle;
use keylane::{ControlError, Handler, KeyGuard, Lease, PoolHandle, ShardedThreadPool, Step, Stop, Worker};

use common::{bounded, hear};

type Held = Arc<Mutex<Vec<KeyGuard<u8, Op>>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Note(u32),
    /// Keeps the key.
    Hold,
    /// Submits a note in front, from inside.
    Again(u32),
    /// Asks what may not be asked from inside.
    Wait,
}

#[derive(Default)]
struct Clerk {
    notes: Arc<Mutex<Vec<u32>>>,
    held: Held,
    alive: Arc<()>,
}

impl Handler for Clerk {
    type Key = u8;
    type Item = Op;

    fn handle(&self, key: Lease<'_, u8, Op>, op: Op) {
        match op {
            Op::Note(note) => self.notes.lock().unwrap().push(note),
            Op::Hold => self.held.lock().unwrap().push(key.hold()),
            Op::Again(note) => key.pool::<Self>().submit_front(*key, Op::Note(note)).unwrap(),
            Op::Wait => {
                let pool = key.pool::<Self>();
                assert_eq!(pool.drain_key(&key), Err(ControlError::FromCallback));
                assert_eq!(pool.remove(&key), [Op::Note(7)], "what waits behind this");
            }
        }
    }
}

struct Pool {
    handle: PoolHandle<Clerk>,
    workers: Vec<Worker<Clerk>>,
    notes: Arc<Mutex<Vec<u32>>>,
    held: Held,
}

fn pool() -> Pool {
    let clerk = Clerk::default();
    let (notes, held) = (Arc::clone(&clerk.notes), Arc::clone(&clerk.held));
    let builder = ShardedThreadPool::builder(clerk).shards(1).threads_per_shard(1);
    let (handle, workers) = builder.stepped().unwrap();
    Pool { handle, workers, notes, held }
}

impl Pool {
    fn notes(&mut self) -> Vec<u32> {
        settle(&mut self.workers);
        std::mem::take(&mut self.notes.lock().unwrap())
    }
}

fn notes(numbers: &[u32]) -> Vec<Op> {
    numbers.iter().map(|&number| Op::Note(number)).collect()
}

#[test]
fn front_and_batches_have_their_places() {
    let mut pool = pool();
    pool.handle.submit(1, Op::Note(5)).unwrap();
    pool.handle.submit_batch(1, notes(&[6, 7])).unwrap();
    pool.handle.submit_front(1, Op::Note(4)).unwrap();
    pool.handle.submit_front_batch(1, notes(&[1, 2, 3])).unwrap();
    pool.handle.submit_front_batch(1, Vec::new()).unwrap();
    pool.handle.submit_batch(1, Vec::new()).unwrap();
    assert_eq!(pool.notes(), [1, 2, 3, 4, 5, 6, 7]);
    pool.handle.submit_batch(1, vec![Op::Again(1), Op::Note(2)]).unwrap();
    assert_eq!(pool.notes(), [1, 2]);
}

#[test]
fn what_is_refused_comes_back() {
    let pool = pool();
    pool.handle.submit(1, Op::Hold).unwrap();
    let mut workers = pool.workers;
    assert_eq!(workers[0].step(), Step::Ran);
    pool.handle.shutdown(Stop::RunRemaining);
    let batch = notes(&[1, 2]);
    let refused = pool.handle.submit_batch(3, batch.clone()).unwrap_err();
    assert_eq!(refused.into_parts(), (3, batch.clone()));
    let refused = pool.handle.submit_front_batch(4, batch.clone()).unwrap_err();
    assert_eq!(refused.into_parts(), (4, batch));
    assert_eq!(pool.handle.submit_front(5, Op::Hold).unwrap_err().into_parts(), (5, Op::Hold));
    let key = pool.held.lock().unwrap().pop().unwrap();
    assert_eq!(key.put_back(Op::Note(9)).unwrap_err().into_parts(), (1, Op::Note(9)));
    assert_eq!(
        workers[0].step(),
        Step::Stopped,
        "a key that is held with nothing behind it is not waited for"
    );
    drop(key);
    assert!(pool.handle.reclaim(workers).leftovers.is_empty());
}

#[test]
fn a_key_that_is_held_waits_and_others_do_not() {
    let mut pool = pool();
    pool.handle.submit_batch(1, vec![Op::Hold, Op::Note(1)]).unwrap();
    pool.handle.submit(2, Op::Note(2)).unwrap();
    assert_eq!(pool.notes(), [2]);
    let key = pool.held.lock().unwrap().pop().unwrap();
    assert_eq!(*key.key(), 1);
    key.put_back(Op::Note(0)).unwrap();
    assert_eq!(pool.notes(), []);
    let paused = pool.handle.pause().unwrap();
    drop(key);
    assert_eq!(pool.notes(), [], "a pause waits for handlers, and a guard may be dropped in it");
    drop(paused);
    assert_eq!(pool.notes(), [0, 1]);
}

#[test]
fn what_is_removed_does_not_run() {
    let mut pool = pool();
    pool.handle.submit_batch(1, notes(&[1, 2])).unwrap();
    pool.handle.submit(2, Op::Note(3)).unwrap();
    pool.handle.submit_front(1, Op::Note(0)).unwrap();
    assert_eq!(pool.handle.remove(&1), notes(&[0, 1, 2]));
    assert_eq!(pool.handle.remove(&1), []);
    assert_eq!(pool.notes(), [3]);
    pool.handle.submit_batch(1, vec![Op::Wait, Op::Note(7)]).unwrap();
    assert_eq!(pool.notes(), []);
    pool.handle.submit(1, Op::Note(8)).unwrap();
    pool.handle.shutdown(Stop::HandBack);
    assert_eq!(pool.handle.remove(&1), [], "it has been handed back");
    assert_eq!(pool.handle.reclaim(pool.workers).leftovers, [(1, Op::Note(8))]);
}

#[test]
fn draining_a_key_waits_for_it_and_for_no_other() {
    bounded(|| {
        let mut pool = pool();
        assert_eq!(pool.handle.drain_key(&1), Ok(()), "nothing is there");
        pool.handle.submit_batch(1, vec![Op::Hold, Op::Note(1)]).unwrap();
        pool.handle.submit(2, Op::Note(2)).unwrap();
        assert_eq!(pool.workers[0].step(), Step::Ran);
        let drained = {
            let handle = pool.handle.clone();
            thread::spawn(move || handle.drain_key(&1))
        };
        let key = pool.held.lock().unwrap().pop().unwrap();
        drop(key);
        while !drained.is_finished() {
            let _ = pool.workers[0].step();
        }
        assert_eq!(drained.join().unwrap(), Ok(()));
        assert!(pool.notes.lock().unwrap().contains(&1));
        // What is handed back will not be run.
        pool.handle.submit(1, Op::Note(3)).unwrap();
        pool.handle.shutdown(Stop::HandBack);
        assert_eq!(pool.handle.drain_key(&1), Err(ControlError::Stopped));
        assert_eq!(pool.handle.drain_key(&2), Ok(()));
    });
}

/// Writes to a disk, which says when it is done.
struct Writer(Mutex<Sender<(u32, KeyGuard<u8, u32>)>>);

impl Handler for Writer {
    type Key = u8;
    type Item = u32;

    fn handle(&self, object: Lease<'_, u8, u32>, text: u32) {
        self.0.lock().unwrap().send((text, object.hold())).unwrap();
    }
}

#[test]
fn asynchronous_writes_of_one_key_do_not_overlap() {
    const WRITES: u32 = 2_000;
    bounded(|| {
        let (to_disk, writes): (_, Receiver<(u32, KeyGuard<u8, u32>)>) = channel();
        let pool = ShardedThreadPool::builder(Writer(Mutex::new(to_disk))).shards(2).start().unwrap();
        for text in 0..WRITES {
            pool.submit((text % 4) as u8, text).unwrap();
        }
        let (mut under_way, mut written) = (Vec::new(), [0; 4]);
        while written != [WRITES / 4; 4] {
            let (text, key) = match writes.try_recv() {
                Ok(write) => write,
                // One is done, the first that began.
                Err(_) if !under_way.is_empty() => {
                    drop(under_way.remove(0));
                    continue;
                }
                Err(_) => hear(&writes),
            };
            assert!(under_way.iter().all(|other: &KeyGuard<u8, u32>| other.key() != key.key()), "P3");
            let next = &mut written[usize::from(*key.key())];
            assert_eq!(text / 4, *next, "P2");
            *next += 1;
            under_way.push(key);
        }
        drop(under_way);
        assert!(pool.join().unwrap().leftovers.is_empty());
    });
}

#[test]
fn neither_a_handle_nor_a_guard_keeps_the_handler() {
    let clerk = Clerk::default();
    let (held, alive) = (Arc::clone(&clerk.held), Arc::downgrade(&clerk.alive));
    let pool = ShardedThreadPool::builder(clerk).shards(1).threads_per_shard(1).start().unwrap();
    let handle = pool.handle();
    handle.submit(1, Op::Hold).unwrap();
    pool.join().unwrap();
    assert!(alive.upgrade().is_none(), "it went with the workers");
    let key = held.lock().unwrap().pop().unwrap();
    assert_eq!(handle.remove(key.key()), []);
    drop(handle);
    drop(key);
}
