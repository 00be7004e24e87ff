//! Calls from places one does not think of: a thread's last moments, the questions a queue asks, and a panic
//! whose payload panics in turn.

mod common;

use std::cell::RefCell;
use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use keylane::{
    ConnectionId, ControlError, DispatchQueue, Dispatcher, Handled, Handler, Lease, Message, PoolHandle,
    Priority, ShardedThreadPool,
};

use common::{bounded, hear};

struct Count(Arc<AtomicUsize>);

impl Handler for Count {
    type Key = u8;
    type Item = ();
    fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, (): ()) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static POOL: RefCell<Option<ShardedThreadPool<Count>>> = const { RefCell::new(None) };
    static LAST_WORDS: RefCell<Option<LastWords>> = const { RefCell::new(None) };
}

struct LastWords(PoolHandle<Count>);

impl Drop for LastWords {
    fn drop(&mut self) {
        self.0.submit(0, ()).unwrap();
    }
}

/// Made before the thread's first call into keylane, it is destroyed after what keylane keeps there.
#[test]
fn a_pool_in_a_thread_local_is_dropped_with_its_thread() {
    bounded(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let count = Count(Arc::clone(&ran));
        thread::spawn(move || {
            let pool = ShardedThreadPool::builder(count).shards(1).start().unwrap();
            POOL.set(Some(pool));
            POOL.with_borrow(|pool| pool.as_ref().unwrap().submit(0, ()).unwrap());
        })
        .join()
        .unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 1, "what it had accepted was run");
    });
}

#[test]
fn a_thread_may_submit_with_its_last_breath() {
    bounded(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let pool = ShardedThreadPool::builder(Count(Arc::clone(&ran))).shards(1).start().unwrap();
        let handle = pool.handle();
        thread::spawn(move || {
            LAST_WORDS.set(Some(LastWords(handle.clone())));
            handle.submit(0, ()).unwrap();
        })
        .join()
        .unwrap();
        assert!(pool.join().unwrap().leftovers.is_empty());
        assert_eq!(ran.load(Ordering::SeqCst), 2);
    });
}

type Place = Arc<Mutex<Option<DispatchQueue<Asked>>>>;

/// Ends the queue from inside the question that `asked` names.
struct Ender {
    asked: &'static str,
    place: Place,
    said: Sender<Option<ControlError>>,
}

impl Ender {
    fn end(&self, asked: &str) {
        if self.asked == asked {
            if let Some(queue) = self.place.lock().unwrap().take() {
                self.said.send(queue.join().err()).unwrap();
            }
        }
    }
}

struct Asking(Arc<Ender>);

impl Message for Asking {
    fn priority(&self) -> Priority {
        self.0.end("priority");
        Priority::DEFAULT
    }
}

struct Asked;

impl Dispatcher for Asked {
    type Message = Asking;
    fn can_fast_dispatch(&self, message: &Asking) -> bool {
        message.0.end("can_fast_dispatch");
        false
    }
    fn dispatch(&self, _: ConnectionId, _: Asking) -> Handled<Asking> {
        Ok(())
    }
}

/// The two questions are callbacks too, on the local thread as on any other.
#[test]
fn a_queue_is_joined_from_inside_its_questions() {
    for asked in ["can_fast_dispatch", "priority"] {
        bounded(move || {
            let place = Place::default();
            let (said, hears) = channel();
            let queue = DispatchQueue::builder(Asked).start().unwrap();
            let local = queue.local();
            *place.lock().unwrap() = Some(queue);
            local.send(Asking(Arc::new(Ender { asked, place, said }))).unwrap();
            assert_eq!(hear(&hears), Some(ControlError::FromCallback));
        });
    }
}

/// A worker survives even that, and a payload of the payload's panic that panics in turn.
#[test]
fn a_panic_whose_payload_panics_costs_no_worker() {
    struct Bomb(u8);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Bomb(self.0 - 1));
            }
        }
    }
    struct Bombs;
    impl Handler for Bombs {
        type Key = u8;
        type Item = bool;
        fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, explodes: bool) {
            if explodes {
                panic_any(Bomb(2));
            }
        }
    }
    bounded(|| {
        let builder = ShardedThreadPool::builder(Bombs).shards(1).threads_per_shard(1);
        let pool = builder.on_thread_start(|_| panic_any(Bomb(2))).start().unwrap();
        pool.submit(0, true).unwrap();
        pool.submit(0, false).unwrap();
        pool.drain().unwrap();
        let report = pool.join().unwrap();
        assert_eq!((report.leftovers.len(), report.panics), (0, 2), "the hook's and the handler's");
    });
}
