//! The end: SHUTDOWN, while clients are in the middle of pipelines.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use redis::{Connection, ConnectionLike, RedisResult, Value};

use crate::demo::client::{command, connect};
use crate::demo::tally::{ENTRY, entry};

/// Requests that are sent together; two such windows are under way at any time.
const WINDOW: u64 = 64;

/// Replies after which a client counts as being in the middle.
const UNDER_WAY: u64 = 10 * WINDOW;

/// Far more than is ever sent before the end comes.
const MOST: u64 = 10_000_000;

/// What one client saw of the end.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tail {
    pub sent: u64,
    /// Appends that were acknowledged, each with the length that was due.
    pub acknowledged: u64,
    /// Requests that came too late and were told so.
    pub refused: u64,
    /// Replies that were neither.
    pub wrong: Vec<String>,
}

/// The object that a client of this number appends to.
pub fn object(number: usize) -> String {
    format!("tail:{number}")
}

/// Runs clients into a shutdown; what each of them saw.
pub fn run(address: SocketAddr, clients: usize) -> RedisResult<Vec<Tail>> {
    let (under_way, wait) = mpsc::channel();
    let mut control = connect(address)?;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|number| {
                let under_way = under_way.clone();
                scope.spawn(move || append_to_the_end(address, number, &under_way))
            })
            .collect();
        drop(under_way);
        // Ends early if a client fails, which then says why.
        for () in wait.iter().take(clients.len()) {}
        control.req_command(&command(&["SHUTDOWN"]))?;
        clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect()
    })
}

fn append_to_the_end(address: SocketAddr, number: usize, under_way: &mpsc::Sender<()>) -> RedisResult<Tail> {
    let mut connection = connect(address)?;
    let mut tail = Tail::default();
    let object = object(number);
    send_window(&mut connection, &object, &mut tail)?;
    let mut told = false;
    while tail.sent < MOST {
        // A window ahead of the replies. Once the daemon reads no more this may fail: replies still come.
        let sent = send_window(&mut connection, &object, &mut tail);
        if !receive_window(&mut connection, &mut tail) {
            return Ok(tail);
        }
        if sent.is_err() {
            while receive_window(&mut connection, &mut tail) {}
            return Ok(tail);
        }
        if !told && tail.acknowledged >= UNDER_WAY {
            told = true;
            _ = under_way.send(());
        }
    }
    Ok(tail)
}

fn send_window(connection: &mut Connection, object: &str, tail: &mut Tail) -> RedisResult<()> {
    let mut packed = Vec::new();
    for number in tail.sent..tail.sent + WINDOW {
        packed.extend(command(&["APPEND", object, &entry(number)]).get_packed_command());
    }
    tail.sent += WINDOW;
    connection.send_packed_command(&packed)
}

/// False when the connection has ended.
fn receive_window(connection: &mut Connection, tail: &mut Tail) -> bool {
    for _ in 0..WINDOW {
        let reply = match connection.recv_response() {
            Ok(Value::ServerError(error)) => Err((error.code().to_owned(), error.to_string())),
            Ok(reply) => Ok(reply),
            Err(error) => match error.code() {
                Some(code) => Err((code.to_owned(), error.to_string())),
                None => return false,
            },
        };
        let due = Value::Int(((tail.acknowledged + 1) * ENTRY as u64) as i64);
        match reply {
            // An acknowledgement after a refusal would be of a request out of its order.
            Ok(reply) if reply == due && tail.refused == 0 => tail.acknowledged += 1,
            Err((code, _)) if code == "SHUTDOWN" => tail.refused += 1,
            other => tail.wrong.push(format!("{other:?}")),
        }
    }
    true
}
