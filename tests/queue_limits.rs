//! D8, and the ways to wait for room: in a call, for some time, in a future, not at all.

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures_sink::Sink;
use keylane::{
    Connection, ConnectionId, ConnectionSink, Delivered, DispatchQueue, Dispatcher, Handled, Limits, Message,
    Order, Overtakes, Priority, QueueHandle, Refusal, Step, Stop, Weighted,
};

use common::{bounded, hear, together};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Letter {
    number: u64,
    cost: u64,
    priority: u8,
    fast: bool,
}

const LETTER: Letter = Letter { number: 0, cost: 1, priority: 127, fast: false };

impl Message for Letter {
    fn priority(&self) -> Priority {
        Priority(self.priority)
    }

    fn cost(&self) -> u64 {
        self.cost
    }
}

#[derive(Clone, Default)]
struct Clerk(Arc<Mutex<Vec<u64>>>);

impl Clerk {
    fn take(&self) -> Vec<u64> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Dispatcher for Clerk {
    type Message = Letter;

    fn can_fast_dispatch(&self, letter: &Letter) -> bool {
        letter.fast
    }

    fn dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
        assert_ne!(letter.number, 13, "planned");
        self.0.lock().unwrap().push(letter.number);
        Ok(())
    }
}

fn limits(count: u64, bytes: u64) -> Limits {
    Limits { count: Some(count), bytes: Some(bytes) }
}

fn out<D: Dispatcher>(queue: &QueueHandle<D>) -> (u64, u64) {
    let snapshot = queue.throttle().expect("it has limits").snapshot();
    (snapshot.count, snapshot.bytes)
}

/// Until it looks, the dispatch thread keeps permits of what it has run: less than a sixteenth of the limits.
#[test]
fn room_comes_back_a_sixteenth_at_a_time_while_the_dispatch_thread_is_busy() {
    let (queue, mut dispatch, local) =
        DispatchQueue::builder(Clerk::default()).limits(limits(64, 1000)).stepped();
    let mut connection = queue.connect();
    (0..20).for_each(|number| _ = connection.deliver(Letter { number, ..LETTER }).unwrap());
    let mut after = |steps| -> Vec<u64> {
        (0..steps)
            .map(|_| {
                assert_eq!(dispatch.step(), Step::Ran);
                out(&queue).0
            })
            .collect()
    };
    assert_eq!(after(7), [19, 19, 19, 19, 15, 15, 15]);
    let _ = connection.deliver(Letter { priority: 200, ..LETTER }).unwrap();
    assert_eq!(after(2), [14, 13], "each time it has looked, and given back what it kept");
    assert_eq!(queue.reclaim(dispatch, local).leftovers.len(), 12);
    assert_eq!(out(&queue), (0, 0));
}

#[test]
fn what_does_not_fit_comes_back_untouched() {
    let (queue, mut dispatch, local) =
        DispatchQueue::builder(Clerk::default()).limits(limits(3, 10)).stepped();
    let mut connection = queue.connect();
    let big = Letter { number: 1, cost: 8, ..LETTER };
    assert_eq!(connection.try_deliver(big).unwrap(), Delivered::Queued);
    let refused = connection.try_deliver(Letter { number: 2, cost: 3, ..LETTER }).unwrap_err();
    assert_eq!(refused.reason(), Refusal::Full);
    assert_eq!(refused.to_string(), "the queue is full");
    assert_eq!(refused.into_message().number, 2);
    let refused = connection.deliver_timeout(Letter { cost: 3, ..LETTER }, Duration::ZERO).unwrap_err();
    assert_eq!(
        (refused.reason(), refused.to_string().as_str()),
        (Refusal::TimedOut, "the queue had no room in time")
    );
    assert_eq!(out(&queue), (1, 8));
    // A full queue is not a closed one, and fast messages need room as well.
    assert_eq!(connection.try_deliver(Letter { fast: true, cost: 2, ..LETTER }).unwrap(), Delivered::Fast);
    assert_eq!(
        connection.try_deliver(Letter { fast: true, cost: 3, ..LETTER }).unwrap_err().reason(),
        Refusal::Full
    );
    assert_eq!(dispatch.step(), Step::Ran);
    assert_eq!(out(&queue), (0, 0));
    let refused = connection.try_deliver(Letter { cost: 1000, ..LETTER });
    assert_eq!(refused.unwrap(), Delivered::Queued, "nothing is out, so even this goes, alone");
    assert_eq!(queue.reclaim(dispatch, local).leftovers.len(), 1);
    assert_eq!(out(&queue), (0, 0), "handed back");
}

