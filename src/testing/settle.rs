//! Unit tests without threads.

use crate::dispatch::{DispatchLoop, Dispatcher, LocalLoop};
use crate::pool::{Handler, Worker};
use crate::stop::Step;

/// What can be stepped by hand: the workers of a pool, the loops of a queue, and several of them together.
pub trait Stepped {
    /// Steps each once, in order; how many of the steps ran something.
    fn pass(&mut self) -> usize;
}

/// Steps all of `stepped` in turn, the first one first, until a whole pass finds nothing to run; how many steps ran
/// something. The same calls in the same order give the same run, each time.
///
/// A step of a queue's local loop counts too, so a queued message to oneself counts twice: it is passed on, and
/// dispatched.
///
/// ```
/// use keylane::{Handled, ConnectionId, DispatchQueue, Dispatcher, Handler, Lease, Message, ShardedThreadPool};
/// use keylane::testing::settle;
/// # struct Ping; impl Message for Ping {}
/// # struct Log; impl Dispatcher for Log {
/// #     type Message = Ping;
/// #     fn dispatch(&self, _: ConnectionId, _: Ping) -> Handled<Ping> { Ok(()) }
/// # }
/// # impl Handler for Log { type Key = u8; type Item = (); fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, _: ()) {} }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (pool, mut workers) = ShardedThreadPool::builder(Log).stepped()?;
/// pool.submit(1, ())?;
/// pool.submit(2, ())?;
/// assert_eq!(settle(&mut workers), 2);
///
/// let (queue, mut dispatch, mut local) = DispatchQueue::builder(Log).stepped();
/// queue.connect().deliver(Ping)?;
/// queue.local().send(Ping)?;
/// assert_eq!(settle(&mut (&mut dispatch, &mut local)), 3);
/// # Ok(())
/// # }
/// ```
///
/// Callbacks that submit without end are stepped without end. In a model it is one thread of it: what others add after
/// the last pass is for their own, or for a `settle` after their join.
///
/// # Panics
/// If a callback does; what is left can be settled by another call.
pub fn settle(stepped: &mut (impl Stepped + ?Sized)) -> usize {
    let mut ran = 0;
    loop {
        match stepped.pass() {
            0 => return ran,
            some => ran += some,
        }
    }
}

impl<H: Handler> Stepped for Worker<H> {
    fn pass(&mut self) -> usize {
        usize::from(self.step() == Step::Ran)
    }
}

impl<D: Dispatcher> Stepped for DispatchLoop<D> {
    fn pass(&mut self) -> usize {
        usize::from(self.step() == Step::Ran)
    }
}

impl<D: Dispatcher> Stepped for LocalLoop<D> {
    fn pass(&mut self) -> usize {
        usize::from(self.step() == Step::Ran)
    }
}

impl<S: Stepped> Stepped for [S] {
    fn pass(&mut self) -> usize {
        self.iter_mut().map(S::pass).sum()
    }
}

impl<S: Stepped, const N: usize> Stepped for [S; N] {
    fn pass(&mut self) -> usize {
        self.as_mut_slice().pass()
    }
}

impl<S: Stepped> Stepped for Vec<S> {
    fn pass(&mut self) -> usize {
        self.as_mut_slice().pass()
    }
}

impl<S: Stepped + ?Sized> Stepped for &mut S {
    fn pass(&mut self) -> usize {
        (**self).pass()
    }
}

impl<A: Stepped, B: Stepped> Stepped for (A, B) {
    fn pass(&mut self) -> usize {
        self.0.pass() + self.1.pass()
    }
}

impl<A: Stepped, B: Stepped, C: Stepped> Stepped for (A, B, C) {
    fn pass(&mut self) -> usize {
        self.0.pass() + self.1.pass() + self.2.pass()
    }
}
