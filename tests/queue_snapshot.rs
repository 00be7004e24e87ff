//! A queue's snapshot adds up at every moment, and says what has happened.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};

use keylane::{
    Connection, ConnectionId, Delivered, DispatchQueue, Dispatcher, Event, Handled, Limits, Message,
    Priority, QueueHandle, QueueSnapshot, Step, Stop,
};

use common::{bounded, together};

#[derive(Clone, Copy, Debug, Default)]
struct Letter {
    priority: u8,
    fast: bool,
    /// Its callback looks at the snapshot, and keeps it.
    looks: bool,
    /// Its callback panics.
    explodes: bool,
    /// Whoever asks for its priority gets a panic.
    poisoned: bool,
    unwanted: bool,
}

impl Message for Letter {
    fn priority(&self) -> Priority {
        assert!(!self.poisoned, "a bad letter");
        Priority(self.priority)
    }
}

struct Office(Arc<Clerk>);

#[derive(Default)]
struct Clerk {
    queue: OnceLock<QueueHandle<Office>>,
    seen: Mutex<Vec<QueueSnapshot>>,
}

impl Clerk {
    fn run(&self, letter: Letter) -> Handled<Letter> {
        if letter.looks {
            let snapshot = self.queue.get().unwrap().snapshot();
            self.seen.lock().unwrap().push(snapshot);
        }
        assert!(!letter.explodes, "a letter bomb");
        if letter.unwanted { Err(letter) } else { Ok(()) }
    }
}

impl Dispatcher for Office {
    type Message = Letter;

    fn can_fast_dispatch(&self, letter: &Letter) -> bool {
        letter.fast
    }

    fn fast_dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
        self.0.run(letter)
    }

    fn dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
        self.0.run(letter)
    }

    fn event(&self, _: ConnectionId, event: Event) -> bool {
        assert_ne!(event, Event::RemoteReset, "bad news");
        true
    }
}

fn letter(priority: u8) -> Letter {
    Letter { priority, ..Letter::default() }
}

fn fast() -> Letter {
    Letter { fast: true, ..Letter::default() }
}

fn deliver(connection: &mut Connection<Office>, letter: Letter) -> Delivered {
    connection.deliver(letter).unwrap()
}

fn depths(snapshot: &QueueSnapshot) -> Vec<(u8, u64)> {
    snapshot.queued.depths.iter().map(|&(priority, depth)| (priority.0, depth)).collect()
}

fn assert_adds_up(snapshot: &QueueSnapshot) {
    let QueueSnapshot { queued, local, .. } = snapshot;
    let over = queued.dispatched + queued.discarded + queued.handed_back;
    assert_eq!(queued.accepted, queued.depth() + over, "{snapshot:?}");
    let over = local.fast + local.passed_on + local.lost + local.handed_back;
    assert_eq!(local.sent, local.depth + over, "{snapshot:?}");
    assert!(local.passed_on <= queued.accepted, "{snapshot:?}");
}

