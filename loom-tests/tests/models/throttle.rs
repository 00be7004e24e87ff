//! Is what is taken given back, once, to whom it belongs, and told to whoever waits for it?

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::harness::{Log, Model, Plain};
use keylane::internals::{Bell, Deadline, mark};
use keylane::testing::Balance;
use keylane::{Acquire, AcquireError, Limits, Permit, Throttle};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        ring_against_giving_up(),
        a_ring_is_heard_once(),
        acquire_against_release(),
        acquire_against_release_with_a_deadline(),
        acquire_against_spurious_wakes(),
        two_waiters_and_a_release(),
        first_in_line_first_served(),
        a_large_release_serves_two(),
        timeout_against_grant(),
        timeout_before_another_waiter(),
        dropped_future_against_grant(),
        dropped_future_before_another(),
        future_against_release(),
        waker_takes_and_releases(),
        try_against_waiter(),
        try_does_not_overtake(),
        oversize_waits_until_all_is_back(),
        set_limits_against_acquire(),
        limits_switched_on_with_units_out(),
        close_against_acquire(),
        close_against_grant(),
        one_thread_takes_and_gives_back(),
    ]
}

/// So long that a model may take it for any time.
const AWHILE: Duration = Duration::from_secs(1);

fn throttle(count: u64) -> Throttle {
    Throttle::new(Limits { count: Some(count), bytes: None })
}

/// At most so many bytes.
fn bytes(bytes: u64) -> Throttle {
    Throttle::new(Limits { count: None, bytes: Some(bytes) })
}

/// When all is quiet nothing is out, and nobody waits.
fn assert_quiet(throttle: &Throttle) {
    let quiet = throttle.snapshot();
    assert_eq!((quiet.count, quiet.bytes, quiet.waiting), (0, 0, 0), "zero when quiet");
}

/// Has a permit for a moment, and writes what only its holder may write.
fn hold(permit: Permit, balance: &Balance, cell: &Plain<u32>) {
    balance.acquired(1);
    cell.set(cell.get() + 1);
    balance.returned(1);
    drop(permit);
}

/// A task's waker that rings a bell.
struct Ring(Bell);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.0.ring();
    }
}

/// Polls a future to its end on this thread.
pub fn block_on(mut acquire: Acquire) -> Result<Permit, AcquireError> {
    let ring = Arc::new(Ring(Bell::new()));
    loop {
        match poll(&mut acquire, &Waker::from(Arc::clone(&ring))) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => ring.0.wait(),
        }
    }
}

fn poll(acquire: &mut Acquire, waker: &Waker) -> Poll<Result<Permit, AcquireError>> {
    Pin::new(acquire).poll(&mut Context::from_waker(waker))
}

/// The bell with a deadline: whether the ring came first, or giving up did, a ring that comes later is not lost, and a
/// ring that was heard has been.
fn ring_against_giving_up() -> Model {
    Model::new("ring_against_giving_up", "D8", 2)
        .iterations(9)
        .reaches(&["gave up", "woken in time", "rung before sleep"])
        .scenario(|| {
            let (bell, rung) = (Arc::new(Bell::new()), Arc::new(Log::new()));
            let ringer = {
                let (bell, rung) = (Arc::clone(&bell), Arc::clone(&rung));
                thread::spawn(move || {
                    rung.add(());
                    bell.ring();
                })
            };
            bell.wait_or_give_up(Deadline::after(AWHILE));
            ringer.join().unwrap();
            assert_eq!(rung.take().len(), 1);
        })
}

/// The second wait needs, and gets, a second ring.
fn a_ring_is_heard_once() -> Model {
    Model::new("a_ring_is_heard_once", "D8", 2)
        .deadlines_never_pass()
        .iterations(4)
        .reaches(&["slept", "rung before sleep"])
        .scenario(|| {
            let (bell, cell) = (Arc::new(Bell::new()), Arc::new(Plain::new(0)));
            bell.ring();
            bell.wait_or_give_up(Deadline::after(AWHILE));
            {
                let (bell, cell) = (Arc::clone(&bell), Arc::clone(&cell));
                thread::spawn(move || {
                    cell.set(1);
                    bell.ring();
                });
            }
            bell.wait_or_give_up(Deadline::after(AWHILE));
            assert_eq!(cell.get(), 1, "the second ring let it through");
        })
}