#[test]
fn messages_to_oneself_need_no_room() {
    let (queue, mut dispatch, mut local) =
        DispatchQueue::builder(Clerk::default()).limits(limits(1, 1)).stepped();
    let mut connection = queue.connect();
    let _ = connection.try_deliver(LETTER).unwrap();
    queue.local().send(LETTER).unwrap();
    queue.local().send(Letter { fast: true, ..LETTER }).unwrap();
    assert_eq!((local.step(), local.step(), out(&queue)), (Step::Ran, Step::Ran, (1, 1)));
    assert_eq!((dispatch.step(), dispatch.step(), out(&queue)), (Step::Ran, Step::Ran, (0, 0)));
}

#[test]
fn room_comes_back_from_callbacks_that_panic() {
    let (queue, mut dispatch, _local) =
        DispatchQueue::builder(Clerk::default()).limits(limits(1, 1)).stepped();
    let mut connection = queue.connect();
    for fast in [false, true] {
        let bad = Letter { number: 13, fast, ..LETTER };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _ = connection.try_deliver(bad).unwrap();
            dispatch.step()
        }));
        assert!(outcome.is_err());
        assert_eq!(out(&queue), (0, 0));
    }
}

/// The dispatch thread would wait for itself.
#[test]
fn a_callback_does_not_wait_for_its_own_queue() {
    type Place = Arc<Mutex<Option<Connection<Repeats>>>>;
    struct Repeats(Place, Arc<Mutex<Vec<Refusal>>>);
    impl Dispatcher for Repeats {
        type Message = Letter;
        fn dispatch(&self, _: ConnectionId, letter: Letter) -> Handled<Letter> {
            let mut place = self.0.lock().unwrap();
            let refused = place.as_mut().expect("it is there").deliver(letter).unwrap_err();
            self.1.lock().unwrap().push(refused.reason());
            Ok(())
        }
    }

    bounded(|| {
        let (place, refusals) = (Place::default(), Arc::<Mutex<Vec<_>>>::default());
        let repeats = Repeats(Arc::clone(&place), Arc::clone(&refusals));
        let (queue, mut dispatch, _local) = DispatchQueue::builder(repeats).limits(limits(1, 1)).stepped();
        *place.lock().unwrap() = Some(queue.connect());
        let _ = queue.connect().deliver(LETTER).unwrap();
        assert_eq!(dispatch.step(), Step::Ran);
        assert_eq!(*refusals.lock().unwrap(), [Refusal::FromCallback]);
        place.lock().unwrap().take();
    });
}