#[test]
fn each_step_shows() {
    let clerk = Arc::new(Clerk::default());
    let (queue, mut dispatch, mut local) = DispatchQueue::builder(Office(Arc::clone(&clerk))).stepped();
    let (mut one, mut other) = (queue.connect(), queue.connect());
    let before = queue.snapshot();
    assert_eq!((before.connections, depths(&before), before.throttle), (2, Vec::new(), None));
    one.connected().unwrap();
    for priority in [5, 200, 5, 77] {
        assert_eq!(deliver(&mut one, letter(priority)), Delivered::Queued);
    }
    assert_eq!(deliver(&mut other, fast()), Delivered::Fast);
    assert_eq!(deliver(&mut other, letter(0)), Delivered::Queued);
    queue.local().send(letter(5)).unwrap();
    queue.local().send(fast()).unwrap();
    let full = queue.snapshot();
    assert_eq!(depths(&full), [(200, 1), (77, 1), (5, 2), (0, 1)]);
    assert_eq!((full.fast, full.queued.accepted, full.queued.raised, full.local.depth), (1, 5, 1, 2));

    assert_eq!([local.step(), local.step(), local.step()], [Step::Ran, Step::Ran, Step::Idle]);
    let passed_on = queue.snapshot();
    let to_oneself = passed_on.local;
    assert_eq!((to_oneself.sent, to_oneself.depth, to_oneself.fast, to_oneself.passed_on), (2, 0, 1, 1));
    assert_eq!(depths(&passed_on), [(200, 1), (77, 1), (5, 3), (0, 1)]);
    assert_eq!(passed_on.fast, 1, "what is sent to oneself comes on no connection");

    assert_eq!([dispatch.step(), dispatch.step()], [Step::Ran, Step::Ran], "the event and the 200");
    let running = queue.snapshot();
    assert_eq!(depths(&running)[0], (200, 1), "until the loop looks again");
    assert_eq!((running.queued.told, running.queued.dispatched), (0, 0), "which it need not for the 200");
    one.discard().unwrap();
    assert_eq!(dispatch.step(), Step::Ran);
    assert_eq!(dispatch.step(), Step::Ran);
    assert_eq!(dispatch.step(), Step::Idle);
    let empty = queue.snapshot();
    assert_eq!((empty.queued.dispatched, empty.queued.discarded, depths(&empty)), (3, 3, Vec::new()));

    drop(one);
    assert_eq!((queue.snapshot().connections, queue.snapshot().fast), (1, 1));
    other.connected().unwrap();
    for _ in 0..3 {
        let _ = deliver(&mut other, letter(9));
    }
    queue.local().send(letter(1)).unwrap();
    let report = queue.reclaim(dispatch, local);
    assert_eq!((report.leftovers.len(), report.events.len()), (4, 1));
    let end = queue.snapshot();
    assert_eq!((end.queued.handed_back, end.local.handed_back, end.queued.untold), (3, 1, 1));
    assert_eq!((end.connections, end.fast, end.queued.raised), (0, 1, 2));
    for snapshot in [before, full, passed_on, running, empty, end] {
        assert_adds_up(&snapshot);
    }
}

/// While it goes on with what it holds, and nothing comes that it has to look at.
#[test]
fn figures_are_behind_by_64_callbacks_at_most() {
    let (queue, mut dispatch, _local) = DispatchQueue::builder(Office(Arc::default())).stepped();
    let mut connection = queue.connect();
    for _ in 0..100 {
        connection.connected().unwrap();
    }
    let _ = deliver(&mut connection, letter(6));
    for _ in 0..200 {
        let _ = deliver(&mut connection, letter(5));
    }
    let behind = (1..=300).map(|ran| {
        assert_eq!(dispatch.step(), Step::Ran);
        let snapshot = queue.snapshot();
        assert_adds_up(&snapshot);
        ran - (snapshot.queued.dispatched + snapshot.queued.told)
    });
    // After the last message of a line it looks at once, and so after the only one of the higher priority.
    let expected = (1..=64).chain(1..=37).chain((1..=64).cycle()).take(300);
    assert_eq!(behind.collect::<Vec<u64>>(), expected.collect::<Vec<_>>());
    let _ = deliver(&mut connection, letter(5));
    assert_eq!(dispatch.step(), Step::Ran);
    assert_eq!(queue.snapshot().queued.dispatched, 193, "what comes at the end of a line changes nothing");
    connection.connected().unwrap();
    assert_eq!([dispatch.step(), dispatch.step(), dispatch.step()], [Step::Ran, Step::Ran, Step::Idle]);
    let end = queue.snapshot();
    assert_eq!((end.queued.dispatched, end.queued.told, depths(&end)), (202, 101, Vec::new()));
    connection.connected().unwrap();
    assert_eq!([dispatch.step(), dispatch.step()], [Step::Ran, Step::Idle]);
    assert_eq!(queue.snapshot().queued.told, 102, "it looks before it says that nothing waits");
}

#[test]
fn what_remains_after_a_shutdown_is_run_without_a_look() {
    let (queue, mut dispatch, mut local) = DispatchQueue::builder(Office(Arc::default())).stepped();
    let mut connection = queue.connect();
    (0..10).for_each(|_| assert_eq!(deliver(&mut connection, letter(5)), Delivered::Queued));
    assert_eq!(dispatch.step(), Step::Ran);
    queue.shutdown(Stop::RunRemaining);
    assert_eq!(local.step(), Step::Stopped, "so the dispatch thread gets nothing more");
    for _ in 1..10 {
        assert_eq!((dispatch.step(), queue.snapshot().queued.dispatched), (Step::Ran, 0));
    }
    assert_eq!((dispatch.step(), queue.snapshot().queued.dispatched), (Step::Stopped, 10));
}

