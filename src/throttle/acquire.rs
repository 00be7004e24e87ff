//! Waiting for a permit without a thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::AcquireError;
use crate::sync::{Arc, mark};
use crate::throttle::limits::Amount;
use crate::throttle::permit::Permit;
use crate::throttle::shared::Shared;
use crate::throttle::state::{Place, Ticket};
use crate::throttle::wake::Wake;

/// A permit to be: what [`Throttle::acquire_async`](crate::Throttle::acquire_async) returns.
///
/// It takes its place in the line when it is first polled, not before. It is woken once, when it has been granted its
/// permit or refused one; the waker of the latest poll is used.
///
/// # Cancel safety
/// Dropping it gives up its place in the line; if the permit has been granted already, it is given back. A future that
/// is leaked while it waits holds up everybody behind it for ever.
///
/// # Panics
/// If it is polled again after it was ready.
#[must_use = "nothing is reserved until it is polled"]
#[derive(Debug)]
pub struct Acquire {
    shared: Arc<Shared>,
    bytes: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    New,
    Waits(Ticket),
    Over,
}

impl Acquire {
    pub(crate) fn new(shared: Arc<Shared>, bytes: u64) -> Self {
        Self { shared, bytes, stage: Stage::New }
    }

    fn permit(&self) -> Permit {
        Permit::new(Arc::clone(&self.shared), self.bytes)
    }

    fn begin(&mut self, context: &Context<'_>) -> Poll<Result<Permit, AcquireError>> {
        let amount = Amount::of(self.bytes);
        let mut outcome = self.shared.state.lock().try_acquire(amount);
        if outcome == Err(AcquireError::Full) {
            // Cloned here, as that is the user's code, and so there is a second look.
            let wake = Wake::Task(context.waker().clone());
            let entered = self.shared.state.lock().acquire_or_wait(amount, wake);
            match entered {
                Ok(ticket) => {
                    self.stage = Stage::Waits(ticket);
                    return Poll::Pending;
                }
                Err((second, _unused)) => outcome = second,
            }
        }
        self.stage = Stage::Over;
        Poll::Ready(outcome.map(|()| self.permit()))
    }

    fn go_on(&mut self, ticket: Ticket, context: &Context<'_>) -> Poll<Result<Permit, AcquireError>> {
        let wake = Wake::Task(context.waker().clone());
        let (place, _former) = {
            let mut state = self.shared.state.lock();
            (state.place(ticket), state.tell_by(ticket, wake))
        };
        let outcome = match place {
            Place::InLine => return Poll::Pending,
            Place::Granted => Ok(self.permit()),
            Place::Refused => {
                self.shared.leave(ticket);
                Err(AcquireError::Closed)
            }
        };
        self.stage = Stage::Over;
        Poll::Ready(outcome)
    }
}

impl Future for Acquire {
    type Output = Result<Permit, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.stage {
            Stage::New => self.begin(context),
            Stage::Waits(ticket) => self.go_on(ticket, context),
            Stage::Over => panic!("polled after it was ready"),
        }
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Stage::Waits(ticket) = self.stage else {
            return;
        };
        if self.shared.leave(ticket) == Place::Granted {
            mark("granted to a dropped future");
            drop(self.permit());
        }
    }
}
