//! D7, D9 and the dispatcher chain: what is told, in which order, and what is discarded.

mod common;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use keylane::{
    ConnectionId, ControlError, Delivered, DispatchQueue, Dispatcher, DispatcherChain, Event, Handled,
    Limits, Message, OnPanic, Priority, Refusal, Step, Stop,
};

use common::{bounded, hear, together};

struct Letter {
    number: u32,
    priority: Priority,
    fast: bool,
    _dropped: OnDrop,
}

#[derive(Default)]
struct OnDrop(Option<Box<dyn FnOnce() + Send>>);

fn letter(number: u32) -> Letter {
    Letter { number, priority: Priority::DEFAULT, fast: false, _dropped: OnDrop::default() }
}

impl Message for Letter {
    fn priority(&self) -> Priority {
        self.priority
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call();
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Preprocessed(u32),
    Fast(u32),
    Ran(u32),
    Unhandled(u32),
    Told(u64, Event),
}

/// Writes down what it sees; takes the messages whose numbers it knows, and claims events if it is to.
#[derive(Clone, Default)]
struct Clerk {
    seen: Arc<Mutex<Vec<Seen>>>,
    knows: BTreeSet<u32>,
    claims: bool,
}

impl Clerk {
    fn that_knows(numbers: impl IntoIterator<Item = u32>) -> Self {
        Self { knows: numbers.into_iter().collect(), ..Self::default() }
    }

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    fn note(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
    }

    fn offered(&self, letter: Letter, seen: fn(u32) -> Seen) -> Handled<Letter> {
        if !self.knows.contains(&letter.number) {
            return Err(letter);
        }
        self.note(seen(letter.number));
        Ok(())
    }
}

impl Dispatcher for Clerk {
    type Message = Letter;

    fn fast_preprocess(&self, _: ConnectionId, letter: &Letter) {
        self.note(Seen::Preprocessed(letter.number));
    }

    fn can_fast_dispatch(&self, letter: &Letter) -> bool {
        letter.fast && self.knows.contains(&letter.number)
    }

    fn fast_dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
        self.offered(letter, Seen::Fast)
    }

    fn dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
        self.offered(letter, Seen::Ran)
    }

    fn unhandled(&self, _: ConnectionId, letter: &Letter) {
        self.note(Seen::Unhandled(letter.number));
    }

    fn event(&self, from: ConnectionId, event: Event) -> bool {
        self.note(Seen::Told(from.get(), event));
        self.claims
    }
}

#[test]
fn each_message_is_preprocessed_before_it_is_routed() {
    let clerk = Clerk::that_knows([1, 2, 3]);
    let (queue, mut dispatch, mut local) = DispatchQueue::builder(clerk.clone()).stepped();
    let mut connection = queue.connect();
    assert_eq!(connection.deliver(letter(1)).unwrap(), Delivered::Queued);
    assert_eq!(connection.deliver(Letter { fast: true, ..letter(2) }).unwrap(), Delivered::Fast);
    queue.local().send(letter(3)).unwrap();
    assert_eq!((dispatch.step(), local.step(), dispatch.step()), (Step::Ran, Step::Ran, Step::Ran));
    use Seen::*;
    let expected = [Preprocessed(1), Preprocessed(2), Fast(2), Ran(1), Preprocessed(3), Ran(3)];
    assert_eq!(clerk.take(), expected);
}

#[test]
fn a_chain_asks_one_after_the_other() {
    let (first, second) = (Clerk::that_knows([1, 2]), Clerk::that_knows([2, 3]));
    let chain = DispatcherChain::new().with(Arc::new(first.clone())).with(Arc::new(second.clone()));
    let (queue, mut dispatch, local) = DispatchQueue::builder(chain).stepped();
    let mut connection = queue.connect();
    for number in 1..=4 {
        assert_eq!(connection.deliver(letter(number)).unwrap(), Delivered::Queued);
        assert_eq!(dispatch.step(), Step::Ran);
    }
    let only = |clerk: &Clerk| {
        let mut seen = clerk.take();
        assert!(seen.iter().any(|seen| matches!(seen, Seen::Preprocessed(_))), "each sees each");
        seen.retain(|seen| !matches!(seen, Seen::Preprocessed(_)));
        seen
    };
    assert_eq!(only(&first), [Seen::Ran(1), Seen::Ran(2), Seen::Unhandled(4)]);
    assert_eq!(only(&second), [Seen::Ran(3), Seen::Unhandled(4)]);

    // Whoever says that a message may be fast is asked to run it, and nobody else.
    let fast = |number| Letter { fast: true, ..letter(number) };
    assert_eq!(connection.deliver(fast(3)).unwrap(), Delivered::Fast);
    assert_eq!(connection.deliver(fast(4)).unwrap(), Delivered::Queued, "no one says so");
    assert_eq!((only(&first), only(&second)), (vec![], vec![Seen::Fast(3)]));
    let report = queue.reclaim(dispatch, local);
    assert_eq!((report.unhandled, report.leftovers.len()), (1, 1));
}