fn take_turns(acquire: impl Fn(&Throttle) -> Result<Permit, AcquireError> + Copy + Send + Sync + 'static) {
    let throttle = throttle(1);
    let (balance, cell) = (Balance::new(1), Arc::new(Plain::new(0)));
    let other = {
        let (throttle, balance, cell) = (throttle.clone(), balance.clone(), Arc::clone(&cell));
        thread::spawn(move || hold(acquire(&throttle).unwrap(), &balance, &cell))
    };
    hold(acquire(&throttle).unwrap(), &balance, &cell);
    other.join().unwrap();
    assert_eq!(cell.get(), 2);
    balance.check_quiet();
    assert_quiet(&throttle);
}

/// Two threads, one permit: each has it once, never both, and what one wrote the other sees.
fn acquire_against_release() -> Model {
    Model::new("acquire_against_release", "D8", 2)
        .iterations(25)
        .reaches(&["stands in line", "granted in line", "slept", "rung before sleep"])
        .scenario(|| take_turns(|throttle| throttle.acquire(7)))
}

/// The same with a deadline that does not pass: a wake-up that is lost is a deadlock here, and not a delay.
fn acquire_against_release_with_a_deadline() -> Model {
    Model::new("acquire_against_release_with_a_deadline", "D8", 2)
        .deadlines_never_pass()
        .iterations(25)
        .reaches(&["stands in line", "granted in line", "slept"])
        .scenario(|| take_turns(|throttle| throttle.acquire_timeout(7, AWHILE)))
}

/// The same, with sleeps that end for no reason.
fn acquire_against_spurious_wakes() -> Model {
    Model::new("acquire_against_spurious_wakes", "D8", 2)
        .spurious_wakes(2)
        .iterations(140)
        .reaches(&["granted in line", "slept", "woke for no reason"])
        .scenario(|| take_turns(|throttle| throttle.acquire(7)))
}

/// Two threads wait for one permit: it goes to one, and from it to the other.
fn two_waiters_and_a_release() -> Model {
    Model::new("two_waiters_and_a_release", "D8", 3)
        .iterations(29_908)
        .reaches(&["both stood in line"])
        .scenario(|| {
            let throttle = throttle(1);
            let (balance, cell) = (Balance::new(1), Arc::new(Plain::new(0)));
            let held = throttle.try_acquire(1).unwrap();
            balance.acquired(1);
            for _ in 0..2 {
                let (throttle, balance, cell) = (throttle.clone(), balance.clone(), Arc::clone(&cell));
                thread::spawn(move || hold(throttle.acquire(1).unwrap(), &balance, &cell));
            }
            if throttle.snapshot().waiting == 2 {
                mark("both stood in line");
            }
            balance.returned(1);
            drop(held);
        })
}

/// Who came first has the permit that comes back, whoever waits behind it, awake or asleep.
fn first_in_line_first_served() -> Model {
    Model::new("first_in_line_first_served", "D8", 2)
        .iterations(50)
        .reaches(&["stands in line", "granted in line", "slept", "rung before sleep"])
        .scenario(|| {
            let throttle = throttle(1);
            let held = throttle.try_acquire(1).unwrap();
            let mut first = throttle.acquire_async(1);
            assert!(poll(&mut first, Waker::noop()).is_pending());
            let second = {
                let throttle = throttle.clone();
                thread::spawn(move || drop(throttle.acquire(1).unwrap()))
            };
            drop(held);
            let served = poll(&mut first, Waker::noop());
            assert!(served.is_ready(), "first come, first served");
            drop(served);
            second.join().unwrap();
            assert_quiet(&throttle);
        })
}

/// One that was large comes back while two wait: it makes room for both, and both get to know. The larger one keeps its
/// permit until the other has one too.
fn a_large_release_serves_two() -> Model {
    Model::new("a_large_release_serves_two", "D8", 3)
        .iterations(64_574)
        .reaches(&["granted in line", "slept", "rung before sleep"])
        .scenario(|| {
            let throttle = bytes(10);
            let held = throttle.try_acquire(10).unwrap();
            let both = Arc::new(Bell::new());
            {
                let (throttle, both) = (throttle.clone(), Arc::clone(&both));
                thread::spawn(move || {
                    let permit = throttle.acquire(6).unwrap();
                    both.wait();
                    drop(permit);
                });
            }
            thread::spawn(move || {
                let permit = throttle.acquire(4).unwrap();
                both.ring();
                drop(permit);
            });
            drop(held);
        })
}

