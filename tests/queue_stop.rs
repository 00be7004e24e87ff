//! D10 and D1 at the end: stopping from anywhere, in the middle of everything, loses nothing.

mod common;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};

use keylane::{
    ConnectionId, ControlError, Delivered, DispatchQueue, Dispatcher, Handled, Message, Priority,
    QueueHandle, Step, Stop,
};

use common::{bounded, hear, together};

/// A message that says what its callback does.
struct Task(Box<dyn FnOnce() + Send>);

impl Message for Task {}

/// Runs tasks, all of them queued.
struct Runner;

impl Dispatcher for Runner {
    type Message = Task;
    fn dispatch(&self, _: ConnectionId, task: Task) -> Handled<Task> {
        (task.0)();
        Ok(())
    }
}

fn task(body: impl FnOnce() + Send + 'static) -> Task {
    Task(Box::new(body))
}

/// A panic without a message on the terminal.
fn fall() {
    resume_unwind(Box::new("planned"));
}

struct Numbered(usize, usize);

impl Message for Numbered {}

/// Counts, by writer, what ran; fails if anything runs once `joined` is set.
#[derive(Clone, Default)]
struct Counter {
    ran: Arc<Mutex<Vec<(usize, usize)>>>,
    joined: Arc<AtomicBool>,
}

impl Dispatcher for Counter {
    type Message = Numbered;

    fn can_fast_dispatch(&self, Numbered(_, number): &Numbered) -> bool {
        number % 3 == 0
    }

    fn dispatch(&self, _: ConnectionId, Numbered(writer, number): Numbered) -> Handled<Numbered> {
        assert!(!self.joined.load(Ordering::SeqCst), "D10: no callback after join");
        self.ran.lock().unwrap().push((writer, number));
        Ok(())
    }
}

/// Writers deliver until they are refused while another thread shuts down.
fn stop_in_the_middle(stop: Stop) {
    const WRITERS: usize = 3;
    let counter = Counter::default();
    let queue = DispatchQueue::builder(counter.clone()).start().unwrap();
    let returned = AtomicBool::new(false);
    let accepted: Vec<usize> = together(WRITERS + 1, |writer| {
        if writer == WRITERS {
            queue.shutdown(stop);
            returned.store(true, Ordering::SeqCst);
            return 0;
        }
        let (mut connection, local) = (queue.connect(), queue.local());
        for number in 0.. {
            let late = returned.load(Ordering::SeqCst);
            let offered = Numbered(writer, number);
            let refused =
                if number % 2 == 0 { connection.deliver(offered).map(drop) } else { local.send(offered) };
            match refused.map_err(|error| error.into_message()) {
                Ok(()) => assert!(!late, "D10: a late message was accepted"),
                Err(Numbered(from, refused)) => {
                    assert_eq!((from, refused), (writer, number), "the message comes back");
                    return number;
                }
            }
        }
        unreachable!("shut down some time");
    });
    assert!(queue.connect().looks_closed());
    let report = queue.join().unwrap();
    counter.joined.store(true, Ordering::SeqCst);
    assert!(stop == Stop::HandBack || report.leftovers.is_empty(), "nothing comes back from running it all");

    let mut fates: HashMap<(usize, usize), usize> = HashMap::new();
    let ran = counter.ran.lock().unwrap();
    let left = report.leftovers.iter().map(|(_, Numbered(writer, number))| (*writer, *number));
    for one in ran.iter().copied().chain(left) {
        *fates.entry(one).or_default() += 1;
    }
    for (writer, &accepted) in accepted[..WRITERS].iter().enumerate() {
        for number in 0..accepted {
            assert_eq!(fates.remove(&(writer, number)), Some(1), "D1: {number} of writer {writer}");
        }
    }
    assert!(fates.is_empty(), "D1: what was refused has run: {fates:?}");
}

#[test]
fn stopping_in_the_middle_runs_what_was_accepted() {
    bounded(|| (0..50).for_each(|_| stop_in_the_middle(Stop::RunRemaining)));
}

#[test]
fn stopping_in_the_middle_hands_back_what_has_not_run() {
    bounded(|| (0..50).for_each(|_| stop_in_the_middle(Stop::HandBack)));
}

/// The dispatch thread, held inside a callback until the sender is used.
fn hold(queue: &QueueHandle<Runner>) -> (Receiver<()>, Sender<()>) {
    let ((started, has_started), (release, released)) = (channel(), channel::<()>());
    let body = move || {
        started.send(()).unwrap();
        hear(&released);
    };
    assert_eq!(queue.connect().deliver(task(body)).unwrap(), Delivered::Queued);
    (has_started, release)
}

#[test]
fn what_is_handed_back_is_in_order() {
    bounded(|| {
        let queue = DispatchQueue::builder(Runner).start().unwrap();
        let (started, release) = hold(&queue);
        hear(&started);
        let (mut a, mut b) = (queue.connect(), queue.connect());
        let never = || task(|| unreachable!("handed back"));
        let _ = a.deliver(never()).unwrap();
        let _ = a.deliver(never()).unwrap();
        let _ = b.deliver(never()).unwrap();
        queue.shutdown(Stop::HandBack);
        release.send(()).unwrap();
        let from: Vec<_> = queue.join().unwrap().leftovers.into_iter().map(|(from, _)| from).collect();
        assert_eq!(from, [a.id(), b.id(), a.id()], "as they would have been dispatched");
    });
}

