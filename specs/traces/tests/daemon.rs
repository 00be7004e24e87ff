//! What the daemon does is what the specifications of its queue, its gate and its pool say, all three at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Barrier;

use keylane::trace::{act_as, record};
use keylane_osd::in_process::Daemon;
use keylane_traces::daemon::Parts;
use keylane_traces::pace::{Chance, Pace};
use keylane_traces::testing::{Holes, follows};

const RUNS: u64 = 40;

/// Placement groups, and the objects in them.
const PGS: u32 = 3;
const OBJECTS: [&str; 4] = ["a", "b", "c", "d"];

/// Published one after the other, while clients are at it. The first one is there.
const EPOCHS: [u8; 2] = [2, 3];

/// Published when everybody has got what they waited for, or has left: and another, by who has found nobody waiting.
const LAST_EPOCHS: [u8; 2] = [4, 5];

/// So many of a client's requests come at once.
const BATCH: u8 = 3;

/// So many requests of either client: the pool gets no more of them than the twin has numbers for.
const REQUESTS: u8 = 8;

struct Client(BufReader<TcpStream>);

impl Client {
    /// One that has been accepted, and told of: a PING does not overtake that.
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self(BufReader::new(stream));
        client.send("PING");
        assert!(client.hears());
        client
    }

    /// At once, a request a line. Nobody reads it any more, if the daemon has stopped.
    fn send(&mut self, requests: &str) {
        let mut bytes = String::new();
        for request in requests.lines() {
            bytes.push_str(&format!("*{}\r\n", request.split(' ').count()));
            request.split(' ').for_each(|word| bytes.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        }
        _ = self.0.get_mut().write_all(bytes.as_bytes());
    }

    /// One reply; or none, if that was all.
    fn hears(&mut self) -> bool {
        let mut line = String::new();
        if !matches!(self.0.read_line(&mut line), Ok(1..)) {
            return false;
        }
        let length = line[1..].trim_end().parse::<i64>().unwrap_or(0).max(0);
        match line.as_bytes()[0] {
            b'$' if line != "$-1\r\n" => {
                self.0.read_exact(&mut vec![0; length as usize + 2]).unwrap();
                true
            }
            b'*' => (0..length).all(|_| self.hears()),
            _ => true,
        }
    }

    fn publish(&mut self, epoch: u8) {
        self.send(&format!("OSD.MAP PUBLISH {epoch}"));
        assert!(self.hears());
    }

    /// Nothing more is asked, and all is answered.
    fn leave(mut self) {
        _ = self.0.get_mut().shutdown(Shutdown::Write);
        while self.hears() {}
    }
}

/// An operation on an object, with or without an epoch; or something for the dispatch thread.
fn request(pace: &mut Pace) -> String {
    let object = OBJECTS[usize::from(pace.below(4))];
    let epoch = 1 + pace.below(3);
    match pace.below(8) {
        0 => format!("SET {object} 1\n"),
        1 => format!("GET {object}\n"),
        2 => format!("INCR {object}\n"),
        3 => "PING\n".to_owned(),
        4 => "INFO\n".to_owned(),
        5 => "ECHO x\n".to_owned(),
        _ => format!("OSD.OP {epoch} INCR {object}\n"),
    }
}

/// In batches, some of which wait for a map.
fn talk(client: &mut Client, pace: &mut Pace, last: &str) {
    let mut left = REQUESTS;
    while left > 0 {
        pace.pauses();
        let batch = (1 + pace.below(BATCH)).min(left);
        left -= batch;
        let mut requests: String = (0..batch).map(|_| request(pace)).collect();
        if left == 0 {
            requests.push_str(last);
        }
        client.send(&requests);
        let replies = if left == 0 { batch + last.lines().count() as u8 } else { batch };
        // Fewer, if the daemon stops meanwhile.
        if !(0..replies).all(|_| client.hears()) {
            return;
        }
    }
}