/// The permit comes back while the time runs out. Either it has been granted, or the place was given up; nothing is left
/// behind either way.
fn timeout_against_grant() -> Model {
    Model::new("timeout_against_grant", "D8", 2)
        .iterations(49)
        .reaches(&["gave up", "woken in time", "timed out in line", "granted, and the time was over"])
        .scenario(|| {
            let throttle = throttle(1);
            let balance = Balance::new(1);
            let held = throttle.try_acquire(1).unwrap();
            balance.acquired(1);
            let releaser = {
                let balance = balance.clone();
                thread::spawn(move || {
                    balance.returned(1);
                    drop(held);
                })
            };
            let gave_up = keylane::testing::times("gave up");
            match throttle.acquire_timeout(1, AWHILE) {
                Ok(permit) => {
                    if keylane::testing::times("gave up") > gave_up {
                        mark("granted, and the time was over");
                    }
                    hold(permit, &balance, &Plain::new(0));
                }
                Err(error) => assert_eq!(error, AcquireError::TimedOut),
            }
            releaser.join().unwrap();
            balance.check_quiet();
            assert_quiet(&throttle);
        })
}

/// The first in line, for whom there is no room, gives up: the one behind it, for whom there is, gets to know.
fn timeout_before_another_waiter() -> Model {
    Model::new("timeout_before_another_waiter", "D8", 2)
        .iterations(36)
        .reaches(&["timed out in line", "granted in line", "slept"])
        .scenario(|| {
            let throttle = bytes(10);
            let held = throttle.try_acquire(5).unwrap();
            let other = {
                let throttle = throttle.clone();
                thread::spawn(move || drop(throttle.acquire(5).unwrap()))
            };
            // Too large while the first is out, so it times out, or has its turn when nobody else has one.
            let large = throttle.acquire_timeout(6, AWHILE);
            assert_eq!(large.map(|_| ()), Err(AcquireError::TimedOut), "it had no room");
            other.join().unwrap();
            drop(held);
            assert_quiet(&throttle);
        })
}

/// A future is dropped while it is being granted what it waits for: given up, or given back.
fn dropped_future_against_grant() -> Model {
    Model::new("dropped_future_against_grant", "D8", 2)
        .iterations(16)
        .reaches(&["granted to a dropped future", "stands in line", "had it at once"])
        .scenario(|| {
            let throttle = throttle(1);
            let held = throttle.try_acquire(1).unwrap();
            let releaser = thread::spawn(move || drop(held));
            let mut acquire = throttle.acquire_async(1);
            if poll(&mut acquire, Waker::noop()).is_ready() {
                mark("had it at once");
            }
            drop(acquire);
            releaser.join().unwrap();
            assert_quiet(&throttle);
        })
}

/// The future that is dropped stood before a thread: what it gives up, or back, goes to that thread.
fn dropped_future_before_another() -> Model {
    Model::new("dropped_future_before_another", "D8", 3)
        .iterations(167)
        .reaches(&["granted to a dropped future", "slept", "rung before sleep"])
        .scenario(|| {
            let throttle = throttle(1);
            let held = throttle.try_acquire(1).unwrap();
            let mut acquire = throttle.acquire_async(1);
            assert!(poll(&mut acquire, Waker::noop()).is_pending());
            thread::spawn(move || drop(held));
            thread::spawn(move || drop(throttle.acquire(1).unwrap()));
            drop(acquire);
        })
}

/// A task and a thread take turns; the task is woken by the thread that gives back.
fn future_against_release() -> Model {
    Model::new("future_against_release", "D8", 2)
        .iterations(25)
        .reaches(&["stands in line", "granted in line", "slept"])
        .scenario(|| take_turns(|throttle| block_on(throttle.acquire_async(3))))
}