/// Waits on the thread that asks.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unparks(thread::Thread);
    impl Wake for Unparks {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Deliverers of all kinds against a small limit: all is dispatched, and never more is under way.
#[test]
fn all_ways_of_waiting_get_their_turn() {
    #[derive(Default)]
    struct Gauge {
        under_way: AtomicUsize,
        most: AtomicUsize,
        ran: AtomicUsize,
    }
    struct Shared(Arc<Gauge>);
    impl Dispatcher for Shared {
        type Message = Letter;
        fn fast_preprocess(&self, _: ConnectionId, _: &Letter) {
            let now = self.0.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.most.fetch_max(now, Ordering::SeqCst);
        }
        fn can_fast_dispatch(&self, letter: &Letter) -> bool {
            letter.fast
        }
        fn dispatch(&self, _: ConnectionId, _: Letter) -> Handled<Letter> {
            self.0.ran.fetch_add(1, Ordering::SeqCst);
            self.0.under_way.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    }

    bounded(|| {
        const READERS: usize = 4;
        const MESSAGES: usize = 2_000;
        let gauge = Arc::new(Gauge::default());
        let queue = DispatchQueue::builder(Shared(Arc::clone(&gauge))).limits(limits(3, 6)).start().unwrap();
        together(READERS, |reader| {
            let mut connection = queue.connect();
            for number in 0..MESSAGES as u64 {
                let letter = Letter { number, cost: 1 + number % 3, fast: number % 5 == 0, ..LETTER };
                let delivered = match reader {
                    0 => connection.deliver(letter),
                    1 => connection.deliver_timeout(letter, Duration::from_secs(100)),
                    2 => block_on(connection.deliver_async(letter)),
                    _ => loop {
                        match connection.try_deliver(letter) {
                            Err(refused) if refused.reason() == Refusal::Full => thread::yield_now(),
                            outcome => break outcome,
                        }
                    },
                };
                let _ = delivered.unwrap();
            }
        });
        let handle = queue.handle();
        assert!(queue.join().unwrap().leftovers.is_empty());
        assert_eq!(gauge.ran.load(Ordering::SeqCst), READERS * MESSAGES);
        assert!(gauge.most.load(Ordering::SeqCst) <= 3, "D8");
        assert_eq!(out(&handle), (0, 0));
    });
}

#[test]
fn whoever_waits_is_refused_when_the_queue_is_shut_down() {
    bounded(|| {
        let (queue, dispatch, local) =
            DispatchQueue::builder(Clerk::default()).limits(limits(1, 1)).stepped();
        let (mut one, mut other) = (queue.connect(), queue.connect());
        let _ = one.deliver(LETTER).unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| one.deliver(Letter { number: 2, ..LETTER }).unwrap_err());
            let waits_too =
                scope.spawn(|| block_on(other.deliver_async(Letter { number: 3, ..LETTER })).unwrap_err());
            while queue.throttle().unwrap().snapshot().waiting < 2 {
                thread::yield_now();
            }
            queue.shutdown(Stop::HandBack);
            for (refused, number) in [(waits.join().unwrap(), 2), (waits_too.join().unwrap(), 3)] {
                assert_eq!((refused.reason(), refused.into_message().number), (Refusal::Stopped, number));
            }
        });
        assert_eq!(one.deliver(LETTER).unwrap_err().reason(), Refusal::Stopped);
        assert_eq!(block_on(other.deliver_async(LETTER)).unwrap_err().reason(), Refusal::Stopped);
        assert_eq!(queue.reclaim(dispatch, local).leftovers.len(), 1);
    });
}

#[test]
fn limits_change_while_somebody_waits() {
    bounded(|| {
        let clerk = Clerk::default();
        let (queue, mut dispatch, _local) =
            DispatchQueue::builder(clerk.clone()).limits(limits(1, 1)).stepped();
        let mut connection = queue.connect();
        let _ = connection.deliver(LETTER).unwrap();
        let (tell, told) = channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                tell.send(connection.deliver(Letter { number: 2, ..LETTER }).map_err(drop)).unwrap()
            });
            while queue.throttle().unwrap().snapshot().waiting == 0 {
                thread::yield_now();
            }
            queue.throttle().unwrap().set_limits(limits(2, 2));
            assert_eq!(hear(&told), Ok(Delivered::Queued));
        });
        assert_eq!((dispatch.step(), dispatch.step(), clerk.take()), (Step::Ran, Step::Ran, vec![0, 2]));
    });
}

#[test]
fn a_future_that_is_dropped_has_delivered_nothing() {
    let clerk = Clerk::default();
    let (queue, mut dispatch, _local) = DispatchQueue::builder(clerk.clone()).limits(limits(1, 1)).stepped();
    let (mut one, mut other) = (queue.connect(), queue.connect());
    let _ = one.deliver(LETTER).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut waits = one.deliver_async(Letter { number: 2, ..LETTER });
    let mut behind = other.deliver_async(Letter { number: 3, ..LETTER });
    assert!(pin!(&mut waits).poll(&mut context).is_pending());
    assert!(pin!(&mut behind).poll(&mut context).is_pending());
    assert_eq!(waits.into_message().map(|letter| letter.number), Some(2));
    assert_eq!(dispatch.step(), Step::Ran);
    let Poll::Ready(Ok(Delivered::Queued)) = pin!(&mut behind).poll(&mut context) else {
        panic!("there is room, and nobody before it");
    };
    assert_eq!(behind.into_message(), None);
    assert_eq!((dispatch.step(), clerk.take(), out(&queue)), (Step::Ran, vec![0, 3], (0, 0)));
}

