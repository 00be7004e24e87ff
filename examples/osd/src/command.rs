//! Requests to commands: names, arity, numbers.

use bytes::Bytes;
use smallvec::SmallVec;
use thiserror::Error;

use crate::limits;
use crate::object_op::{ObjectName, ObjectOp, ObjectRequest};

/// One client request, understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// One operation on one object. Boxed, as it is handed on many times before it is carried out.
    Object(Box<ObjectRequest>),
    /// Operations on several, and what their replies amount to.
    Objects(Vec<ObjectRequest>, Summary),
    /// One of these two, from a client that has seen the map of this epoch.
    AtEpoch(u64, Box<Command>),
    Admin(Admin),
    /// Answered by the reader, which then leaves.
    Quit,
}

/// How the replies of several operations become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// All of them, in order (MGET).
    List,
    /// Their sum (DEL, EXISTS).
    Sum,
    /// That they went well (MSET).
    Ok,
}

/// A command to the daemon rather than to an object: goes the slow path.
#[derive(Debug, PartialEq, Eq)]
pub enum Admin {
    Ping(Option<Bytes>),
    Echo(Bytes),
    Info,
    ConfigGet(Vec<Bytes>),
    /// COMMAND and its kin, which clients ask on connecting and can do without.
    Nothing,
    /// CLIENT SETNAME, SELECT 0 and the like.
    Accept,
    ClientId,
    Hello,
    DbSize,
    Scrub,
    /// The map, or where it places one object.
    Map(Option<ObjectName>),
    /// A new map, of this epoch.
    PublishMap(u64),
    Shutdown,
}

/// Why a request was not understood. The connection goes on.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CommandError {
    #[error("ERR unknown command '{0}'")]
    Unknown(String),
    #[error("ERR unknown subcommand '{0}'")]
    UnknownSub(String),
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    #[error("ERR decrement would overflow")]
    Decrement,
    #[error("ERR offset is out of range")]
    Offset,
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR object name is longer than {max} bytes", max = limits::OBJECT_NAME)]
    Name,
    #[error("ERR only operations on objects wait for a map")]
    NoOperation,
    #[error("ERR DB index is out of range")]
    Database,
    #[error("NOPROTO unsupported protocol version")]
    Protocol,
}

type Result<T> = std::result::Result<T, CommandError>;

/// Understands a request; `arguments` begins with the command's name.
pub fn parse(arguments: &[&[u8]]) -> Result<Command> {
    let [name, rest @ ..] = arguments else {
        return Err(CommandError::Unknown(String::new()));
    };
    let mut name = SmallVec::<[u8; 16]>::from_slice(name);
    name.make_ascii_uppercase();
    match (&*name, rest) {
        (b"GET", [key]) => one(key, ObjectOp::Get),
        (b"SET", [key, value]) => one(key, ObjectOp::Set(copy(value))),
        (b"SET", [_, _, ..]) => Err(CommandError::Syntax),
        (b"DEL" | b"UNLINK", [key]) => one(key, ObjectOp::Delete),
        (b"DEL" | b"UNLINK", [_, ..]) => each(rest, &ObjectOp::Delete, Summary::Sum),
        (b"EXISTS", [key]) => one(key, ObjectOp::Exists),
        (b"EXISTS", [_, ..]) => each(rest, &ObjectOp::Exists, Summary::Sum),
        (b"MGET", [_, ..]) => each(rest, &ObjectOp::Get, Summary::List),
        (b"MSET", [_, ..]) => mset(rest),
        (b"APPEND", [key, value]) => one(key, ObjectOp::Append(copy(value))),
        (b"STRLEN", [key]) => one(key, ObjectOp::StrLen),
        (b"GETRANGE" | b"SUBSTR", [key, start, end]) => {
            one(key, ObjectOp::GetRange(integer(start)?, integer(end)?))
        }
        (b"SETRANGE", [key, offset, value]) => {
            let offset = usize::try_from(integer(offset)?).map_err(|_| CommandError::Offset)?;
            one(key, ObjectOp::SetRange(offset, copy(value)))
        }
        (b"INCR", [key]) => one(key, ObjectOp::IncrBy(1)),
        (b"DECR", [key]) => one(key, ObjectOp::IncrBy(-1)),
        (b"INCRBY", [key, by]) => one(key, ObjectOp::IncrBy(integer(by)?)),
        (b"DECRBY", [key, by]) => {
            let by = integer(by)?.checked_neg().ok_or(CommandError::Decrement)?;
            one(key, ObjectOp::IncrBy(by))
        }
        (b"OSD.OP", [epoch, operation @ ..]) if !operation.is_empty() => {
            let epoch = self::epoch(epoch)?;
            match parse(operation)? {
                operation @ (Command::Object(..) | Command::Objects(..)) => {
                    Ok(Command::AtEpoch(epoch, Box::new(operation)))
                }
                _ => Err(CommandError::NoOperation),
            }
        }
        (b"QUIT", []) => Ok(Command::Quit),
        _ => admin(&name, rest).map(Command::Admin),
    }
}

