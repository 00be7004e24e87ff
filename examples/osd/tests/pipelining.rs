//! Replies leave in the order of the requests, whatever way and however fast each of them went.

mod common;

use std::thread;

use common::{Client, Daemon, Reply, bulk, ok, request};

/// Requests that take all the ways there are, and their replies.
fn mixture(number: usize) -> (Vec<u8>, Option<Reply>) {
    let text = number.to_string();
    let object = format!("object-{}", number % 97);
    match number % 7 {
        0 => (request(&["SET", &object, &text]), Some(ok())),
        // All to one object: only those are carried out in order, so only there the reply is known.
        1 => (request(&["APPEND", "log", "x"]), Some(Reply::Integer((number / 7 + 1) as i64))),
        2 => (request(&["PING", &text]), Some(bulk(&text))),
        3 => (request(&["ECHO", &text]), Some(bulk(&text))),
        4 => (request(&["EXISTS", "none", &text]), Some(Reply::Integer(0))),
        5 if number % 500 < 7 => (request(&["OSD.SCRUB"]), None),
        5 => (request(&["INCR", "counter"]), None),
        _ => (request(&["NONSENSE", &text]), Some(common::error("ERR unknown command 'NONSENSE'"))),
    }
}

fn check_mixture(client: &mut Client, count: usize) {
    let mut incremented = 0;
    for number in 0..count {
        let reply = client.receive().expect("as many replies as requests");
        match (mixture(number).1, reply) {
            (Some(due), reply) => assert_eq!(reply, due, "request {number}"),
            (None, Reply::Integer(value)) => {
                incremented += 1;
                assert_eq!(value, incremented, "request {number}");
            }
            (None, Reply::Array(scrub)) => assert_eq!(scrub[0], bulk("pgs"), "request {number}"),
            (None, other) => panic!("request {number}: {other:?}"),
        }
    }
}

#[test]
fn of_all_kinds_through_all_placement_groups() {
    const COUNT: usize = 7_000;
    let daemon = Daemon::start(&["--pgs", "32"]);
    let mut client = daemon.client();
    let mut sender = client.stream.try_clone().unwrap();
    let sending = thread::spawn(move || {
        let all: Vec<u8> = (0..COUNT).flat_map(|number| mixture(number).0).collect();
        // In pieces that end anywhere, within requests for the most part.
        for piece in all.chunks(1009) {
            std::io::Write::write_all(&mut sender, piece).unwrap();
        }
    });
    check_mixture(&mut client, COUNT);
    sending.join().unwrap();
    daemon.shut_down();
}

#[test]
fn when_the_client_has_said_all_and_closed_its_half() {
    const COUNT: usize = 2_000;
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.send(&(0..COUNT).flat_map(|number| mixture(number).0).collect::<Vec<u8>>());
    client.no_more_requests();
    check_mixture(&mut client, COUNT);
    assert_eq!(client.receive(), None);
    daemon.shut_down();
}

#[test]
fn quit_is_answered_last() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    let requests = [&["SET", "a", "1"][..], &["OSD.SCRUB"], &["QUIT"], &["SET", "a", "2"]];
    client.send(&requests.map(request).concat());
    assert_eq!(client.receive(), Some(ok()));
    assert!(matches!(client.receive(), Some(Reply::Array(_))));
    assert_eq!(client.receive(), Some(ok()));
    assert_eq!(client.receive(), None);
    assert_eq!(daemon.client().ask(&["GET", "a"]), bulk("1"));
    daemon.shut_down();
}

/// A client that asks for an object of `size` again and again and reads nothing holds up itself alone.
fn stops_nobody_else(size: usize) {
    let daemon = Daemon::start(&["--shards", "1", "--threads-per-shard", "1"]);
    let mut lazy = daemon.client();
    let last = (size - 1).to_string();
    assert_eq!(lazy.ask(&["SETRANGE", "big", &last, "x"]), Reply::Integer(size as i64));
    let mut sender = lazy.stream.try_clone().unwrap();
    let sending = thread::spawn(move || {
        let all: Vec<u8> = request(&["GET", "big"]).repeat(20_000);
        std::io::Write::write_all(&mut sender, &all)
    });
    let mut other = daemon.client();
    for number in 1..=2000 {
        assert_eq!(other.ask(&["INCR", "n"]), Reply::Integer(number));
    }
    for _ in 0..3 {
        assert!(matches!(lazy.receive(), Some(Reply::BulkString(content)) if content.len() == size));
    }
    lazy.stream.shutdown(std::net::Shutdown::Both).unwrap();
    // It may have sent all or not.
    _ = sending.join().unwrap();
    drop(lazy);
    daemon.shut_down();
}

#[test]
fn a_client_that_does_not_read_large_replies_stops_nobody_else() {
    stops_nobody_else(8 << 20);
}

/// These are sent by the pool's thread, until the socket is full.
#[test]
fn a_client_that_does_not_read_small_replies_stops_nobody_else() {
    stops_nobody_else(2 << 10);
}

/// A short request with a reply of half a gigabyte: the daemon sends it without ever holding it.
#[test]
fn a_long_reply_shares_the_objects_in_it() {
    const TIMES: usize = 64;
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    assert_eq!(client.ask(&["SETRANGE", "big", "8388607", "x"]), Reply::Integer(8 << 20));
    let mut words = vec!["MGET"];
    words.extend(["big"; TIMES]);
    client.send(&request(&words));
    let mut content = vec![0; 8 << 20];
    content[(8 << 20) - 1] = b'x';
    let mut expect = |due: &[u8]| {
        let mut got = vec![0; due.len()];
        std::io::Read::read_exact(&mut client.stream, &mut got).unwrap();
        assert!(got == due);
    };
    expect(format!("*{TIMES}\r\n").as_bytes());
    for _ in 0..TIMES {
        expect(b"$8388608\r\n");
        expect(&content);
        expect(b"\r\n");
    }
    #[cfg(target_os = "linux")]
    assert!(daemon.most_resident() < 128 << 10, "{} KiB", daemon.most_resident());
    assert_eq!(client.ask(&["PING"]), Reply::SimpleString(b"PONG".to_vec()));
    daemon.shut_down();
}
