//! For how long something may run, and who is told when it runs for longer.

use std::fmt;
use std::io::Write;

use core::time::Duration;

/// A callback that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Running<W> {
    /// Which one.
    pub what: W,
    /// For how long it has been running.
    pub age: Duration,
    /// For how much of that its watch was [suspended](crate::Lease::suspend_watch), which counts for no grace. Always zero
    /// of a queue's callbacks.
    pub suspended: Duration,
    /// The name of the thread it runs on, if that has one.
    pub thread: Option<String>,
    /// What the operating system calls that thread, for a debugger: known on Linux, where `/proc` says so.
    pub os_thread: Option<u32>,
    /// How often it has been reported as slow, this time included.
    pub reports: u32,
}

impl<W: fmt::Display> fmt::Display for Running<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, age, suspended, thread, os_thread, .. } = self;
        write!(f, "{what} has been running for {age:?}")?;
        if !suspended.is_zero() {
            write!(f, ", {suspended:?} of which do not count,")?;
        }
        write!(f, " on thread {}", thread.as_deref().unwrap_or("?"))?;
        if let Some(id) = os_thread {
            write!(f, " ({id})")?;
        }
        Ok(())
    }
}

/// For how long something may run, where that is not what is usual there.
///
/// ```
/// # use std::time::Duration;
/// use keylane::Patience;
///
/// // May take its time, but not for ever.
/// let scrub = Patience { grace: Some(Duration::MAX), ..Patience::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Patience {
    /// Until it is reported as slow. `None` is the grace that [`watch`](crate::ShardedThreadPoolBuilder::watch) was given,
    /// [`Duration::MAX`] is never. Less than a millisecond counts as one.
    pub grace: Option<Duration>,
    /// Until it is fatal. `None` is the grace that [`fatal`](crate::ShardedThreadPoolBuilder::fatal) was given,
    /// [`Duration::MAX`] is never. Less than a millisecond counts as one.
    pub fatal: Option<Duration>,
}

/// Who is told of what is slow.
pub type Report<W> = Box<dyn Fn(&Running<W>) + Send + Sync>;

/// What to do about something that has been running for its fatal grace, and still runs: `W` is what runs, a [`Task`] of a
/// pool or a [`Callback`] of a queue.
///
/// [`Task`]: crate::Task
/// [`Callback`]: crate::Callback
pub struct Fatal<W>(Report<W>);

impl<W> Fatal<W> {
    /// Calls `report`, once for each. It must not wait for what is watched; if it panics, that is counted with the panics of
    /// other callbacks, and it counts as made.
    pub fn report(report: impl Fn(&Running<W>) + Send + Sync + 'static) -> Self {
        Self(Box::new(report))
    }

    /// Writes a line to the standard error, as [`Running`] says it, and aborts the process. A line that cannot be written
    /// is left out, and so is the rest of one whose key panics in its `Debug`; but who writes waits for the standard error,
    /// if another thread has locked it or nobody reads what is written there.
    pub fn abort() -> Self
    where
        W: fmt::Display,
    {
        Self(Box::new(|running| {
            let _abort = Abort;
            let _ = writeln!(std::io::stderr(), "keylane aborts the process: {running}");
        }))
    }
}

/// Aborts when dropped: so by unwinding as well.
struct Abort;

impl Drop for Abort {
    fn drop(&mut self) {
        std::process::abort();
    }
}

impl<W> fmt::Debug for Fatal<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fatal").finish_non_exhaustive()
    }
}

/// After how long somebody is told.
pub struct Alarm<W> {
    pub(super) grace: Duration,
    pub(super) report: Report<W>,
}

impl<W> Alarm<W> {
    /// Tells `report` of what runs for `grace`.
    pub fn new(grace: Duration, report: Report<W>) -> Self {
        Self { grace: grace.max(SHORTEST), report }
    }

    /// Does what `fatal` says about what runs for `grace`.
    pub fn fatal(grace: Duration, fatal: Fatal<W>) -> Self {
        Self::new(grace, fatal.0)
    }
}

/// Shorter graces are as long as this, so that looking is not all that is done.
const SHORTEST: Duration = Duration::from_millis(1);

/// What is told, if anything.
pub struct Alarms<W> {
    /// That something is slow.
    pub slow: Option<Alarm<W>>,
    /// That it is fatal.
    pub fatal: Option<Alarm<W>>,
}

impl<W> Alarms<W> {
    /// Nothing.
    pub const fn none() -> Self {
        Self { slow: None, fatal: None }
    }

    /// Whether there is nothing to watch for.
    pub fn is_empty(&self) -> bool {
        self.slow.is_none() && self.fatal.is_none()
    }

    /// For how long something may run that has this patience.
    pub(super) fn graces(&self, patience: Patience) -> Graces {
        Graces {
            slow: grace(self.slow.as_ref(), patience.grace),
            fatal: grace(self.fatal.as_ref(), patience.fatal),
        }
    }
}

/// Nobody is told where there is no alarm, whatever the item says.
fn grace<W>(alarm: Option<&Alarm<W>>, own: Option<Duration>) -> Duration {
    alarm.map_or(Duration::MAX, |alarm| own.map_or(alarm.grace, |own| own.max(SHORTEST)))
}

/// For how long something may run. [`Duration::MAX`] is for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Graces {
    pub(super) slow: Duration,
    pub(super) fatal: Duration,
}

impl Graces {
    /// Until the first of the two.
    pub(super) fn first(self) -> Duration {
        self.slow.min(self.fatal)
    }
}
