//! Load from many connections: pipelined ones, one that sends single requests, one that administrates.

use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, ConnectionLike, Pipeline, RedisResult, Value};

use crate::demo::Plan;
use crate::demo::client::{command, connect, field};
use crate::demo::tally::{COUNTERS, ENTRY, OBJECTS, Tally, entry};

/// Requests of one pipeline.
pub const PIPELINE: usize = 16;

/// Between two looks at the progress, and between two rounds of the administrator.
const PACE: Duration = Duration::from_millis(100);

/// What came of the load.
pub struct Load {
    pub elapsed: Duration,
    pub pipelined: Vec<Tally>,
    pub single: Tally,
    pub scrubs: u64,
    /// Objects and bytes that the last scrub found, when everything else was quiet.
    pub scrubbed: (u64, u64),
}

/// One request and the reply that is due to it, if only one is right.
struct Step {
    words: Vec<String>,
    due: Option<Value>,
}

pub fn run(address: SocketAddr, plan: Plan, show: impl Fn(Duration)) -> RedisResult<Load> {
    let start = Instant::now();
    let deadline = start + plan.duration;
    let (done, finished) = mpsc::channel::<()>();
    let (quit, hurry) = mpsc::channel::<()>();
    let (pipelined, single, scrubs) = thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.connections)
            .map(|number| {
                let done = done.clone();
                scope.spawn(move || {
                    let _done = done;
                    pipelines(address, number, plan.pipelines, deadline)
                })
            })
            .collect();
        drop(done);
        let single = scope.spawn(move || singles(address, deadline));
        let admin = scope.spawn(move || administrate(address, &hurry));
        while finished.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
            show(start.elapsed());
        }
        let pipelined = clients.into_iter().map(|client| joined(client.join())).collect::<RedisResult<_>>();
        let single = joined(single.join());
        drop(quit);
        Ok::<_, redis::RedisError>((pipelined?, single?, joined(admin.join())?))
    })?;
    let elapsed = start.elapsed();
    let scrub = connect(address)?.req_command(&command(&["OSD.SCRUB"]))?;
    let scrubbed = (field(&scrub, "objects")?, field(&scrub, "bytes")?);
    Ok(Load { elapsed, pipelined, single, scrubs, scrubbed })
}

fn joined<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Pipelines of all kinds of requests, whose replies are compared one by one.
fn pipelines(address: SocketAddr, number: usize, most: u64, deadline: Instant) -> RedisResult<Tally> {
    let mut connection = connect(address)?;
    let mut tally = Tally::new();
    for round in 0..most {
        if Instant::now() >= deadline {
            break;
        }
        let steps = steps(number, round, &mut tally);
        debug_assert_eq!(steps.len(), PIPELINE);
        let mut pipeline = Pipeline::with_capacity(steps.len());
        for step in &steps {
            let words: Vec<&str> = step.words.iter().map(String::as_str).collect();
            pipeline.add_command(command(&words));
        }
        let replies = round_trip(&mut connection, &pipeline, &mut tally)?;
        if replies.len() != steps.len() {
            tally.mismatch(format!("{} replies to {} requests", replies.len(), steps.len()));
        }
        for (step, reply) in steps.iter().zip(&replies) {
            match &step.due {
                Some(due) => tally.check(&step.words.join(" "), due, reply),
                None => increments(&step.words, reply, &mut tally),
            }
        }
    }
    Ok(tally)
}

/// The next requests of connection `number`. Each of the first three goes to an object of its own, so that they
/// meet in different placement groups; the replies are due in this order all the same.
fn steps(number: usize, round: u64, tally: &mut Tally) -> Vec<Step> {
    let due = |words: &[&str], due| Step { words: words.iter().map(|&word| word.to_owned()).collect(), due };
    let bulk = |text: &str| Value::BulkString(text.into());
    let log = format!("log:{number}");
    let mut steps = Vec::with_capacity(PIPELINE);
    for turn in 0..3 {
        let count = 3 * round + turn;
        let slot = count as usize % OBJECTS;
        let (object, value) = (format!("object:{number}:{slot}"), format!("value {count} of {number}"));
        tally.sizes[slot] = value.len();
        tally.appended += 1;
        let length = tally.appended as i64 * ENTRY as i64;
        let counter = format!("counter:{}", count as usize % COUNTERS);
        steps.push(due(&["SET", &object, &value], Some(Value::Okay)));
        steps.push(due(&["APPEND", &log, &entry(count)], Some(Value::Int(length))));
        steps.push(due(&["GET", &object], Some(bulk(&value))));
        steps.push(due(&["INCR", &counter], None));
        let both = Value::Array(vec![bulk(&value), Value::Nil]);
        steps.push(due(&["MGET", &object, "object:none"], Some(both)));
    }
    // Queued, where all others go fast: it may run before them or after, its reply comes last.
    let echo = format!("round {round}");
    steps.push(due(&["PING", &echo], Some(bulk(&echo))));
    steps
}

/// Others increment too: which number is due is not known, only that there is one.
fn increments(words: &[String], reply: &Value, tally: &mut Tally) {
    let counter = words[1].rsplit(':').next().and_then(|number| number.parse::<usize>().ok());
    match (reply, counter) {
        (Value::Int(1..), Some(counter)) => {
            tally.checked += 1;
            tally.increments[counter] += 1;
        }
        _ => tally.mismatch(format!("{}: {reply:?}", words.join(" "))),
    }
}

fn round_trip(
    connection: &mut Connection,
    pipeline: &Pipeline,
    tally: &mut Tally,
) -> RedisResult<Vec<Value>> {
    let packed = pipeline.get_packed_pipeline();
    let start = Instant::now();
    let replies = connection.req_packed_commands(&packed, 0, pipeline.len())?;
    tally.latency.saturating_record(start.elapsed().as_micros() as u64);
    Ok(replies)
}

/// One request at a time: what a client feels that does not pipeline.
fn singles(address: SocketAddr, deadline: Instant) -> RedisResult<Tally> {
    let mut connection = connect(address)?;
    let mut tally = Tally::new();
    while Instant::now() < deadline {
        let value = format!("{}", tally.checked);
        let requests = [
            (command(&["SET", "single", &value]), Value::Okay),
            (command(&["GET", "single"]), Value::BulkString(value.clone().into())),
        ];
        for (request, due) in requests {
            let start = Instant::now();
            let reply = connection.req_command(&request)?;
            tally.latency.saturating_record(start.elapsed().as_micros() as u64);
            tally.check("single", &due, &reply);
        }
        tally.sizes[0] = value.len();
    }
    Ok(tally)
}

/// Scrubs all placement groups and asks questions, until told to quit; how many scrubs that were.
fn administrate(address: SocketAddr, quit: &mpsc::Receiver<()>) -> RedisResult<u64> {
    let mut connection = connect(address)?;
    let mut scrubs = 0;
    while quit.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
        for request in ["OSD.SCRUB", "OSD.MAP", "INFO"] {
            connection.req_command(&command(&[request]))?;
        }
        scrubs += 1;
    }
    Ok(scrubs)
}