/// A waker may do anything, for it is called with no lock held (V5): here it looks, takes, and gives back.
fn waker_takes_and_releases() -> Model {
    struct Busy(Throttle, Bell);
    impl Wake for Busy {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.0.snapshot().count, 1, "granted before it is told");
            drop(self.0.try_acquire(1).unwrap());
            self.1.ring();
        }
    }
    Model::new("waker_takes_and_releases", "D8", 2)
        .iterations(30)
        .reaches(&["stands in line", "granted in line"])
        .scenario(|| {
            let throttle = bytes(10);
            let held = throttle.try_acquire(9).unwrap();
            let releaser = thread::spawn(move || drop(held));
            let busy = Arc::new(Busy(throttle.clone(), Bell::new()));
            let mut acquire = throttle.acquire_async(5);
            let waker = Waker::from(Arc::clone(&busy));
            let permit = match poll(&mut acquire, &waker) {
                Poll::Ready(permit) => permit.unwrap(),
                Poll::Pending => {
                    busy.1.wait();
                    match poll(&mut acquire, &waker) {
                        Poll::Ready(permit) => permit.unwrap(),
                        Poll::Pending => panic!("woken, and not granted"),
                    }
                }
            };
            releaser.join().unwrap();
            drop(permit);
            assert_quiet(&throttle);
        })
}

/// What does not wait does not overtake what does, even where there is room for it.
fn try_against_waiter() -> Model {
    Model::new("try_against_waiter", "D8", 3)
        .iterations(2_802)
        .reaches(&["tried before", "somebody waits", "tried after"])
        .scenario(|| {
            let throttle = bytes(10);
            let held = throttle.try_acquire(8).unwrap();
            {
                let throttle = throttle.clone();
                thread::spawn(move || drop(throttle.acquire(5).unwrap()));
            }
            let tries = {
                let throttle = throttle.clone();
                thread::spawn(move || {
                    let before = throttle.snapshot();
                    match throttle.try_acquire(1) {
                        Ok(_permit) if before.count == 0 => mark("tried after"),
                        Ok(_permit) => mark("tried before"),
                        Err(error) => {
                            assert_eq!(error, AcquireError::Full);
                            mark("somebody waits");
                        }
                    }
                })
            };
            drop(held);
            tries.join().unwrap();
        })
}

/// Somebody waits for more than there is, and a try would fit beside what is out: it goes only if the other one has.
fn try_does_not_overtake() -> Model {
    Model::new("try_does_not_overtake", "D8", 2)
        .iterations(4)
        .reaches(&["granted in line", "tried after", "tried before"])
        .scenario(|| {
            let throttle = bytes(10);
            let held = throttle.try_acquire(8).unwrap();
            let mut first = throttle.acquire_async(5);
            assert!(poll(&mut first, Waker::noop()).is_pending());
            let releaser = thread::spawn(move || drop(held));
            let tried = throttle.try_acquire(1);
            match &tried {
                Ok(_) => {
                    assert!(poll(&mut first, Waker::noop()).is_ready(), "it waits no longer");
                    mark("tried after");
                }
                Err(_) => mark("tried before"),
            }
            releaser.join().unwrap();
            drop((first, tried));
            assert_quiet(&throttle);
        })
}

/// What is larger than the limit goes alone: it waits until no bytes are out, and nobody passes it.
fn oversize_waits_until_all_is_back() -> Model {
    Model::new("oversize_waits_until_all_is_back", "D8", 3)
        .iterations(50_816)
        .reaches(&["stands in line", "granted in line", "slept"])
        .scenario(|| {
            let throttle = bytes(4);
            let alone = Arc::new(Plain::new(0));
            for _ in 0..2 {
                let (throttle, alone) = (throttle.clone(), Arc::clone(&alone));
                thread::spawn(move || {
                    // Two of these fit together, so they only read.
                    let small = throttle.acquire(2).unwrap();
                    let _ = alone.get();
                    drop(small);
                });
            }
            let large = throttle.acquire(9).unwrap();
            alone.set(1);
            drop(large);
        })
}

