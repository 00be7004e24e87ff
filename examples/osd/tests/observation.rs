//! What the daemon tells of its queue: who came and went, and what became of their messages.

mod common;

use std::thread;

use common::{Client, Daemon, Figures, Reply, bulk, error, ok, request};

/// Everything the queue accepted is somewhere, at any moment.
fn add_up(figures: &Figures) {
    let sum = |names: &[&str]| names.iter().map(|name| figures[*name]).sum::<u64>();
    assert_eq!(figures["accepted"], sum(&["depth", "dispatched", "discarded", "handed_back"]), "{figures:?}");
    let sent = ["local_depth", "local_fast", "local_passed_on", "local_lost", "local_handed_back"];
    assert_eq!(figures["local_sent"], sum(&sent), "{figures:?}");
    assert!(figures["raised"] >= sum(&["told", "untold"]), "{figures:?}");
    // The command that asks is one of those under way.
    for name in ["depth", "permits", "permit_bytes", "running"] {
        assert!(figures[name] >= 1, "{name}: {figures:?}");
    }
    assert!(figures["permit_bytes"] <= 100 << 20, "{figures:?}");
}

/// Nothing is under way but the command that asks, and nobody is there but who asks.
fn is_quiet(figures: &Figures) -> bool {
    // The queue's own figures may be some callbacks behind what callbacks themselves have counted, while it is busy.
    figures["told"] == figures["accepts"] + figures["resets"]
        && figures["accepts"] == figures["resets"] + 1
        && ["connections", "depth", "permits"].iter().all(|name| figures[*name] == 1)
}

#[test]
fn who_connects_is_accepted_and_who_leaves_is_reset() {
    let daemon = Daemon::start(&[]);
    let mut operator = daemon.client();
    let figures = operator.figures();
    assert_eq!((figures["accepts"], figures["resets"], figures["connections"]), (1, 0, 1));
    let mut client = daemon.client();
    assert_eq!(client.ask(&["SET", "a", "1"]), ok());
    // The event was raised before the client was answered, and goes before every message.
    let figures = operator.figures();
    assert_eq!((figures["accepts"], figures["resets"], figures["connections"]), (2, 0, 2));
    drop(client);
    let figures = operator.until(is_quiet);
    assert_eq!((figures["accepts"], figures["resets"], figures["told"]), (2, 1, 3));
    let mut client = daemon.client();
    assert_eq!(client.ask(&["QUIT"]), ok());
    assert_eq!(client.receive(), None);
    let figures = operator.until(is_quiet);
    assert_eq!((figures["accepts"], figures["resets"], figures["told"]), (3, 2, 5));
    assert_eq!(figures["discarded"], 0);
    add_up(&figures);
    daemon.shut_down();
}

#[test]
fn figures_add_up_while_clients_come_and_go() {
    const CLIENTS: u64 = 4;
    const ROUNDS: u64 = 10;
    let daemon = Daemon::start(&[]);
    let (mut operator, address) = (daemon.client(), daemon.address);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        let mut client = Client::connect(address);
                        client.send(&[request(&["SET", "a", "1"]), request(&["PING"])].concat().repeat(50));
                        client.no_more_requests();
                        while client.receive().is_some() {}
                    }
                })
            })
            .collect();
        while !clients.iter().all(|client| client.is_finished()) {
            add_up(&operator.figures());
        }
    });
    // What the local thread passed on may be dispatched before that thread says so.
    let figures = operator.until(|figures| {
        let carried_out = figures["fast"] + figures["dispatched"] - figures["local_passed_on"];
        is_quiet(figures) && figures["answered"] == carried_out
    });
    add_up(&figures);
    assert_eq!(figures["fast"], CLIENTS * ROUNDS * 50);
    let discarded = (figures["discarded"], figures["unanswered"]);
    assert_eq!(discarded, (0, 0), "those who close their half still get all their answers");
    daemon.shut_down();
}

/// Its operations are taken back from the gate, and its commands are discarded, so far as they had not begun.
#[test]
fn a_client_that_dies_leaves_nothing_behind() {
    const SCRUBS: usize = 100;
    let daemon = Daemon::start(&["--pgs", "8192", "--shards", "1", "--threads-per-shard", "1"]);
    let mut operator = daemon.client();
    let waiting = |epoch: &str| request(&["OSD.OP", epoch, "SET", "a", "1"]);
    let mut discarded = 0;
    // The dispatch thread may be through with the commands before the client is seen to be dead: then again.
    while discarded == 0 {
        let mut client = daemon.client();
        client.send(&request(&["SET", "b", "2"]));
        client.stream.peek(&mut [0]).unwrap();
        client.send(&[waiting("7"), request(&["OSD.SCRUB"]).repeat(SCRUBS)].concat());
        operator.until(|figures| figures["map_wanted"] == 7);
        // With a reply unread that is a reset on the wire: the daemon's next read fails.
        drop(client);
        let figures = operator.until(|figures| figures["map_wanted"] == 0 && is_quiet(figures));
        add_up(&figures);
        discarded = figures["discarded"];
        assert_eq!(figures["unanswered"], discarded, "nothing else went without a reply");
    }
    assert_eq!(operator.ask(&["OSD.MAP", "PUBLISH", "7"]), ok());
    assert_eq!(operator.ask(&["MGET", "a", "b"]), Reply::Array(vec![Reply::Null, bulk("2")]));
    // Fails if the daemon's accounts, which know of the discarded ones, do not agree.
    daemon.shut_down();
}

/// What waits for a map holds no permit, and is no slow callback: that would be printed, and `shut_down` would find it.
#[test]
fn what_waits_on_purpose_is_not_reported() {
    const LONGER_THAN_THE_GRACE: u64 = 3;
    let daemon = Daemon::start(&[]);
    let (mut client, mut operator) = (daemon.client(), daemon.client());
    client.send(&[request(&["OSD.OP", "2", "GET", "a"]), request(&["PING"])].concat());
    // One permit and one message are the operator's own.
    let waits =
        |figures: &Figures| figures["map_wanted"] == 2 && figures["depth"] == 1 && figures["permits"] == 1;
    let figures = operator.until(waits);
    let later = figures["uptime_in_seconds"] + LONGER_THAN_THE_GRACE;
    let figures = operator.until(|figures| figures["uptime_in_seconds"] >= later);
    assert!(waits(&figures), "{figures:?}");
    daemon.shut_down();
    let late = "SHUTDOWN the daemon stopped before the map came; this request was not carried out";
    assert_eq!(client.receive(), Some(error(late)));
}

/// More at once than the queue has room for: readers take turns, and everybody is answered.
#[test]
fn more_than_there_is_room_for_passes_in_turn() {
    const CLIENTS: usize = 4;
    let daemon = Daemon::start(&[]);
    let text = "x".repeat(40 << 20);
    let (mut operator, address) = (daemon.client(), daemon.address);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(address);
                    assert!(client.ask(&["ECHO", &text]) == bulk(&text));
                })
            })
            .collect();
        while !clients.iter().all(|client| client.is_finished()) {
            add_up(&operator.figures());
        }
    });
    let figures = operator.until(is_quiet);
    assert_eq!(figures["permits_awaited"], 0);
    daemon.shut_down();
}