fn admin(name: &[u8], rest: &[&[u8]]) -> Result<Admin> {
    match (name, rest) {
        (b"PING", []) => Ok(Admin::Ping(None)),
        (b"PING", [message]) => Ok(Admin::Ping(Some(copy(message)))),
        (b"ECHO", [message]) => Ok(Admin::Echo(copy(message))),
        (b"INFO", _) => Ok(Admin::Info),
        (b"CONFIG", [sub, names @ ..]) => match (&*sub.to_ascii_uppercase(), names) {
            (b"GET", [_, ..]) => Ok(Admin::ConfigGet(names.iter().map(|name| copy(name)).collect())),
            (b"GET", []) => Err(CommandError::Arity("config|get".to_owned())),
            _ => Err(CommandError::UnknownSub(quoted(sub))),
        },
        (b"COMMAND", _) => Ok(Admin::Nothing),
        (b"CLIENT", [sub, ..]) => match &*sub.to_ascii_uppercase() {
            b"SETNAME" | b"SETINFO" | b"NO-EVICT" | b"NO-TOUCH" => Ok(Admin::Accept),
            b"ID" => Ok(Admin::ClientId),
            _ => Err(CommandError::UnknownSub(quoted(sub))),
        },
        (b"HELLO", [] | [b"2", ..]) => Ok(Admin::Hello),
        (b"HELLO", _) => Err(CommandError::Protocol),
        (b"SELECT", [b"0"]) => Ok(Admin::Accept),
        (b"SELECT", [index]) => integer(index).and(Err(CommandError::Database)),
        (b"DBSIZE", []) => Ok(Admin::DbSize),
        (b"OSD.SCRUB", []) => Ok(Admin::Scrub),
        (b"OSD.MAP", []) => Ok(Admin::Map(None)),
        (b"OSD.MAP", [object]) => Ok(Admin::Map(Some(object_name(object)?))),
        (b"OSD.MAP", [sub, epoch]) if sub.eq_ignore_ascii_case(b"PUBLISH") => {
            Ok(Admin::PublishMap(self::epoch(epoch)?))
        }
        (b"SHUTDOWN", [] | [_]) => Ok(Admin::Shutdown),
        _ if KNOWN.contains(&name) => Err(CommandError::Arity(quoted(&name.to_ascii_lowercase()))),
        _ => Err(CommandError::Unknown(quoted(name))),
    }
}

/// Whatever gets past the patterns above with one of these names has the wrong number of arguments.
const KNOWN: &[&[u8]] = &[
    b"GET",
    b"SET",
    b"DEL",
    b"UNLINK",
    b"EXISTS",
    b"MGET",
    b"MSET",
    b"APPEND",
    b"STRLEN",
    b"GETRANGE",
    b"SUBSTR",
    b"SETRANGE",
    b"INCR",
    b"DECR",
    b"INCRBY",
    b"DECRBY",
    b"QUIT",
    b"PING",
    b"ECHO",
    b"CONFIG",
    b"CLIENT",
    b"SELECT",
    b"DBSIZE",
    b"OSD.SCRUB",
    b"OSD.MAP",
    b"OSD.OP",
    b"SHUTDOWN",
];

fn one(key: &[u8], op: ObjectOp) -> Result<Command> {
    Ok(Command::Object(Box::new(on(key, op)?)))
}

fn each(keys: &[&[u8]], op: &ObjectOp, summary: Summary) -> Result<Command> {
    let ops = keys.iter().map(|key| on(key, op.clone())).collect::<Result<_>>()?;
    Ok(Command::Objects(ops, summary))
}

fn mset(rest: &[&[u8]]) -> Result<Command> {
    let pairs = rest.chunks(2).map(|pair| match pair {
        [key, value] => on(key, ObjectOp::Set(copy(value))),
        _ => Err(CommandError::Arity("mset".to_owned())),
    });
    Ok(Command::Objects(pairs.collect::<Result<_>>()?, Summary::Ok))
}

fn on(key: &[u8], op: ObjectOp) -> Result<ObjectRequest> {
    Ok(ObjectRequest { object: object_name(key)?, op })
}