#[test]
fn some_events_are_for_all_and_some_are_claimed() {
    let claims = Clerk { claims: true, ..Clerk::default() };
    let second = Clerk::default();
    let chain = DispatcherChain::new().with(Arc::new(claims.clone())).with(Arc::new(second.clone()));
    let (queue, mut dispatch, _local) = DispatchQueue::builder(chain).stepped();
    let (mut one, other) = (queue.connect(), queue.connect());
    one.connected().unwrap();
    one.accepted().unwrap();
    one.remote_reset().unwrap();
    one.reset().unwrap();
    other.refused().unwrap();
    while dispatch.step() == Step::Ran {}
    let for_all = [Event::Connected, Event::Accepted, Event::RemoteReset].map(|event| Seen::Told(1, event));
    assert_eq!(second.take(), for_all);
    let finals = [Seen::Told(1, Event::Reset), Seen::Told(2, Event::Refused)];
    assert_eq!(claims.take(), [for_all.as_slice(), &finals].concat());

    let chain = DispatcherChain::new()
        .with(Arc::new(Explosive))
        .with(Arc::new(second.clone()))
        .with(Arc::new(claims.clone()));
    let (queue, mut dispatch, _local) = DispatchQueue::builder(chain).stepped();
    queue.connect().reset().unwrap();
    assert_eq!(dispatch.step(), Step::Ran);
    let reset = [Seen::Told(1, Event::Reset)];
    assert_eq!(
        (second.take().as_slice(), claims.take().as_slice()),
        (&reset[..], &reset[..]),
        "unclaimed so far"
    );
}

#[test]
fn events_come_before_messages_of_whatever_priority() {
    let clerk = Clerk::that_knows(0..10);
    let (queue, mut dispatch, _local) = DispatchQueue::builder(clerk.clone()).stepped();
    let (mut one, mut other) = (queue.connect(), queue.connect());
    let _ = one.deliver(Letter { priority: Priority::HIGHEST, ..letter(1) }).unwrap();
    other.accepted().unwrap();
    one.connected().unwrap();
    while dispatch.step() == Step::Ran {}
    let mut seen = clerk.take();
    seen.retain(|seen| !matches!(seen, Seen::Preprocessed(_)));
    let expected = [Seen::Told(2, Event::Accepted), Seen::Told(1, Event::Connected), Seen::Ran(1)];
    assert_eq!(seen, expected);
}

/// D7 with the dispatch thread in the middle of a callback of the connection that is reset.
#[test]
fn nothing_queued_starts_after_a_reset_and_the_reset_is_told_once() {
    bounded(|| {
        struct Slow {
            clerk: Clerk,
            begun: Mutex<std::sync::mpsc::Sender<()>>,
            go_on: Mutex<std::sync::mpsc::Receiver<()>>,
        }
        impl Dispatcher for Slow {
            type Message = Letter;
            fn dispatch(&self, from: ConnectionId, letter: Letter) -> Handled<Letter> {
                if letter.number == 1 {
                    self.begun.lock().unwrap().send(()).unwrap();
                    hear(&self.go_on.lock().unwrap());
                }
                self.clerk.dispatch(from, letter)
            }
            fn event(&self, from: ConnectionId, event: Event) -> bool {
                self.clerk.event(from, event)
            }
        }

        let ((tell, begun), (release, go_on)) = (channel(), channel());
        let clerk = Clerk::that_knows(0..10);
        let slow = Slow { clerk: clerk.clone(), begun: Mutex::new(tell), go_on: Mutex::new(go_on) };
        let queue = DispatchQueue::builder(slow).start().unwrap();
        let (mut lost, mut kept) = (queue.connect(), queue.connect());
        for number in 1..=3 {
            let _ = lost.deliver(letter(number)).unwrap();
        }
        hear(&begun);
        let _ = kept.deliver(letter(5)).unwrap();
        lost.reset().unwrap();
        release.send(()).unwrap();
        let report = queue.join().unwrap();
        assert!(report.leftovers.is_empty() && report.events.is_empty());
        assert_eq!(clerk.take(), [Seen::Ran(1), Seen::Told(1, Event::Reset), Seen::Ran(5)]);
    });
}

