//! The real binary on a free port, and a client that speaks plain RESP2.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use redis_protocol::resp2::decode::decode;
pub use redis_protocol::resp2::types::OwnedFrame as Reply;
use rustix::process::{Pid, Signal, kill_process};

/// Only bounds how long a failure takes; no test's outcome depends on it otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Unless a test wants otherwise: Ceph's, more than it takes, so that things happen in many orders.
const WORKERS: [&str; 4] = ["--shards", "5", "--threads-per-shard", "2"];

/// A daemon of its own for a test; killed when the test is over, however that ends.
pub struct Daemon {
    child: Child,
    pub address: SocketAddr,
    ended: Receiver<String>,
}

impl Daemon {
    pub fn start(flags: &[&str]) -> Self {
        let workers = if flags.contains(&"--shards") { &[][..] } else { &WORKERS };
        let mut child = command(&["--port", "0"])
            .args(workers)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stdout = child.stdout.take().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let (first_line, line) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            _ = first_line.send(lines.next());
            lines.for_each(drop);
        });
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            let mut said = String::new();
            _ = stderr.read_to_string(&mut said);
            _ = end.send(said);
        });
        let mut daemon = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), ended };
        let line = line.recv_timeout(TIMEOUT).expect("it says where it listens").expect("on stdout").unwrap();
        daemon.address = line.rsplit(' ').next().unwrap().parse().expect("an address ends the line");
        daemon
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// The most memory it ever had, in KiB.
    #[cfg(target_os = "linux")]
    pub fn most_resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is still there");
    }

    /// Waits until it has ended by itself; how it did, and what it wrote to stderr.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let said = self.ended.recv_timeout(TIMEOUT).expect("the daemon ends");
        (self.child.wait().unwrap(), said)
    }

    /// Shuts it down; fails if anything had gone wrong inside.
    pub fn shut_down(self) {
        assert_eq!(self.client().ask(&["SHUTDOWN"]), ok());
        let (status, said) = self.wait();
        assert!(status.success() && said.is_empty(), "{status}, {said}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

pub fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keylane-osd"));
    command.args(flags).stdin(Stdio::null());
    command
}

/// The numbers in INFO.
pub type Figures = HashMap<String, u64>;

pub struct Client {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the daemon accepts");
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the daemon reads");
    }

    /// The next reply; `None` if the daemon hung up, in good order, after complete replies.
    pub fn receive(&mut self) -> Option<Reply> {
        loop {
            if let Some((reply, length)) = decode(&self.unread).expect("replies are well-formed") {
                self.unread.drain(..length);
                return Some(reply);
            }
            let mut chunk = [0; 64 << 10];
            match self.stream.read(&mut chunk).expect("the daemon answers or hangs up") {
                0 => {
                    assert!(self.unread.is_empty(), "cut off within a reply");
                    return None;
                }
                read => self.unread.extend_from_slice(&chunk[..read]),
            }
        }
    }

    pub fn ask(&mut self, words: &[&str]) -> Reply {
        self.send(&request(words));
        self.receive().expect("an answer")
    }

    pub fn figures(&mut self) -> Figures {
        let Reply::BulkString(info) = self.ask(&["INFO"]) else { panic!("no text") };
        let info = String::from_utf8(info).unwrap();
        let figure = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        info.lines().filter_map(figure).collect()
    }

    /// Asks for the figures until they are as awaited.
    pub fn until(&mut self, awaited: impl Fn(&Figures) -> bool) -> Figures {
        let start = Instant::now();
        loop {
            let figures = self.figures();
            if awaited(&figures) {
                return figures;
            }
            assert!(start.elapsed() < TIMEOUT, "still {figures:?}");
        }
    }

    pub fn no_more_requests(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

pub fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

pub fn ok() -> Reply {
    Reply::SimpleString(b"OK".to_vec())
}

pub fn bulk(text: &str) -> Reply {
    Reply::BulkString(text.as_bytes().to_vec())
}

pub fn error(text: &str) -> Reply {
    Reply::Error(text.to_owned())
}
