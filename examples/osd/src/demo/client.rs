//! The client library, as the demo uses it.

use std::net::SocketAddr;
use std::time::Duration;

use redis::{Cmd, Connection, ErrorKind, RedisError, RedisResult, Value};

/// A daemon that does not answer for so long has failed; nothing else depends on it.
const TIMEOUT: Duration = Duration::from_secs(30);

pub fn connect(address: SocketAddr) -> RedisResult<Connection> {
    let client = redis::Client::open(format!("redis://{address}"))?;
    let connection = client.get_connection_with_timeout(TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    Ok(connection)
}

/// A command from its words.
pub fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    words.iter().for_each(|word| _ = command.arg(word));
    command
}

/// The number that follows `name` in a flat reply of names and values.
pub fn field(reply: &Value, name: &str) -> RedisResult<u64> {
    let missing = || RedisError::from((ErrorKind::UnexpectedReturnType, "field missing", name.to_owned()));
    let Value::Array(fields) = reply else {
        return Err(missing());
    };
    let wanted = Value::BulkString(name.into());
    let value = fields.chunks_exact(2).find(|pair| pair[0] == wanted).map(|pair| &pair[1]);
    match value {
        Some(Value::Int(number)) => u64::try_from(*number).map_err(|_| missing()),
        _ => Err(missing()),
    }
}