/// Each message is dropped exactly once, whether it ran or was discarded, and after a reset nothing more is heard.
#[test]
fn resets_in_the_middle_lose_nothing_and_repeat_nothing() {
    struct Ears {
        ran: AtomicUsize,
        /// Connections of which the reset has been told.
        reset: Mutex<BTreeSet<ConnectionId>>,
    }
    struct Shared(Arc<Ears>);
    impl Dispatcher for Shared {
        type Message = Letter;
        fn dispatch(&self, from: ConnectionId, _: Letter) -> Handled<Letter> {
            assert!(!self.0.reset.lock().unwrap().contains(&from), "D7: {from} was reset");
            self.0.ran.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        fn event(&self, from: ConnectionId, event: Event) -> bool {
            assert_eq!(event, Event::Reset);
            assert!(self.0.reset.lock().unwrap().insert(from), "told twice of {from}");
            true
        }
    }

    bounded(|| {
        const READERS: usize = 3;
        const CONNECTIONS: usize = 300;
        const MESSAGES: usize = 20;
        let ears = Arc::new(Ears { ran: AtomicUsize::new(0), reset: Mutex::default() });
        let queue = DispatchQueue::builder(Shared(Arc::clone(&ears))).start().unwrap();
        let dropped = Arc::new(AtomicUsize::new(0));
        together(READERS, |_| {
            for _ in 0..CONNECTIONS {
                let mut connection = queue.connect();
                for number in 0..MESSAGES as u32 {
                    let dropped = Arc::clone(&dropped);
                    let count = OnDrop(Some(Box::new(move || {
                        dropped.fetch_add(1, Ordering::Relaxed);
                    })));
                    let _ = connection.deliver(Letter { _dropped: count, ..letter(number) }).unwrap();
                }
                connection.reset().unwrap();
            }
        });
        let report = queue.join().unwrap();
        assert_eq!(report.panics, 0);
        assert_eq!(ears.reset.lock().unwrap().len(), READERS * CONNECTIONS, "each is told");
        assert_eq!(dropped.load(Ordering::Relaxed), READERS * CONNECTIONS * MESSAGES);
        assert!(ears.ran.load(Ordering::Relaxed) <= READERS * CONNECTIONS * MESSAGES);
    });
}

#[test]
fn what_is_sent_to_oneself_is_not_discarded() {
    let clerk = Clerk::that_knows([1]);
    let (queue, mut dispatch, mut local) = DispatchQueue::builder(clerk).stepped();
    queue.local().send(letter(1)).unwrap();
    assert_eq!(local.step(), Step::Ran);
    assert_eq!(queue.discard(ConnectionId::LOCAL), Err(ControlError::NotAConnection));
    assert_eq!(dispatch.step(), Step::Ran);
}

#[test]
fn events_too_late_are_refused_and_events_untold_come_back() {
    let (queue, dispatch, local) = DispatchQueue::builder(Clerk::default()).stepped();
    let (mut one, other) = (queue.connect(), queue.connect());
    one.connected().unwrap();
    let numbers = (one.id(), other.id());
    other.reset().unwrap();
    queue.shutdown(Stop::HandBack);
    assert_eq!(one.accepted(), Err(ControlError::Stopped));
    assert_eq!(one.mark_down(), Err(ControlError::Stopped));
    assert_eq!(queue.discard(numbers.0), Err(ControlError::Stopped));
    let report = queue.reclaim(dispatch, local);
    assert_eq!(report.events, [(numbers.0, Event::Connected), (numbers.1, Event::Reset)]);
}

#[test]
fn a_discarded_message_whose_drop_panics_costs_nothing_else() {
    let clerk = Clerk::that_knows(0..10);
    let (queue, mut dispatch, _local) = DispatchQueue::builder(clerk.clone()).stepped();
    let (mut one, mut other) = (queue.connect(), queue.connect());
    let bomb = OnDrop(Some(Box::new(|| panic!("the drop of a message"))));
    let _ = one.deliver(Letter { _dropped: bomb, ..letter(1) }).unwrap();
    one.reset().unwrap();
    let _ = other.deliver(letter(2)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| dispatch.step())).is_err());
    while dispatch.step() == Step::Ran {}
    let seen: Vec<_> = clerk.take().into_iter().skip(2).collect();
    assert_eq!(seen, [Seen::Told(1, Event::Reset), Seen::Ran(2)]);
}