/// Limits are raised while somebody begins to wait: it is served by the one or the other.
fn set_limits_against_acquire() -> Model {
    Model::new("set_limits_against_acquire", "D8", 2)
        .iterations(30)
        .reaches(&["stands in line", "granted in line", "slept", "rung before sleep"])
        .scenario(|| {
            let throttle = throttle(1);
            let held = throttle.try_acquire(1).unwrap();
            let operator = {
                let throttle = throttle.clone();
                thread::spawn(move || throttle.set_limits(Limits { count: Some(2), bytes: Some(9) }))
            };
            let second = throttle.acquire(8).unwrap();
            operator.join().unwrap();
            let seen = throttle.snapshot();
            assert_eq!((seen.count, seen.bytes, seen.waiting), (2, 9, 0));
            drop((held, second));
            assert_quiet(&throttle);
        })
}

/// A limit is switched on while some are out that were taken when there was none: they count, and come back.
fn limits_switched_on_with_units_out() -> Model {
    Model::new("limits_switched_on_with_units_out", "D8", 3)
        .iterations(306)
        .reaches(&["full with what was taken before", "back before the look"])
        .scenario(|| {
            let throttle = Throttle::new(Limits::NONE);
            let held = throttle.try_acquire(3).unwrap();
            let operator = {
                let throttle = throttle.clone();
                thread::spawn(move || throttle.set_limits(Limits { count: Some(1), bytes: Some(3) }))
            };
            let releaser = thread::spawn(move || drop(held));
            match throttle.try_acquire(1) {
                Ok(permit) => {
                    mark("back before the look");
                    drop(permit);
                }
                Err(error) => {
                    assert_eq!(error, AcquireError::Full);
                    mark("full with what was taken before");
                }
            }
            operator.join().unwrap();
            releaser.join().unwrap();
            assert_quiet(&throttle);
        })
}

/// The throttle is closed while somebody begins to wait, and nothing comes back: it is refused, and does not sleep on.
fn close_against_acquire() -> Model {
    Model::new("close_against_acquire", "D8", 2)
        .iterations(30)
        .reaches(&["stands in line", "slept", "rung before sleep"])
        .scenario(|| {
            let throttle = throttle(1);
            let held = throttle.try_acquire(1).unwrap();
            let closer = {
                let throttle = throttle.clone();
                thread::spawn(move || throttle.close())
            };
            assert_eq!(throttle.acquire(1).unwrap_err(), AcquireError::Closed);
            closer.join().unwrap();
            drop(held);
            assert_eq!(throttle.try_acquire(1).unwrap_err(), AcquireError::Closed);
            assert_quiet(&throttle);
        })
}

/// The same, and what is out comes back meanwhile: granted or refused, and nothing is left behind.
fn close_against_grant() -> Model {
    Model::new("close_against_grant", "D8", 3)
        .iterations(3_527)
        .reaches(&["granted in line", "granted and then closed", "refused"])
        .scenario(|| {
            let throttle = throttle(1);
            let held = throttle.try_acquire(1).unwrap();
            let releaser = thread::spawn(move || drop(held));
            let closer = {
                let throttle = throttle.clone();
                thread::spawn(move || throttle.close())
            };
            match throttle.acquire(1) {
                Ok(_permit) if throttle.snapshot().closed => mark("granted and then closed"),
                Ok(_permit) => {}
                Err(error) => {
                    assert_eq!(error, AcquireError::Closed);
                    mark("refused");
                }
            }
            releaser.join().unwrap();
            closer.join().unwrap();
            assert_quiet(&throttle);
        })
}

/// An event loop: the thread that wants a permit is the one whose other work gives it back. It must not be blocked by a
/// call that did not ask for it, and its task goes on when the other one's is over.
fn one_thread_takes_and_gives_back() -> Model {
    Model::new("one_thread_takes_and_gives_back", "D8", 1)
        .iterations(1)
        .reaches(&["stands in line", "granted in line"])
        .scenario(|| {
            let throttle = throttle(1);
            let first = throttle.try_acquire(1).unwrap();
            assert_eq!(throttle.try_acquire(1).unwrap_err(), AcquireError::Full);
            let mut second = throttle.acquire_async(1);
            assert!(poll(&mut second, Waker::noop()).is_pending(), "it must not wait for itself");
            drop(first);
            assert!(poll(&mut second, Waker::noop()).is_ready());
            assert_quiet(&throttle);
        })
}