#[test]
fn a_callback_sees_itself_under_way() {
    let clerk = Arc::new(Clerk::default());
    let builder = DispatchQueue::builder(Office(Arc::clone(&clerk)));
    let (queue, mut dispatch, _local) = builder.limits(Limits { count: Some(9), bytes: None }).stepped();
    clerk.queue.set(queue.clone()).unwrap();
    let mut connection = queue.connect();
    assert_eq!(deliver(&mut connection, Letter { looks: true, ..fast() }), Delivered::Fast);
    let _ = deliver(&mut connection, Letter { looks: true, ..letter(3) });
    assert_eq!(dispatch.step(), Step::Ran);
    let seen = std::mem::take(&mut *clerk.seen.lock().unwrap());
    let out = |snapshot: &QueueSnapshot| snapshot.throttle.unwrap().count;
    assert_eq!((seen[0].fast, out(&seen[0])), (0, 1), "it is not over yet");
    assert_eq!((seen[1].fast, depths(&seen[1]), out(&seen[1])), (1, vec![(3, 1)], 1));
    assert_eq!(out(&queue.snapshot()), 0);
}

#[test]
fn what_panics_is_over_or_lost() {
    let clerk = Arc::new(Clerk::default());
    let (queue, mut dispatch, mut local) = DispatchQueue::builder(Office(clerk)).stepped();
    let mut connection = queue.connect();
    let explosive = |fast| Letter { fast, explodes: true, ..Letter::default() };
    let panics = |call: &mut dyn FnMut()| assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    panics(&mut || drop(connection.deliver(explosive(true))));
    let _ = deliver(&mut connection, explosive(false));
    panics(&mut || _ = dispatch.step());
    connection.remote_reset().unwrap();
    panics(&mut || _ = dispatch.step());
    for letter in [explosive(true), Letter { poisoned: true, ..letter(0) }] {
        queue.local().send(letter).unwrap();
        panics(&mut || _ = local.step());
    }
    let _ = deliver(&mut connection, Letter { unwanted: true, ..letter(0) });
    assert_eq!([dispatch.step(), dispatch.step(), local.step()], [Step::Ran, Step::Idle, Step::Idle]);
    let snapshot = queue.snapshot();
    assert_adds_up(&snapshot);
    assert_eq!((snapshot.fast, snapshot.queued.dispatched, snapshot.unhandled), (1, 2, 1));
    assert_eq!((snapshot.queued.raised, snapshot.queued.told), (1, 1));
    assert_eq!((snapshot.local.fast, snapshot.local.lost, snapshot.local.passed_on), (1, 1, 0));
}

#[test]
fn it_adds_up_while_threads_run() {
    const EACH: u64 = 20_000;
    bounded(|| {
        let queue = DispatchQueue::builder(Office(Arc::default())).start().unwrap();
        together(3, |producer| {
            let mut connection = queue.connect();
            for number in 0..EACH {
                if producer == 0 {
                    assert_adds_up(&queue.snapshot());
                }
                let letter = Letter { fast: number % 2 == 0, ..letter(number as u8) };
                if number % 5 == 0 {
                    queue.local().send(letter).unwrap();
                } else {
                    let _ = deliver(&mut connection, letter);
                }
                if number % 100 == 0 {
                    connection.discard().unwrap();
                }
            }
        });
        // Threads that had enough to do all the time may not have slept yet.
        let mut more = 0;
        while [queue.snapshot().queued.wakes, queue.snapshot().local.wakes].contains(&0) {
            queue.local().send(letter(1)).unwrap();
            more += 1;
            std::thread::yield_now();
        }
        let handle = queue.handle();
        queue.shutdown(Stop::RunRemaining);
        assert!(queue.join().unwrap().leftovers.is_empty());
        let end = handle.snapshot();
        assert_adds_up(&end);
        let QueueSnapshot { fast, local, queued, .. } = end;
        assert_eq!((queued.depth(), local.depth), (0, 0));
        assert_eq!(local.sent, 3 * EACH / 5 + more);
        assert_eq!(fast + local.fast, 3 * EACH / 2, "no fast one is discarded");
        assert_eq!(fast + local.fast + queued.accepted, 3 * EACH + more);
    });
}