struct Explosive;
impl Dispatcher for Explosive {
    type Message = Letter;
    fn can_fast_dispatch(&self, letter: &Letter) -> bool {
        letter.fast
    }
    fn dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
        assert_ne!(letter.number, 13, "planned");
        Ok(())
    }
}

#[test]
fn a_panic_stops_the_queue_if_it_is_to() {
    bounded(|| {
        for fast in [false, true] {
            let queue = DispatchQueue::builder(Explosive).on_panic(OnPanic::Stop).start().unwrap();
            let mut connection = queue.connect();
            let bad = Letter { fast, ..letter(13) };
            let outcome = catch_unwind(AssertUnwindSafe(|| connection.deliver(bad).map_err(drop)));
            assert_eq!(outcome.is_err(), fast, "a fast callback's panic is the caller's");
            // Refused as soon as the panic has been seen to; until then accepted, and handed back or run.
            let mut accepted = 0;
            while connection.deliver(letter(1)).is_ok() {
                accepted += 1;
            }
            let report = queue.join().unwrap();
            assert_eq!(report.panics, usize::from(!fast));
            assert!(report.leftovers.len() <= accepted);
        }
    });
}

#[test]
fn what_nobody_took_is_counted_whatever_its_callback_does() {
    struct Refuses;
    impl Dispatcher for Refuses {
        type Message = Letter;
        fn dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
            Err(letter)
        }
        fn unhandled(&self, _: ConnectionId, _: &Letter) {
            panic!("planned");
        }
    }
    let (queue, mut dispatch, local) = DispatchQueue::builder(Refuses).stepped();
    assert_eq!(queue.connect().deliver(letter(1)).unwrap(), Delivered::Queued);
    assert!(catch_unwind(AssertUnwindSafe(|| dispatch.step())).is_err());
    assert_eq!(queue.reclaim(dispatch, local).unhandled, 1);
}

/// Unless a message says what it costs.
#[test]
fn a_message_costs_one() {
    let limits = Limits { count: None, bytes: Some(2) };
    let (queue, _dispatch, _local) = DispatchQueue::builder(Explosive).limits(limits).stepped();
    let mut connection = queue.connect();
    assert!(connection.try_deliver(letter(1)).is_ok() && connection.try_deliver(letter(2)).is_ok());
    assert_eq!(queue.throttle().unwrap().snapshot().bytes, 2);
    assert_eq!(connection.try_deliver(letter(3)).unwrap_err().reason(), Refusal::Full);
}

/// Nothing more is begun, and nothing before it was disturbed.
#[test]
fn a_panic_that_stops_the_queue_hands_back_the_rest() {
    let builder = DispatchQueue::builder(Explosive).on_panic(OnPanic::Stop);
    let (queue, mut dispatch, local) = builder.stepped();
    let mut connection = queue.connect();
    for number in [1, 2, 13, 3] {
        assert_eq!(connection.deliver(letter(number)).unwrap(), Delivered::Queued);
    }
    assert_eq!((dispatch.step(), dispatch.step()), (Step::Ran, Step::Ran));
    assert!(!connection.looks_closed());
    assert!(catch_unwind(AssertUnwindSafe(|| dispatch.step())).is_err());
    assert_eq!(dispatch.step(), Step::Stopped);
    assert_eq!(connection.deliver(letter(4)).unwrap_err().reason(), Refusal::Stopped);
    let left: Vec<_> = queue.reclaim(dispatch, local).leftovers.iter().map(|(_, left)| left.number).collect();
    assert_eq!(left, [3]);
}

#[test]
fn a_panic_is_isolated_otherwise() {
    bounded(|| {
        let queue = DispatchQueue::builder(Explosive).start().unwrap();
        let mut connection = queue.connect();
        for number in [13, 1, 13, 2] {
            assert_eq!(connection.deliver(letter(number)).unwrap(), Delivered::Queued);
        }
        let report = queue.join().unwrap();
        assert_eq!((report.panics, report.leftovers.len()), (2, 0));
    });
}
