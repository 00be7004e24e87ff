//! The real throttle beside its model.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use keylane::{Acquire, AcquireError, Permit, Throttle};
use keylane_proptests::{Limits, RequestId, Standing, ThrottleModel};

use crate::Op;

/// A throttle, all that is out or waits, and the model that judges it.
pub struct Real {
    throttle: Throttle,
    model: ThrottleModel,
    held: Vec<(RequestId, Permit)>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    id: RequestId,
    bytes: u64,
    acquire: Acquire,
    told: Arc<Told>,
}

/// A waker that knows whether it was woken; and takes something itself, and gives it back, if it was to.
struct Told {
    woken: AtomicBool,
    then: Mutex<Option<(Throttle, u64)>>,
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        assert!(!self.woken.swap(true, Ordering::Relaxed), "woken twice");
        if let Some((throttle, bytes)) = self.then.lock().unwrap().take() {
            drop(throttle.try_acquire(bytes));
        }
    }
}

impl Told {
    fn new(then: Option<(Throttle, u64)>) -> Arc<Self> {
        Arc::new(Self { woken: AtomicBool::new(false), then: Mutex::new(then) })
    }

    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }
}

impl Waiting {
    fn poll(&mut self) -> Poll<Result<Permit, AcquireError>> {
        let waker = Waker::from(Arc::clone(&self.told));
        Pin::new(&mut self.acquire).poll(&mut Context::from_waker(&waker))
    }
}

impl Real {
    pub fn new(limits: Limits) -> Self {
        let (throttle, model) = (Throttle::new(limits), ThrottleModel::new(limits));
        Self { throttle, model, held: Vec::new(), waiting: Vec::new() }
    }

    pub fn act(&mut self, op: &Op) {
        match *op {
            Op::Try(bytes) => {
                let expected = self.model.try_acquire(bytes);
                match self.throttle.try_acquire(bytes) {
                    Ok(permit) => {
                        assert_eq!(permit.bytes(), bytes);
                        self.held.push((expected.expect("it must be refused"), permit));
                    }
                    Err(error) => assert_eq!((expected, error), (None, self.refusal(AcquireError::Full))),
                }
            }
            Op::Arrive(bytes, then) => {
                let id = self.model.arrive(bytes);
                let told = Told::new(then.map(|then| (self.throttle.clone(), then)));
                let acquire = self.throttle.acquire_async(bytes);
                let mut waiting = Waiting { id, bytes, acquire, told };
                let outcome = waiting.poll();
                assert!(!waiting.told.is_woken(), "nothing has changed since");
                self.settle(waiting, outcome);
            }
            Op::Timeout(bytes) => {
                let id = self.model.arrive(bytes);
                let standing = self.model.standing(id);
                match self.throttle.acquire_timeout(bytes, Duration::ZERO) {
                    Ok(permit) => {
                        assert_eq!(standing, Standing::Out);
                        self.held.push((id, permit));
                    }
                    Err(error) => {
                        assert_ne!(standing, Standing::Out);
                        assert_eq!(error, self.refusal(AcquireError::TimedOut));
                        self.model.leave(id);
                    }
                }
            }
            Op::Release(which) if !self.held.is_empty() => {
                let (id, permit) = self.held.swap_remove(which % self.held.len());
                self.model.leave(id);
                drop(permit);
            }
            Op::Cancel(which) if !self.waiting.is_empty() => {
                let waiting = self.waiting.swap_remove(which % self.waiting.len());
                self.model.leave(waiting.id);
                drop(waiting);
            }
            Op::PollAgain(which) if !self.waiting.is_empty() => {
                let mut waiting = self.waiting.swap_remove(which % self.waiting.len());
                let former = std::mem::replace(&mut waiting.told, Told::new(None));
                let outcome = waiting.poll();
                assert_eq!(outcome.is_ready(), former.is_woken(), "told if there is something to tell");
                self.settle(waiting, outcome);
            }
            Op::Release(_) | Op::Cancel(_) | Op::PollAgain(_) => {}
            Op::SetLimits(limits) => {
                self.model.set_limits(limits);
                self.throttle.set_limits(limits);
            }
            Op::Close => {
                self.model.close();
                self.throttle.close();
            }
        }
    }

    /// What is out and who waits is as the model says, and who has something to be told was told.
    pub fn check(&self) {
        let seen = self.throttle.snapshot();
        assert_eq!((seen.count, u128::from(seen.bytes), seen.waiting), self.model.sums());
        assert_eq!((seen.limits, seen.closed), (self.model.limits(), self.model.is_closed()));
        for waiting in &self.waiting {
            let waits = self.model.standing(waiting.id) == Standing::Waits;
            assert_eq!(waiting.told.is_woken(), !waits, "request {} of {} bytes", waiting.id, waiting.bytes);
        }
    }

    /// All comes back: everybody is served, or was refused, and nothing is out.
    pub fn end(mut self) {
        while !self.held.is_empty() || !self.waiting.is_empty() {
            let woken = self.waiting.iter().position(|waiting| waiting.told.is_woken());
            if let Some(woken) = woken {
                self.act(&Op::PollAgain(woken));
            } else {
                assert!(!self.held.is_empty(), "somebody waits, and nothing is out");
                self.act(&Op::Release(0));
            }
            self.check();
        }
        assert_eq!(self.model.sums(), (0, 0, 0), "zero when quiet");
    }

    fn settle(&mut self, waiting: Waiting, outcome: Poll<Result<Permit, AcquireError>>) {
        let standing = self.model.standing(waiting.id);
        match outcome {
            Poll::Ready(Ok(permit)) => {
                assert_eq!((standing, permit.bytes()), (Standing::Out, waiting.bytes));
                self.held.push((waiting.id, permit));
            }
            Poll::Ready(Err(error)) => {
                assert_eq!((standing, error), (Standing::Refused, AcquireError::Closed));
                self.model.leave(waiting.id);
            }
            Poll::Pending => {
                assert_eq!(standing, Standing::Waits);
                self.waiting.push(waiting);
            }
        }
    }

    fn refusal(&self, open: AcquireError) -> AcquireError {
        if self.model.is_closed() { AcquireError::Closed } else { open }
    }
}
