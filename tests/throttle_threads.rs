//! D8 with real threads: never more out than the limit, all of it back, nobody left asleep; and the places where a
//! model has only one thread: panics, wakers that do things, time.

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use keylane::testing::{Balance, on_mark};
use keylane::{Acquire, AcquireError, Limits, Permit, Throttle};

use common::{bounded, hear, together};

fn throttle(count: u64, bytes: u64) -> Throttle {
    Throttle::new(Limits { count: Some(count), bytes: Some(bytes) })
}

fn assert_quiet(throttle: &Throttle) {
    let quiet = throttle.snapshot();
    assert_eq!((quiet.count, quiet.bytes, quiet.waiting), (0, 0, 0));
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn poll(acquire: &mut Acquire, waker: &Waker) -> Poll<Result<Permit, AcquireError>> {
    std::pin::Pin::new(acquire).poll(&mut Context::from_waker(waker))
}

/// Begins a blocking acquisition on a thread of its own; comes back when it stands in line.
fn begin<T: Send + 'static>(
    throttle: &Throttle,
    acquire: impl FnOnce(&Throttle) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let (tell, marks) = std::sync::mpsc::channel();
    let throttle = throttle.clone();
    let waiter = thread::spawn(move || {
        on_mark(move |label| {
            let _ = tell.send(label);
        });
        acquire(&throttle)
    });
    while hear(&marks) != "stands in line" {}
    waiter
}

#[test]
fn a_permit_goes_wherever_its_message_goes() {
    fn owned<T: Send + 'static>() {}
    owned::<Permit>();
    owned::<Acquire>();
    owned::<Throttle>();
}

/// Threads that wait, that wait a little, that do not wait, and futures that are dropped half way; while the limits are
/// changed all the time.
#[test]
fn what_is_out_stays_within_the_limit_and_comes_back() {
    const ROUNDS: usize = 5_000;
    bounded(|| {
        let throttle = throttle(3, 100);
        // The highest limits that are ever set.
        let (permits, bytes) = (Balance::new(3), Balance::new(100));
        let have = |permit: Result<Permit, AcquireError>| match permit {
            Ok(permit) => {
                permits.acquired(1);
                bytes.acquired(permit.bytes() as usize);
                thread::yield_now();
                bytes.returned(permit.bytes() as usize);
                permits.returned(1);
            }
            Err(error) => assert!(matches!(error, AcquireError::Full | AcquireError::TimedOut)),
        };
        together(6, |number| {
            for round in 0..ROUNDS {
                let size = (round * 7 + number * 13) as u64 % 60;
                match number {
                    0 | 1 => have(throttle.acquire(size)),
                    2 => have(throttle.acquire_timeout(size, Duration::from_micros(round as u64 % 50))),
                    3 => have(block_on(throttle.acquire_async(size))),
                    4 => {
                        have(throttle.try_acquire(size));
                        let mut dropped = throttle.acquire_async(size);
                        let _ = poll(&mut dropped, Waker::noop());
                        thread::yield_now();
                    }
                    _ => {
                        let count = 1 + round as u64 % 3;
                        throttle
                            .set_limits(Limits { count: Some(count), bytes: Some(60 + 20 * (count - 1)) });
                    }
                }
            }
        });
        permits.check_quiet();
        bytes.check_quiet();
        assert_quiet(&throttle);
    });
}

#[test]
fn a_time_limit_ends_the_wait_and_leaves_nothing() {
    bounded(|| {
        let throttle = throttle(1, 10);
        let held = throttle.acquire(1).unwrap();
        for limit in [Duration::ZERO, Duration::from_millis(1)] {
            assert_eq!(throttle.acquire_timeout(1, limit).unwrap_err(), AcquireError::TimedOut);
        }
        assert_eq!(throttle.snapshot().waiting, 0);
        drop(held);
        drop(throttle.acquire_timeout(1, Duration::ZERO).unwrap());
        assert_quiet(&throttle);
    });
}

/// No clock can tell when that is, and the wait goes on until there is a permit.
#[test]
fn the_longest_time_limit_is_none() {
    bounded(|| {
        let throttle = throttle(1, 10);
        let held = throttle.acquire(1).unwrap();
        let waiter = begin(&throttle, |throttle| throttle.acquire_timeout(1, Duration::MAX).map(drop));
        drop(held);
        assert_eq!(waiter.join().unwrap(), Ok(()));
        assert_quiet(&throttle);
    });
}

#[test]
fn a_long_time_limit_does_not_delay_a_grant() {
    bounded(|| {
        let throttle = throttle(1, 10);
        let held = throttle.acquire(1).unwrap();
        let waiter = begin(&throttle, |throttle| {
            throttle.acquire_timeout(1, Duration::from_secs(3600)).map(|permit| permit.bytes())
        });
        drop(held);
        assert_eq!(waiter.join().unwrap(), Ok(1));
        assert_quiet(&throttle);
    });
}

#[test]
fn close_ends_every_wait_and_what_is_out_comes_back() {
    bounded(|| {
        let throttle = throttle(1, 10);
        let held = throttle.acquire(1).unwrap();
        let waiters: Vec<_> = (0..3)
            .map(|number| {
                begin(&throttle, move |throttle| match number {
                    0 => throttle.acquire(1).map(drop),
                    1 => throttle.acquire_timeout(1, Duration::from_secs(3600)).map(drop),
                    _ => block_on(throttle.acquire_async(1)).map(drop),
                })
            })
            .collect();
        assert_eq!(throttle.snapshot().waiting, 3);
        throttle.close();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Err(AcquireError::Closed));
        }
        throttle.close();
        assert_eq!(throttle.snapshot().count, 1);
        drop(held);
        assert_quiet(&throttle);
        assert_eq!(throttle.acquire(1).unwrap_err(), AcquireError::Closed);
        assert_eq!(block_on(throttle.acquire_async(1)).unwrap_err(), AcquireError::Closed);
    });
}