#[test]
fn a_future_that_is_polled_again_keeps_its_place() {
    let (queue, mut dispatch, _local) =
        DispatchQueue::builder(Clerk::default()).limits(limits(1, 1)).stepped();
    let (mut one, mut other) = (queue.connect(), queue.connect());
    let _ = one.deliver(LETTER).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let (mut first, mut second) = (one.deliver_async(LETTER), other.deliver_async(LETTER));
    assert!(pin!(&mut first).poll(&mut context).is_pending());
    assert!(pin!(&mut second).poll(&mut context).is_pending());
    assert!(pin!(&mut first).poll(&mut context).is_pending());
    assert_eq!(dispatch.step(), Step::Ran);
    assert!(pin!(&mut second).poll(&mut context).is_pending());
    assert!(pin!(&mut first).poll(&mut context).is_ready());
}

#[test]
fn a_queue_without_limits_never_says_full() {
    let (queue, dispatch, local) = DispatchQueue::builder(Clerk::default()).stepped();
    assert!(queue.throttle().is_none());
    let mut connection = queue.connect();
    for _ in 0..10_000 {
        let _ = connection.try_deliver(LETTER).unwrap();
    }
    assert_eq!(block_on(connection.deliver_async(LETTER)).unwrap(), Delivered::Queued);
    assert_eq!(queue.reclaim(dispatch, local).leftovers.len(), 10_001);
}

/// The order of a queue is that of its settings.
#[test]
fn the_order_is_the_builders() {
    let order = |order| {
        let clerk = Clerk::default();
        let (queue, mut dispatch, _local) = DispatchQueue::builder(clerk.clone()).order(order).stepped();
        let mut connection = queue.connect();
        for (number, priority) in [(1, 10), (2, 30), (3, 200), (4, 30), (5, 200), (6, 30), (7, 30), (8, 30)] {
            let _ = connection.deliver(Letter { number, priority, ..LETTER }).unwrap();
        }
        while dispatch.step() == Step::Ran {}
        clerk.take()
    };
    let strict = Order { strict_from: 0, ..Order::default() };
    assert_eq!(order(strict), [3, 5, 2, 4, 6, 7, 8, 1]);
    assert_eq!(order(Order { overtakes: Overtakes::AtMost(1), ..strict }), [3, 1, 2, 5, 4, 6, 7, 8]);
    assert_eq!(order(Order { overtakes: Overtakes::AtMost(0), ..strict }), [1, 2, 3, 4, 5, 6, 7, 8]);
    let shared = Order { weighted: Weighted::TokenBucket { max_tokens: 1, min_cost: 1 }, ..Order::default() };
    let shared = order(shared);
    assert_eq!(shared[..2], [3, 5], "the strict band goes first");
    assert!(shared.iter().position(|&number| number == 1) < Some(7), "10 of 40 are its share: {shared:?}");
}

#[test]
fn a_sink_takes_one_message_at_a_time() {
    let clerk = Clerk::default();
    let (queue, mut dispatch, local) = DispatchQueue::builder(clerk.clone()).limits(limits(1, 1)).stepped();
    let mut sink = ConnectionSink::new(queue.connect());
    let mut context = Context::from_waker(Waker::noop());
    let letter = |number| Letter { number, ..LETTER };
    assert!(Pin::new(&mut sink).poll_ready(&mut context).is_ready());
    Pin::new(&mut sink).start_send(letter(1)).unwrap();
    assert!(Pin::new(&mut sink).poll_ready(&mut context).is_ready(), "there is room for the first");
    Pin::new(&mut sink).start_send(letter(2)).unwrap();
    assert!(Pin::new(&mut sink).poll_ready(&mut context).is_pending());
    assert!(Pin::new(&mut sink).poll_flush(&mut context).is_pending());
    assert_eq!(dispatch.step(), Step::Ran);
    assert!(Pin::new(&mut sink).poll_close(&mut context).is_ready());
    assert_eq!((dispatch.step(), clerk.take()), (Step::Ran, vec![1, 2]));

    queue.shutdown(Stop::RunRemaining);
    Pin::new(&mut sink).start_send(letter(3)).unwrap();
    let Poll::Ready(Err(refused)) = Pin::new(&mut sink).poll_flush(&mut context) else {
        panic!("the queue has been shut down");
    };
    assert_eq!((refused.reason(), refused.into_message().number), (Refusal::Stopped, 3));
    assert!(sink.into_parts().1.is_none(), "it has come back already");
    assert!(queue.reclaim(dispatch, local).leftovers.is_empty());
}
