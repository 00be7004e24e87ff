//! The throttle as its users see it.

use core::time::Duration;

use crate::error::AcquireError;
use crate::lane::Bell;
use crate::sync::{Arc, Deadline, mark};
use crate::throttle::acquire::Acquire;
use crate::throttle::limits::{Amount, Limits};
use crate::throttle::permit::Permit;
use crate::throttle::shared::Shared;
use crate::throttle::state::{Place, ThrottleSnapshot};
use crate::throttle::wake::Wake;

/// Permits for so many messages, and so many bytes, at once. Clones are handles to the same throttle.
///
/// *Exactly once (D8).* What is out is the sum of what lies between an acquisition and the drop of its [`Permit`];
/// nothing, when all is quiet.
///
/// *First come, first served.* Whoever finds others waiting queues up behind them, and [`try_acquire`](Self::try_acquire)
/// fails. So a large request is not starved by small ones that would fit. What fits is said at [`Limits`].
///
/// *Nobody waits who did not ask to.* Only [`acquire`](Self::acquire) and [`acquire_timeout`](Self::acquire_timeout)
/// block their thread. A thread that serves many (an event loop, a dispatcher's callback) uses `try_acquire` or
/// [`acquire_async`](Self::acquire_async): what it waits for may be its own to give back.
///
/// ```
/// use std::time::Duration;
/// use keylane::{AcquireError, Limits, Throttle};
///
/// let throttle = Throttle::new(Limits { count: Some(100), bytes: Some(1 << 20) });
/// let large = throttle.acquire(1 << 20)?;
/// assert_eq!(throttle.try_acquire(1).unwrap_err(), AcquireError::Full);
/// assert_eq!(throttle.acquire_timeout(1, Duration::ZERO).unwrap_err(), AcquireError::TimedOut);
/// drop(large); // on whichever thread, wherever its message ends
/// let small = throttle.try_acquire(1)?;
/// assert_eq!((throttle.snapshot().count, throttle.snapshot().bytes), (1, small.bytes()));
/// # Ok::<(), AcquireError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Throttle {
    shared: Arc<Shared>,
}

impl Throttle {
    /// An open throttle of which nothing is out.
    pub fn new(limits: Limits) -> Self {
        Self { shared: Shared::new(limits) }
    }

    /// A permit for one message of `bytes`, if there is room for it and nobody waits. Never waits.
    ///
    /// # Errors
    /// [`AcquireError::Full`] if there is no room or somebody waits; [`AcquireError::Closed`].
    ///
    /// # Ordering
    /// As for [`acquire`](Self::acquire).
    pub fn try_acquire(&self, bytes: u64) -> Result<Permit, AcquireError> {
        self.shared.state.lock().try_acquire(Amount::of(bytes))?;
        Ok(self.permit(bytes))
    }

    /// A permit for one message of `bytes`. Blocks until all who came before have been served and there is room; for
    /// ever, if what is out does not come back.
    ///
    /// # Errors
    /// [`AcquireError::Closed`] if the throttle is, or is closed before this call's turn has come. One that has been
    /// granted its permit gets it, even if it is still to wake up when the throttle is closed.
    ///
    /// # Ordering
    /// All that happened before the drops that made room for it happens before this returns.
    pub fn acquire(&self, bytes: u64) -> Result<Permit, AcquireError> {
        self.acquire_before(bytes, || Deadline::NEVER)
    }

    /// The same, for at most as long as `limit`. Too long for any clock is for ever. With a limit of zero it queues up
    /// and leaves again, so it fails if it would have to wait.
    ///
    /// When the time is over and the permit is granted, it is one or the other: the permit is returned if it was granted
    /// first, even if that was after the limit; otherwise the place in the line is given up, and nothing is reserved.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`]; [`AcquireError::Closed`] as for `acquire`.
    ///
    /// # Ordering
    /// As for [`acquire`](Self::acquire).
    pub fn acquire_timeout(&self, bytes: u64, limit: Duration) -> Result<Permit, AcquireError> {
        self.acquire_before(bytes, || Deadline::after(limit))
    }

    /// A permit for one message of `bytes`, as a future. It names no runtime: any that wakes tasks will do.
    ///
    /// # Errors
    /// [`AcquireError::Closed`] as for `acquire`.
    ///
    /// # Ordering
    /// As for [`acquire`](Self::acquire), from the poll that is ready.
    ///
    /// # Cancel safety
    /// See [`Acquire`]: a future that is dropped has no place in the line, and holds nothing.
    pub fn acquire_async(&self, bytes: u64) -> Acquire {
        Acquire::new(Arc::clone(&self.shared), bytes)
    }

    /// Other limits from now on. Whoever fits now is woken; what is out stays out, and if that is more than the new
    /// limits allow, nobody is served until enough has come back.
    ///
    /// # Panics
    /// If a waker of a task panics, after everybody was woken.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.change(|state| state.set_limits(limits));
    }

    /// Refuses all who wait and all who come. Permits that are out are returned as ever. May be called more than once.
    ///
    /// # Panics
    /// If a waker of a task panics, after everybody was woken.
    pub fn close(&self) {
        self.shared.change(|state| state.close());
    }

    /// What is out, who waits, under which limits: of one moment.
    pub fn snapshot(&self) -> ThrottleSnapshot {
        self.shared.state.lock().snapshot()
    }

    fn permit(&self, bytes: u64) -> Permit {
        Permit::new(Arc::clone(&self.shared), bytes)
    }

    fn acquire_before(
        &self,
        bytes: u64,
        deadline: impl FnOnce() -> Deadline,
    ) -> Result<Permit, AcquireError> {
        match self.try_acquire(bytes) {
            Err(AcquireError::Full) => {}
            outcome => return outcome,
        }
        let deadline = deadline();
        let bell = Arc::new(Bell::new());
        let entered = {
            let wake = Wake::Bell(Arc::clone(&bell));
            self.shared.state.lock().acquire_or_wait(Amount::of(bytes), wake)
        };
        let ticket = match entered {
            Ok(ticket) => ticket,
            Err((outcome, _unused)) => return outcome.map(|()| self.permit(bytes)),
        };
        bell.wait_or_give_up(deadline);
        // Why the wait ended does not matter: what has become of the place does.
        match self.shared.leave(ticket) {
            Place::Granted => Ok(self.permit(bytes)),
            Place::Refused => Err(AcquireError::Closed),
            Place::InLine => {
                mark("timed out in line");
                Err(AcquireError::TimedOut)
            }
        }
    }
}