#[test]
fn panics_are_counted_and_lose_nothing() {
    bounded(|| {
        let queue = DispatchQueue::builder(Runner).start().unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let (mut connection, local) = (queue.connect(), queue.local());
        for number in 0..300 {
            let ran = Arc::clone(&ran);
            let body = move || {
                ran.fetch_add(1, Ordering::Relaxed);
                if number % 3 == 0 {
                    fall();
                }
            };
            if number % 2 == 0 {
                let _ = connection.deliver(task(body)).unwrap();
            } else {
                local.send(task(body)).unwrap();
            }
        }
        let report = queue.join().unwrap();
        assert_eq!((ran.load(Ordering::Relaxed), report.panics, report.leftovers.len()), (300, 100, 0));
    });
}

#[test]
fn a_panic_of_a_fast_callback_comes_out_of_deliver_and_the_connection_lives() {
    struct Fast;
    impl Dispatcher for Fast {
        type Message = Task;
        fn can_fast_dispatch(&self, _: &Task) -> bool {
            true
        }
        fn dispatch(&self, _: ConnectionId, task: Task) -> Handled<Task> {
            (task.0)();
            Ok(())
        }
    }
    bounded(|| {
        let queue = DispatchQueue::builder(Fast).start().unwrap();
        let mut connection = queue.connect_ordered();
        assert!(catch_unwind(AssertUnwindSafe(|| connection.deliver(task(fall)))).is_err());
        assert_eq!(connection.deliver(task(|| {})).unwrap(), Delivered::Fast);
        let report = queue.join().unwrap();
        assert_eq!(report.panics, 0, "it was the caller's to count");
    });
}

/// A fast callback on a reader's thread goes on until it finds the queue shut down, and then for a while.
#[test]
fn join_waits_for_the_fast_callbacks_that_run() {
    struct Reader {
        queue: OnceLock<QueueHandle<Shared>>,
        begun: Mutex<Sender<()>>,
        ended: AtomicBool,
    }
    struct Shared(Arc<Reader>);
    impl Dispatcher for Shared {
        type Message = Numbered;
        fn can_fast_dispatch(&self, _: &Numbered) -> bool {
            true
        }
        fn dispatch(&self, _: ConnectionId, _: Numbered) -> Handled<Numbered> {
            let Reader { queue, begun, ended } = &*self.0;
            begun.lock().unwrap().send(()).unwrap();
            let another = queue.get().unwrap().connect();
            while !another.looks_closed() {
                std::thread::yield_now();
            }
            (0..20).for_each(|_| std::thread::yield_now());
            ended.store(true, Ordering::SeqCst);
            Ok(())
        }
    }
    bounded(|| {
        for _ in 0..50 {
            let (tell, begun) = channel();
            let reader = Arc::new(Reader {
                queue: OnceLock::new(),
                begun: Mutex::new(tell),
                ended: AtomicBool::new(false),
            });
            let queue = DispatchQueue::builder(Shared(Arc::clone(&reader))).start().unwrap();
            assert!(reader.queue.set(queue.handle()).is_ok());
            let mut connection = queue.connect();
            let thread = std::thread::spawn(move || connection.deliver(Numbered(0, 0)).unwrap());
            hear(&begun);
            assert!(queue.join().unwrap().leftovers.is_empty());
            assert!(reader.ended.load(Ordering::SeqCst), "D10: a callback runs after join");
            assert_eq!(thread.join().unwrap(), Delivered::Fast);
        }
    });
}

#[test]
fn dropping_the_queue_runs_everything() {
    bounded(|| {
        let queue = DispatchQueue::builder(Runner).start().unwrap();
        let (started, release) = hold(&queue);
        hear(&started);
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..1_000 {
            let ran = Arc::clone(&ran);
            queue
                .local()
                .send(task(move || {
                    ran.fetch_add(1, Ordering::Relaxed);
                }))
                .unwrap();
        }
        release.send(()).unwrap();
        drop(queue);
        assert_eq!(ran.load(Ordering::Relaxed), 1_000);
    });
}

/// A queue that its own callbacks can reach.
type Place = Arc<OnceLock<Mutex<Option<DispatchQueue<Runner>>>>>;

fn placed() -> (Place, QueueHandle<Runner>) {
    let queue = DispatchQueue::builder(Runner).start().unwrap();
    let handle = queue.handle();
    let place = Place::default();
    assert!(place.set(Mutex::new(Some(queue))).is_ok());
    (place, handle)
}