fn object_name(name: &[u8]) -> Result<ObjectName> {
    if name.len() <= limits::OBJECT_NAME { Ok(name.into()) } else { Err(CommandError::Name) }
}

/// Copied, not shared: a value of three bytes must not keep a whole input buffer alive.
fn copy(argument: &[u8]) -> Bytes {
    Bytes::copy_from_slice(argument)
}

fn epoch(text: &[u8]) -> Result<u64> {
    u64::try_from(integer(text)?).map_err(|_| CommandError::NotInteger)
}

fn integer(text: &[u8]) -> Result<i64> {
    parse_integer(text).ok_or(CommandError::NotInteger)
}

/// An integer in the one form it is printed in: no sign but minus, no leading zeros, no spaces.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    /// Sign and digits of the longest one.
    const LONGEST: usize = 20;
    match text {
        [_, rest @ ..] if rest.len() >= LONGEST => return None,
        b"0" => return Some(0),
        [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => {}
        _ => return None,
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// What the client wrote, fit to be quoted in an error.
fn quoted(text: &[u8]) -> String {
    text[..text.len().min(64)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Result<Command> {
        parse(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    fn refusal(line: &str) -> String {
        command(line).unwrap_err().to_string()
    }

    #[test]
    fn understood() {
        let on = |object: &str, op| ObjectRequest { object: object.into(), op };
        let op = |op| Ok(Command::Object(Box::new(on("k", op))));
        assert_eq!(command("get k"), op(ObjectOp::Get));
        assert_eq!(command("Set k v"), op(ObjectOp::Set("v".into())));
        assert_eq!(command("DECRBY k 5"), op(ObjectOp::IncrBy(-5)));
        assert_eq!(command("SETRANGE k 3 x"), op(ObjectOp::SetRange(3, "x".into())));
        assert_eq!(command("GETRANGE k 0 -1"), op(ObjectOp::GetRange(0, -1)));
        let get = op(ObjectOp::Get).unwrap();
        assert_eq!(command("osd.op 7 GET k"), Ok(Command::AtEpoch(7, Box::new(get))));
        assert_eq!(command("OSD.MAP publish 7"), Ok(Command::Admin(Admin::PublishMap(7))));
        assert_eq!(command("PING"), Ok(Command::Admin(Admin::Ping(None))));
        let two = ["a", "b"].map(|key| on(key, ObjectOp::Delete)).to_vec();
        assert_eq!(command("DEL a b"), Ok(Command::Objects(two, Summary::Sum)));
    }

    #[test]
    fn refused() {
        assert_eq!(refusal("LPUSH k v"), "ERR unknown command 'LPUSH'");
        assert_eq!(refusal("x\r\ny"), r"ERR unknown command 'X\r\nY'");
        for line in ["GET", "GET a b", "SET k", "MGET", "MSET a", "MSET a b c", "INCRBY k", "DBSIZE x"] {
            let name = line.split(' ').next().unwrap().to_lowercase();
            assert_eq!(refusal(line), format!("ERR wrong number of arguments for '{name}' command"));
        }
        assert_eq!(refusal("SET k v EX 10"), "ERR syntax error");
        for by in ["x", "", "+1", "01", " 1", "1.0", "9223372036854775808"] {
            let request: [&[u8]; 3] = [b"INCRBY", b"k", by.as_bytes()];
            assert_eq!(parse(&request), Err(CommandError::NotInteger), "{by:?}");
        }
        assert_eq!(refusal("DECRBY k -9223372036854775808"), "ERR decrement would overflow");
        assert_eq!(refusal("SETRANGE k -1 x"), "ERR offset is out of range");
        assert_eq!(refusal("OSD.OP 7 PING"), "ERR only operations on objects wait for a map");
        assert_eq!(refusal("OSD.OP 7 OSD.OP 8 GET k"), "ERR only operations on objects wait for a map");
        for line in ["OSD.OP -1 GET k", "OSD.OP x GET k", "OSD.MAP PUBLISH x"] {
            assert_eq!(command(line), Err(CommandError::NotInteger), "{line}");
        }
        assert_eq!(refusal("OSD.OP 7"), "ERR wrong number of arguments for 'osd.op' command");
        assert_eq!(refusal("HELLO 3"), "NOPROTO unsupported protocol version");
        assert_eq!(refusal("CONFIG SET a b"), "ERR unknown subcommand 'SET'");
        assert_eq!(parse(&[b"GET", &[b'k'; 4097]]), Err(CommandError::Name));
    }
}
