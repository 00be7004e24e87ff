//! The daemon ends in good order: everything it accepted is carried out and answered, then it exits with 0.

mod common;

use std::sync::mpsc;
use std::thread;

use common::{Client, Daemon, Reply, bulk, ok, request};
use rustix::process::Signal;

const CLIENTS: usize = 8;
const WINDOW: usize = 100;

/// Appends to an object of its own until the daemon hangs up, always with requests under way.
fn append_to_the_end(mut client: Client, object: &str, under_way: &mpsc::Sender<()>) {
    let window = request(&["APPEND", object, "x"]).repeat(WINDOW);
    let mut sender = client.stream.try_clone().unwrap();
    let sending = thread::spawn(move || while std::io::Write::write_all(&mut sender, &window).is_ok() {});
    let (mut appended, mut refused) = (0, 0);
    while let Some(reply) = client.receive() {
        match reply {
            Reply::Integer(length) if refused == 0 => {
                appended += 1;
                assert_eq!(length, appended, "the order of one object's requests");
                if appended == 10 * WINDOW as i64 {
                    under_way.send(()).unwrap();
                }
            }
            Reply::Error(message) if message.starts_with("SHUTDOWN ") => refused += 1,
            other => panic!("after {appended}: {other:?}"),
        }
    }
    assert!(appended >= 10 * WINDOW as i64, "it hung up before it was told to stop");
    // The daemon has closed its half in good order; now this one, which ends the sender.
    client.stream.shutdown(std::net::Shutdown::Both).unwrap();
    sending.join().unwrap();
}

/// Has clients in the middle of pipelines when `stop` is called. The daemon's exit code says whether it answered
/// every request that it accepted; it compares its own counts.
fn ends_well(stop: impl FnOnce(&Daemon)) {
    let daemon = Daemon::start(&["--pgs", "16"]);
    let (under_way, wait) = mpsc::channel();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (client, under_way) = (daemon.client(), under_way.clone());
                scope.spawn(move || append_to_the_end(client, &format!("object-{number}"), &under_way))
            })
            .collect();
        drop(under_way);
        assert_eq!(wait.iter().take(CLIENTS).count(), CLIENTS);
        stop(&daemon);
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    let (status, said) = daemon.wait();
    assert!(status.success() && said.is_empty(), "{status}, {said}");
}

#[test]
fn by_command() {
    ends_well(|daemon| assert_eq!(daemon.client().ask(&["SHUTDOWN"]), ok()));
}

#[test]
fn by_sigterm() {
    ends_well(|daemon| daemon.signal(Signal::TERM));
}

#[test]
fn by_sigint() {
    ends_well(|daemon| daemon.signal(Signal::INT));
}

/// What came before SHUTDOWN on the same connection is answered: also what is still queued when SHUTDOWN, which has
/// the highest priority, has overtaken it.
#[test]
fn what_was_accepted_before_is_answered() {
    const INCREMENTS: i64 = 500;
    const SCRUBS: usize = 300;
    let daemon = Daemon::start(&["--shards", "1", "--threads-per-shard", "1"]);
    let mut client = daemon.client();
    let mut requests = request(&["INCR", "n"]).repeat(INCREMENTS as usize);
    requests.extend(request(&["OSD.SCRUB"]).repeat(SCRUBS));
    requests.extend(request(&["SHUTDOWN"]));
    client.send(&requests);
    for number in 1..=INCREMENTS {
        assert_eq!(client.receive(), Some(Reply::Integer(number)));
    }
    for _ in 0..SCRUBS {
        assert!(matches!(client.receive(), Some(Reply::Array(_))), "a scrub");
    }
    assert_eq!(client.receive(), Some(ok()));
    assert_eq!(client.receive(), None);
    let (status, said) = daemon.wait();
    assert!(status.success() && said.is_empty(), "{status}, {said}");
}

/// A client that does not read its replies delays the end for a while, and does not prevent it.
#[test]
fn although_a_client_does_not_read() {
    let daemon = Daemon::start(&[]);
    let mut lazy = daemon.client();
    assert_eq!(lazy.ask(&["SETRANGE", "big", "8388607", "x"]), Reply::Integer(8 << 20));
    lazy.send(&request(&["GET", "big"]).repeat(100));
    let mut other = daemon.client();
    assert_eq!(other.ask(&["SET", "a", "1"]), ok());
    assert_eq!(other.ask(&["GET", "a"]), bulk("1"));
    daemon.signal(Signal::TERM);
    assert_eq!(other.receive(), None);
    let (status, said) = daemon.wait();
    assert!(status.success() && said.is_empty(), "{status}, {said}");
    drop(lazy);
}

/// A second signal ends it at once, without the good order.
#[test]
fn at_once_when_told_twice() {
    let daemon = Daemon::start(&[]);
    let mut lazy = daemon.client();
    assert_eq!(lazy.ask(&["SETRANGE", "big", "8388607", "x"]), Reply::Integer(8 << 20));
    lazy.send(&request(&["GET", "big"]).repeat(100));
    let mut other = daemon.client();
    // Answered, so let in: one that still waits for that is reset when the daemon stops listening.
    assert_eq!(other.ask(&["SET", "a", "1"]), ok());
    daemon.signal(Signal::TERM);
    // Now it is stopping, and waits for the client that does not read.
    assert_eq!(other.receive(), None);
    daemon.signal(Signal::TERM);
    let (status, _) = daemon.wait();
    assert_eq!(status.code(), Some(1));
}
