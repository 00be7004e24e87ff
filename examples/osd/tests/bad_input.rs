//! Bad input costs its sender the connection at most; everybody else goes on.

mod common;

use common::{Daemon, Reply, bulk, error, ok, request};

/// Sends good requests, then `bytes`; expects the error and the end, and that the good ones were answered.
fn ends_connection(daemon: &Daemon, bytes: &[u8], message: &str) {
    let mut bystander = daemon.client();
    assert_eq!(bystander.ask(&["SET", "kept", "yes"]), ok());
    let mut client = daemon.client();
    client.send(&[&request(&["GET", "kept"])[..], &request(&["PING"]), bytes].concat());
    assert_eq!(client.receive(), Some(bulk("yes")));
    assert_eq!(client.receive(), Some(Reply::SimpleString(b"PONG".to_vec())));
    assert_eq!(client.receive(), Some(error(&format!("ERR Protocol error: {message}"))));
    assert_eq!(client.receive(), None, "{message}");
    assert_eq!(bystander.ask(&["GET", "kept"]), bulk("yes"));
}

#[test]
fn malformed_frames_end_their_connection_only() {
    let daemon = Daemon::start(&[]);
    ends_connection(&daemon, b"hello\r\n", "expected '*', got 'h'");
    ends_connection(&daemon, b"\r\n", r"expected '*', got '\r'");
    ends_connection(&daemon, b"*1\r\n:5\r\n", "expected '$', got ':'");
    ends_connection(&daemon, b"*1\r\n$x\r\n", "invalid bulk length");
    ends_connection(&daemon, b"*1\r\n$4\r\nPINGxx", "unterminated bulk string");
    ends_connection(&daemon, &b"*1\r\n".repeat(100_000), "expected '$', got '*'");
    // More behind it than the daemon reads before it gives up: the error must arrive all the same.
    ends_connection(&daemon, &[&b"*1\r\n$x\r\n"[..], &vec![b'x'; 4 << 20]].concat(), "invalid bulk length");
    daemon.shut_down();
}

#[test]
fn more_than_the_limits_is_refused_when_announced() {
    let daemon = Daemon::start(&[]);
    ends_connection(&daemon, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108865\r\n", "invalid bulk length");
    ends_connection(&daemon, b"*2\r\n$99999999999999999999\r\n", "invalid bulk length");
    ends_connection(&daemon, b"*65537\r\n", "invalid multibulk length");
    ends_connection(&daemon, b"*2147483647\r\n$4\r\nMGET\r\n", "invalid multibulk length");
    daemon.shut_down();
}

#[test]
fn the_largest_object_passes() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    let content = "x".repeat(64 << 20);
    assert_eq!(client.ask(&["SET", "large", &content]), ok());
    assert_eq!(client.ask(&["APPEND", "large", "x"]), error(TOO_BIG));
    assert_eq!(client.ask(&["SETRANGE", "large", "67108864", "x"]), error(TOO_BIG));
    assert_eq!(client.ask(&["SETRANGE", "large", "67108863", "y"]), Reply::Integer(64 << 20));
    assert_eq!(client.ask(&["GETRANGE", "large", "-2", "-1"]), bulk("xy"));
    daemon.shut_down();
}

const TOO_BIG: &str = "ERR string exceeds maximum allowed size (67108864 bytes)";

/// Fifty clients announce 64 MiB each and send nothing: memory is taken for what arrives.
#[cfg(target_os = "linux")]
#[test]
fn announced_bytes_take_no_memory() {
    let daemon = Daemon::start(&[]);
    let before = daemon.most_resident();
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let mut client = daemon.client();
            assert_eq!(client.ask(&["SET", "k", "v"]), ok());
            client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108864\r\nxxx");
            client
        })
        .collect();
    assert_eq!(daemon.client().ask(&["GET", "k"]), bulk("v"));
    let grown = daemon.most_resident() - before;
    assert!(grown < 64 << 10, "{grown} KiB more");
    drop(clients);
    daemon.shut_down();
}

#[test]
fn errors_leave_the_connection_open() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    let cases = [
        (&["NOPE", "x"][..], "ERR unknown command 'NOPE'"),
        (&["SET", "a"], "ERR wrong number of arguments for 'set' command"),
        (&["INCRBY", "a", "1e3"], "ERR value is not an integer or out of range"),
        (&["SETRANGE", "a", "-1", "x"], "ERR offset is out of range"),
        (&["SETRANGE", "a", "9223372036854775807", "x"], TOO_BIG),
        (&["SELECT", "1"], "ERR DB index is out of range"),
        (&["no\r\nsuch"], r"ERR unknown command 'NO\r\nSUCH'"),
    ];
    for (words, message) in cases {
        assert_eq!(client.ask(words), error(message));
    }
    client.send(b"*0\r\n*-1\r\n");
    assert_eq!(client.ask(&["SET", "a", "1"]), ok());
    daemon.shut_down();
}

#[test]
fn clients_that_die_are_not_missed() {
    let daemon = Daemon::start(&[]);
    for number in 0..20 {
        let mut client = daemon.client();
        let whole = request(&["SET", "half", "no"]);
        client.send(&[&request(&["INCR", "whole"])[..], &whole[..whole.len() - 3]].concat());
        if number % 2 == 0 {
            assert_eq!(client.receive(), Some(Reply::Integer(number + 1)));
        } else {
            // Hangs up properly: what was complete before that is still carried out.
            client.no_more_requests();
            assert_eq!(client.receive(), Some(Reply::Integer(number + 1)));
            assert_eq!(client.receive(), None);
        }
    }
    let mut client = daemon.client();
    assert_eq!(client.ask(&["GET", "whole"]), bulk("20"));
    assert_eq!(client.ask(&["GET", "half"]), Reply::Null);
    daemon.shut_down();
}