/// A message's callback panics: its permit is dropped by the unwinding, and the next one is served.
#[test]
fn a_panic_gives_back() {
    bounded(|| {
        let throttle = throttle(1, 10);
        let held = throttle.acquire(10).unwrap();
        let waiter = begin(&throttle, |throttle| throttle.acquire(10).map(|permit| permit.bytes()));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _held = held;
            std::panic::resume_unwind(Box::new("as planned"));
        }));
        assert!(panicked.is_err());
        assert_eq!(waiter.join().unwrap(), Ok(10));
        assert_quiet(&throttle);
    });
}

/// A waker panics: who is behind it gets to know all the same, its own future has its permit, and the panic comes out of
/// the call that woke it.
#[test]
fn a_waker_that_panics_holds_up_nobody() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("as planned"));
        }
    }
    bounded(|| {
        let throttle = throttle(2, 10);
        let held = throttle.acquire(10).unwrap();
        let mut first = throttle.acquire_async(1);
        assert!(poll(&mut first, &Waker::from(Arc::new(Panics))).is_pending());
        let second = begin(&throttle, |throttle| throttle.acquire(1).map(|permit| permit.bytes()));
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(held)));
        assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "as planned");
        assert_eq!(second.join().unwrap(), Ok(1));
        assert!(matches!(poll(&mut first, Waker::noop()), Poll::Ready(Ok(_))));
        assert_quiet(&throttle);
    });
}

/// Wakers are the user's code, also where they are cloned and dropped: none of it runs under a lock of the throttle's,
/// or this would hang.
#[test]
fn a_waker_may_use_its_throttle() {
    struct Uses(Throttle, Arc<AtomicUsize>);
    impl Wake for Uses {
        fn wake(self: Arc<Self>) {
            drop(self.0.try_acquire(1));
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl Drop for Uses {
        fn drop(&mut self) {
            let _ = self.0.snapshot();
            self.1.fetch_add(100, Ordering::Relaxed);
        }
    }
    bounded(|| {
        let throttle = throttle(1, 10);
        let held = throttle.acquire(1).unwrap();
        let used = Arc::new(AtomicUsize::new(0));
        let waker = || Waker::from(Arc::new(Uses(throttle.clone(), Arc::clone(&used))));
        let mut acquire = throttle.acquire_async(1);
        assert!(poll(&mut acquire, &waker()).is_pending());
        // The former waker is dropped here,
        assert!(poll(&mut acquire, &waker()).is_pending());
        assert_eq!(used.load(Ordering::Relaxed), 100);
        // this one is woken and dropped,
        drop(held);
        assert_eq!(used.load(Ordering::Relaxed), 201);
        // and this one with its future's place.
        let mut another = throttle.acquire_async(1);
        assert!(poll(&mut another, &waker()).is_pending());
        drop(another);
        assert_eq!(used.load(Ordering::Relaxed), 301);
        drop(acquire);
        // And this one is told that it is closed.
        let held = throttle.try_acquire(1).unwrap();
        let mut refused = throttle.acquire_async(1);
        assert!(poll(&mut refused, &waker()).is_pending());
        throttle.close();
        assert_eq!(used.load(Ordering::Relaxed), 402);
        drop((held, refused));
        assert_quiet(&throttle);
    });
}

#[test]
fn those_who_wait_are_served_in_their_order() {
    bounded(|| {
        let throttle = throttle(1, 10);
        let held = throttle.acquire(1).unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let waiters: Vec<_> = (0..8)
            .map(|number| {
                let served = Arc::clone(&served);
                begin(&throttle, move |throttle| {
                    let _permit = throttle.acquire(1).unwrap();
                    served.lock().unwrap().push(number);
                })
            })
            .collect();
        drop(held);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(*served.lock().unwrap(), (0..8).collect::<Vec<_>>());
    });
}

/// What [`Limits`] says of the largest and the smallest values.
#[test]
fn absurd_values_have_an_answer() {
    let zero = throttle(0, 0);
    let one = zero.try_acquire(u64::MAX).unwrap();
    assert_eq!(zero.try_acquire(0).unwrap_err(), AcquireError::Full);
    drop(one);
    assert_quiet(&zero);

    let no_bytes = Throttle::new(Limits { count: None, bytes: Some(0) });
    let empty = [no_bytes.try_acquire(0).unwrap(), no_bytes.try_acquire(0).unwrap()];
    let alone = no_bytes.try_acquire(5).unwrap();
    assert_eq!(no_bytes.try_acquire(1).unwrap_err(), AcquireError::Full);
    drop((empty, alone));
    assert_quiet(&no_bytes);

    let unlimited = Throttle::new(Limits::NONE);
    let all = unlimited.try_acquire(u64::MAX).unwrap();
    let nothing = unlimited.try_acquire(0).unwrap();
    assert_eq!(unlimited.try_acquire(1).unwrap_err(), AcquireError::Full, "no sum overflows");
    assert_eq!(unlimited.snapshot().bytes, u64::MAX);
    drop((all, nothing));
    assert_quiet(&unlimited);
}

#[test]
fn a_future_that_is_never_polled_has_no_place() {
    let throttle = throttle(1, 10);
    let never = throttle.acquire_async(10);
    drop(throttle.try_acquire(10).unwrap());
    drop(never);
    assert_quiet(&throttle);
}

#[test]
#[should_panic = "polled after it was ready"]
fn a_future_is_ready_once() {
    let mut acquire = throttle(1, 10).acquire_async(1);
    let _first = poll(&mut acquire, Waker::noop());
    let _ = poll(&mut acquire, Waker::noop());
}