#[test]
fn a_callback_may_do_anything_but_join() {
    bounded(|| {
        let (place, handle) = placed();
        let (tell, told) = channel();
        let inside = {
            let (place, handle) = (Arc::clone(&place), handle.clone());
            move || {
                let again = tell.clone();
                handle.local().send(task(move || again.send("sent to oneself").unwrap())).unwrap();
                let again = tell.clone();
                let mut connection = handle.connect();
                let _ = connection.deliver(task(move || again.send("delivered").unwrap())).unwrap();
                handle.shutdown(Stop::RunRemaining);
                assert!(connection.deliver(task(|| {})).is_err());
                let queue = place.get().unwrap().lock().unwrap().take().unwrap();
                assert_eq!(queue.join().err(), Some(ControlError::FromCallback), "it would wait for itself");
                tell.send("refused to join").unwrap();
            }
        };
        assert_eq!(handle.connect().deliver(task(inside)).unwrap(), Delivered::Queued);
        let mut heard = [hear(&told), hear(&told), hear(&told)];
        heard.sort_unstable();
        assert_eq!(heard, ["delivered", "refused to join", "sent to oneself"]);
    });
}

#[test]
fn a_queue_dropped_in_its_own_callback_does_not_wait_for_itself() {
    bounded(|| {
        let (place, handle) = placed();
        let (tell, told) = channel();
        let after = tell.clone();
        let inside = move || {
            drop(place.get().unwrap().lock().unwrap().take());
            tell.send("dropped").unwrap();
        };
        let mut connection = handle.connect();
        let ((started, has_started), (release, released)) = (channel(), channel::<()>());
        let first = move || {
            started.send(()).unwrap();
            hear(&released);
        };
        let _ = connection.deliver(task(first)).unwrap();
        hear(&has_started);
        let _ = connection.deliver(task(inside)).unwrap();
        let _ = connection.deliver(task(move || after.send("the rest runs").unwrap())).unwrap();
        release.send(()).unwrap();
        assert_eq!((hear(&told), hear(&told)), ("dropped", "the rest runs"));
    });
}

/// Threads and connections own the dispatcher; a joined queue has none of the first.
#[test]
fn nothing_is_left_of_a_queue_that_was_joined() {
    bounded(|| {
        let counter = Counter::default();
        let queue = DispatchQueue::builder(counter.clone()).start().unwrap();
        let mut connection = queue.connect();
        for number in 0..10 {
            let _ = connection.deliver(Numbered(0, number)).unwrap();
        }
        assert!(queue.join().unwrap().leftovers.is_empty());
        drop(connection);
        assert_eq!(Arc::strong_count(&counter.ran), 1);
    });
}

struct Letter {
    falls: bool,
}

impl Message for Letter {
    fn priority(&self) -> Priority {
        if self.falls {
            resume_unwind(Box::new("planned"));
        }
        Priority::DEFAULT
    }
}

struct Tally(Arc<AtomicUsize>);

impl Dispatcher for Tally {
    type Message = Letter;
    fn dispatch(&self, _: ConnectionId, _: Letter) -> Handled<Letter> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A message whose priority cannot be told is not accepted, and takes no other with it.
#[test]
fn a_panic_in_priority_loses_no_other_message() {
    let ran = Arc::new(AtomicUsize::new(0));
    let (queue, mut dispatch, _local) = DispatchQueue::builder(Tally(Arc::clone(&ran))).stepped();
    let mut connection = queue.connect();
    let outcomes = [true, false, false]
        .map(|falls| catch_unwind(AssertUnwindSafe(|| connection.deliver(Letter { falls }).is_ok())).ok());
    assert_eq!(outcomes, [None, Some(true), Some(true)]);
    while dispatch.step() == Step::Ran {}
    assert_eq!(ran.load(Ordering::SeqCst), 2);
}

/// A fast callback on a reader's thread is a callback like any other: to join or drop the queue there does
/// not wait for itself.
#[test]
fn a_queue_is_joined_or_dropped_in_its_own_fast_callback() {
    type Place = Arc<Mutex<Option<DispatchQueue<Ender>>>>;
    type End = fn(DispatchQueue<Ender>) -> Option<ControlError>;
    struct Ender {
        place: Place,
        end: End,
        said: Sender<Option<ControlError>>,
    }
    struct Now;
    impl Message for Now {}
    impl Dispatcher for Ender {
        type Message = Now;
        fn can_fast_dispatch(&self, _: &Now) -> bool {
            true
        }
        fn dispatch(&self, _: ConnectionId, _: Now) -> Handled<Now> {
            let queue = self.place.lock().unwrap().take().unwrap();
            self.said.send((self.end)(queue)).unwrap();
            Ok(())
        }
    }

    let join: End = |queue| queue.join().err();
    let leave: End = |queue| {
        drop(queue);
        None
    };
    for (end, expected) in [(join, Some(ControlError::FromCallback)), (leave, None)] {
        bounded(move || {
            let place = Place::default();
            let (said, hears) = channel();
            let queue =
                DispatchQueue::builder(Ender { place: Arc::clone(&place), end, said }).start().unwrap();
            let mut connection = queue.connect();
            *place.lock().unwrap() = Some(queue);
            assert_eq!(connection.deliver(Now).unwrap(), Delivered::Fast);
            assert_eq!(hear(&hears), expected);
            assert!(connection.deliver(Now).is_err(), "it has been shut down");
        });
    }
}
