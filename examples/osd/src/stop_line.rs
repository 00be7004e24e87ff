//! A line that everyone who sleeps in poll(2) also listens on: raised once, it wakes them all, for good.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Clones are ends of the same line.
#[derive(Clone, Debug)]
pub struct StopLine(Arc<Line>);

#[derive(Debug)]
struct Line {
    /// Hung up to raise the line: that, unlike a byte, is seen by every poller.
    raise: Mutex<Option<UnixStream>>,
    watch: UnixStream,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// There is something to read, or to accept.
    Readable,
    /// The line has been raised.
    Stopped,
    /// Neither, in the time given.
    TimedOut,
}

impl StopLine {
    pub fn new() -> io::Result<Self> {
        let (raise, watch) = UnixStream::pair()?;
        Ok(Self(Arc::new(Line { raise: Mutex::new(Some(raise)), watch })))
    }

    /// Says whether it was this call that raised the line.
    pub fn raise(&self) -> bool {
        self.0.raise.lock().take().is_some()
    }

    /// Waits until `source` has input or the line is raised, which takes precedence.
    pub fn wait_readable(&self, source: &impl AsFd) -> io::Result<Woken> {
        let mut fds = [PollFd::new(&self.0.watch, PollFlags::empty()), PollFd::new(source, PollFlags::IN)];
        self.wait(&mut fds, None)
    }

    /// Waits for the line alone, at most `milliseconds`.
    pub fn wait_timeout(&self, milliseconds: i64) -> io::Result<Woken> {
        let timeout = Timespec { tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000 };
        self.wait(&mut [PollFd::new(&self.0.watch, PollFlags::empty())], Some(&timeout))
    }

    fn wait(&self, fds: &mut [PollFd<'_>], timeout: Option<&Timespec>) -> io::Result<Woken> {
        loop {
            match poll(fds, timeout) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(0) => return Ok(Woken::TimedOut),
                Ok(_) if !fds[0].revents().is_empty() => return Ok(Woken::Stopped),
                Ok(_) => return Ok(Woken::Readable),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn wakes_for_input_and_for_a_raise() {
        let line = StopLine::new().unwrap();
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(b"x").unwrap();
        assert_eq!(line.wait_readable(&there).unwrap(), Woken::Readable);
        assert_eq!(line.wait_timeout(0).unwrap(), Woken::TimedOut);

        let sleeper = std::thread::spawn({
            let line = line.clone();
            let (_keep, quiet) = UnixStream::pair().unwrap();
            move || line.wait_readable(&quiet).map(|woken| (woken, _keep))
        });
        assert!(line.raise());
        assert!(!line.raise(), "once");
        assert_eq!(sleeper.join().unwrap().unwrap().0, Woken::Stopped);
        assert_eq!(line.wait_readable(&there).unwrap(), Woken::Stopped, "for good, and before input");
    }
}
