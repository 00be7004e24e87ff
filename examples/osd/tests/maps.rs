//! Operations wait for the map that their client has seen.

mod common;

use common::{Client, Daemon, Reply, bulk, error, ok, request};

/// Waits until somebody waits for this epoch.
fn until_wanted(client: &mut Client, epoch: u64) {
    client.until(|figures| figures["map_wanted"] == epoch);
}

#[test]
fn an_operation_waits_for_its_map_and_what_follows_waits_behind_it() {
    let daemon = Daemon::start(&["--pgs", "7"]);
    let (mut client, mut operator) = (daemon.client(), daemon.client());
    assert_eq!(client.ask(&["OSD.OP", "1", "SET", "a", "1"]), ok(), "this map is there");
    let requests =
        [&["OSD.OP", "3", "APPEND", "a", "3"][..], &["APPEND", "a", "x"], &["OSD.OP", "2", "MGET", "a", "b"]];
    client.send(&requests.map(request).concat());
    until_wanted(&mut operator, 3);
    assert_eq!(operator.ask(&["GET", "a"]), bulk("1"), "others do not wait");
    assert_eq!(operator.ask(&["OSD.MAP", "PUBLISH", "2"]), ok());
    until_wanted(&mut operator, 3);
    assert_eq!(operator.ask(&["GET", "a"]), bulk("1"), "nothing passes the head");
    assert_eq!(operator.ask(&["OSD.MAP", "PUBLISH", "3"]), ok());
    assert_eq!(client.receive(), Some(Reply::Integer(2)));
    assert_eq!(client.receive(), Some(Reply::Integer(3)));
    assert_eq!(client.receive(), Some(Reply::Array(vec![bulk("13x"), Reply::Null])));
    until_wanted(&mut operator, 0);
    let stale = error("ERR epoch 3 is not later than 3, which has been published");
    assert_eq!(operator.ask(&["OSD.MAP", "PUBLISH", "3"]), stale);
    let Reply::Array(map) = operator.ask(&["OSD.MAP"]) else { panic!("no array") };
    assert_eq!(map[..2], [bulk("epoch"), Reply::Integer(3)]);
    daemon.shut_down();
}

#[test]
fn a_client_that_leaves_takes_back_what_waits() {
    let daemon = Daemon::start(&[]);
    let (mut client, mut operator) = (daemon.client(), daemon.client());
    client.send(&request(&["OSD.OP", "2", "SET", "a", "1"]));
    until_wanted(&mut operator, 2);
    client.no_more_requests();
    let reset = "RESET the connection ended before the map came; this request was not carried out";
    assert_eq!(client.receive(), Some(error(reset)));
    assert_eq!(client.receive(), None);
    assert_eq!(operator.ask(&["OSD.MAP", "PUBLISH", "2"]), ok());
    assert_eq!(operator.ask(&["GET", "a"]), Reply::Null);
    daemon.shut_down();
}

#[test]
fn a_daemon_that_stops_answers_what_waits() {
    let daemon = Daemon::start(&[]);
    let (mut client, mut operator) = (daemon.client(), daemon.client());
    client.send(&request(&["OSD.OP", "2", "SET", "a", "1"]));
    until_wanted(&mut operator, 2);
    daemon.shut_down();
    let late = "SHUTDOWN the daemon stopped before the map came; this request was not carried out";
    assert_eq!(client.receive(), Some(error(late)));
    assert_eq!(client.receive(), None);
}
