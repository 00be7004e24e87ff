//! What commands mean, over the wire; and exactness under many clients.

mod common;

use std::thread;

use common::{Daemon, Reply, bulk, error, ok};

#[test]
fn every_command_answers_as_it_should() {
    let daemon = Daemon::start(&["--pgs", "7", "--shards", "2", "--threads-per-shard", "2"]);
    let mut client = daemon.client();
    let integer = Reply::Integer;
    let array = |replies: &[Reply]| Reply::Array(replies.to_vec());
    let cases: Vec<(&str, Reply)> = vec![
        ("GET a", Reply::Null),
        ("SET a hello", ok()),
        ("get a", bulk("hello")),
        ("APPEND a !", integer(6)),
        ("STRLEN a", integer(6)),
        ("GETRANGE a 1 -2", bulk("ello")),
        ("SETRANGE a 0 J", integer(6)),
        ("GET a", bulk("Jello!")),
        ("INCR n", integer(1)),
        ("INCRBY n 41", integer(42)),
        ("DECR n", integer(41)),
        ("DECRBY n 50", integer(-9)),
        ("MSET x 1 y 2 z 3", ok()),
        ("MGET x none z y", array(&[bulk("1"), Reply::Null, bulk("3"), bulk("2")])),
        ("EXISTS x y none x", integer(3)),
        ("DBSIZE", integer(5)),
        ("DEL x y none", integer(2)),
        ("EXISTS x", integer(0)),
        ("DEL z", integer(1)),
        ("INCR a", error("ERR value is not an integer or out of range")),
        ("INCRBY n 9223372036854775807", integer(9223372036854775798)),
        ("INCRBY n 100", error("ERR increment or decrement would overflow")),
        ("INCRBY n x", error("ERR value is not an integer or out of range")),
        ("SETRANGE a 67108864 x", error("ERR string exceeds maximum allowed size (67108864 bytes)")),
        ("SET a b EX 10", error("ERR syntax error")),
        ("GET", error("ERR wrong number of arguments for 'get' command")),
        ("FLY a", error("ERR unknown command 'FLY'")),
        ("PING", Reply::SimpleString(b"PONG".to_vec())),
        ("PING hi", bulk("hi")),
        ("CONFIG GET pgs", array(&[bulk("pgs"), bulk("7")])),
        ("CONFIG GET save", array(&[bulk("save"), bulk("")])),
        ("COMMAND DOCS", array(&[])),
        ("CLIENT SETNAME me", ok()),
        ("SELECT 0", ok()),
        ("HELLO 3", error("NOPROTO unsupported protocol version")),
        ("GET a", bulk("Jello!")),
    ];
    for (line, reply) in cases {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(client.ask(&words), reply, "{line}");
    }
    daemon.shut_down();
}

#[test]
fn the_map_and_a_scrub_tell_about_all_placement_groups() {
    let daemon = Daemon::start(&["--pgs", "13", "--shards", "3", "--threads-per-shard", "1"]);
    let mut client = daemon.client();
    let named = |fields: &[(&str, Reply)]| {
        Reply::Array(fields.iter().flat_map(|(name, value)| [bulk(name), value.clone()]).collect())
    };
    let [epoch, pgs, shards, threads] = [1, 13, 3, 1].map(Reply::Integer);
    let map = named(&[("epoch", epoch), ("pgs", pgs), ("shards", shards), ("threads_per_shard", threads)]);
    assert_eq!(client.ask(&["OSD.MAP"]), map);
    for number in 0..100 {
        client.ask(&["SET", &format!("object-{number}"), "0123456789"]);
    }
    let Reply::Array(fields) = client.ask(&["OSD.SCRUB"]) else { panic!("no array") };
    let [pgs, objects, bytes] = [13, 100, 1000].map(Reply::Integer);
    let counted = [bulk("pgs"), pgs, bulk("objects"), objects, bulk("bytes"), bytes, bulk("checksum")];
    assert_eq!(fields[..7], counted);
    client.ask(&["SET", "object-0", "9876543210"]);
    let Reply::Array(changed) = client.ask(&["OSD.SCRUB"]) else { panic!("no array") };
    assert_eq!(changed[..7], counted);
    assert_ne!(changed[7], fields[7], "the checksum sees a content that changed");
    daemon.shut_down();
}

/// The daemon's messages to itself go both ways, and INFO shows it.
#[test]
fn ticks_go_fast_and_queued() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    let figures = client.until(|figures| figures["local_fast"] > 0 && figures["local_passed_on"] > 0);
    assert!(figures["accepted"] > figures["local_passed_on"] && figures["fast"] == 0);
    daemon.shut_down();
}

#[test]
fn increments_of_fifty_clients_add_up() {
    const CLIENTS: i64 = 50;
    const EACH: i64 = 200;
    let daemon = Daemon::start(&[]);
    let url = format!("redis://{}", daemon.address);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut connection = redis::Client::open(&*url).unwrap().get_connection().unwrap();
                let mut last = 0;
                for _ in 0..EACH {
                    let value: i64 = redis::cmd("INCR").arg("total").query(&mut connection).unwrap();
                    assert!(value > last, "{value} after {last}");
                    last = value;
                }
            });
        }
    });
    assert_eq!(daemon.client().ask(&["GET", "total"]), bulk(&(CLIENTS * EACH).to_string()));
    daemon.shut_down();
}