/// One start of the daemon, and its end.
fn run(seed: u64) -> Parts {
    let notes = record(|| {
        // As threads keep the numbers that they are given, from one recording to the next.
        act_as(0);
        let chance = Chance::new(seed);
        let mut pace = chance.pace(0);
        let daemon = Daemon::start(PGS, 2, 2).unwrap();
        let address = daemon.address();
        let mut ticker = daemon.ticker();
        let (all_are_there, all_is_said) = (Barrier::new(3), Barrier::new(3));
        // Or else it ends while they talk.
        let waits = pace.below(2) == 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                all_are_there.wait();
                talk(&mut client, &mut chance.pace(1), "DBSIZE");
                waits.then(|| all_is_said.wait());
                // The daemon hangs up.
                while client.hears() {}
            });
            scope.spawn(|| {
                let (mut client, mut pace) = (Client::connect(address), chance.pace(2));
                all_are_there.wait();
                talk(&mut client, &mut pace, "MGET a b");
                // What waits is taken back, or answered by a daemon that stops.
                client.send(&format!("OSD.OP {} SET a 1\nPING\nINFO\nINFO", LAST_EPOCHS[0]));
                if !waits || pace.below(2) == 0 {
                    client.leave();
                }
                waits.then(|| all_is_said.wait());
            });
            let mut operator = Client::connect(address);
            all_are_there.wait();
            scope.spawn(|| {
                let mut pace = chance.pace(3);
                for _ in 0..6 {
                    pace.pauses();
                    ticker.tick();
                }
            });
            for epoch in EPOCHS {
                pace.pauses();
                operator.publish(epoch);
            }
            pace.pauses();
            if waits {
                all_is_said.wait();
                while daemon.resets() == 0 {
                    std::thread::yield_now();
                }
                LAST_EPOCHS.into_iter().for_each(|epoch| operator.publish(epoch));
            }
            operator.send("SHUTDOWN");
            // Nobody need read what it answers, but somebody has to hang up.
            scope.spawn(move || while operator.hears() {});
            let faults = daemon.finish();
            assert!(faults.is_empty(), "{faults:?}");
        });
    });
    Parts::of(notes).unwrap_or_else(|fault| panic!("run {seed}: {fault:#}"))
}

#[test]
fn runs_are_behaviours() {
    let runs: Vec<Parts> = (0..RUNS).map(run).collect();
    follows(RUNS, |seed| runs[seed as usize].queue());
    follows(RUNS, |seed| runs[seed as usize].gate());
    follows(RUNS, |seed| runs[seed as usize].pool());
}

/// What is in each run, and is missed in some. (The rest depends on how threads happen to meet; of kept runs
/// `tests/recorded.rs` has all of it.)
fn misses(holes: &Holes, actions: &[&str]) {
    let not: Vec<_> = actions.iter().filter(|&&action| !holes.missed.contains(action)).collect();
    assert!(not.is_empty(), "{not:?} of {holes:?}");
}

#[test]
fn a_run_with_a_hole_is_none() {
    let [mut queue, mut gate, mut pool] = [(); 3].map(|()| Holes::default());
    for seed in 0..5 {
        let parts = run(seed);
        queue.dig(&parts.queue().unwrap());
        gate.dig(&parts.gate().unwrap());
        pool.dig(&parts.pool().unwrap());
    }
    misses(
        &queue,
        &["Deliver", "Push", "Dispatch_Step", "Dispatch_DropPending", "Dispatch_Return", "Tell", "Send"],
    );
    misses(
        &queue,
        &["Shutdown_CloseLane", "Shutdown_Seal", "Shutdown_CloseLocal", "Local_EndQueue", "Join_Threads"],
    );
    misses(&gate, &["Arrive", "Call", "GoOn", "Publish", "BeginFrom"]);
    misses(&pool, &["Submit", "Pick", "Finish", "Shutdown"]);
}
