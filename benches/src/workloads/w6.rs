//! W6: a daemon on keylane beside redis-server, under redis-benchmark.
//!
//! `examples/osd` is a miniature object store; both have everything in memory and write nothing. Keys are spread over a space, and all of
//! them are there before it begins. Figures are the client's; processor time and switches are the server's. Client and server share the
//! machine, so on few cores the rate is of the two of them.

mod server;
mod usage;

use std::cell::LazyCell;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use self::server::{KEYS, Kind, Server};
use crate::meter::Sample;
use crate::question::{Contender, Figure, Question, Target};
use crate::workloads::Size;

/// Connections at once.
const CLIENTS: u64 = 50;

/// What is done to a key.
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Get,
    Set,
    Incr,
}

impl Operation {
    /// As redis-benchmark has it.
    fn test(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Incr => "incr",
        }
    }
}

/// A line of redis-benchmark's CSV, of which there are more columns. Milliseconds.
#[derive(Deserialize)]
struct Line {
    rps: f64,
    p50_latency_ms: f64,
    p95_latency_ms: f64,
    p99_latency_ms: f64,
}

/// Pipelined and not, each operation. Nothing, and a line on stderr that says why, where one of the programs is not installed.
pub fn questions(size: Size) -> Vec<Question> {
    let programs = [Kind::Osd.program(), Kind::Redis.program(), "redis-benchmark".into()];
    let missing = |program: &PathBuf| {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        !command.status().is_ok_and(|status| status.success())
    };
    if let Some(program) = programs.iter().find(|program| missing(program)) {
        eprintln!("W6 is left out: there is no {}", program.display());
        return Vec::new();
    }
    let mut questions = Vec::new();
    for operation in [Operation::Get, Operation::Set, Operation::Incr] {
        for (pipeline, requests, times) in [(16, 200_000, 1.0), (1, 20_000, 0.9)] {
            let load = Load { operation, pipeline, requests: size.scale(requests) };
            questions.push(load.question(Figure::Rate, times));
        }
        let load = Load { operation, pipeline: 16, requests: size.scale(200_000) };
        questions.push(load.question(Figure::Cpu, 1.0 / 1.3));
    }
    questions
}

/// What redis-benchmark is to do.
#[derive(Clone, Copy)]
struct Load {
    operation: Operation,
    /// How many requests go out at once on a connection.
    pipeline: u64,
    /// A multiple of the pipeline's length: of others a few more are sent.
    requests: u64,
}

impl Load {
    fn question(self, figure: Figure, times: f64) -> Question {
        let Self { operation, pipeline, .. } = self;
        let figure_of = if figure == Figure::Cpu { "/CPU" } else { "" };
        let name = format!("W6/{}/-c {CLIENTS} -P {pipeline}{figure_of}", operation.test().to_uppercase());
        let contenders = Kind::ALL.map(|kind| self.contender(kind)).into();
        Question { name, contenders, figure, targets: vec![Target { times, of: Vec::new() }] }
    }

    /// The server starts with its first turn, and ends with the question.
    fn contender(self, kind: Kind) -> Contender {
        let server = LazyCell::new(move || Server::start(kind).expect("the server starts"));
        let run = move || self.put_on(&server).unwrap_or_else(|error| panic!("{}: {error:?}", kind.name()));
        Contender { name: kind.name(), lacks: kind.lacks(), run: Box::new(run) }
    }

    fn put_on(self, server: &Server) -> Result<Sample> {
        let counters = server.counters()?;
        let before = server.usage()?;
        let line = self.benchmark(server)?;
        let used = server.usage()?.since(before);
        let increments = if self.operation == Operation::Incr { self.requests } else { 0 };
        ensure!(server.counters()? == counters + increments, "the counters miss something");
        let nanoseconds = |milliseconds: f64| (milliseconds * 1e6).round() as u64;
        Ok(Sample {
            operations: self.requests,
            elapsed: Duration::from_secs_f64(self.requests as f64 / line.rps),
            cpu: used.cpu,
            voluntary_switches: used.voluntary_switches,
            percentiles: vec![
                (50.0, nanoseconds(line.p50_latency_ms)),
                (95.0, nanoseconds(line.p95_latency_ms)),
                (99.0, nanoseconds(line.p99_latency_ms)),
            ],
        })
    }

    fn benchmark(self, server: &Server) -> Result<Line> {
        let mut command = Command::new("redis-benchmark");
        command.args(["--csv", "-t", self.operation.test(), "-h", "127.0.0.1"]).stdin(Stdio::null());
        let numbers = [
            ("-p", server.port().into()),
            ("-c", CLIENTS),
            ("-P", self.pipeline),
            ("-n", self.requests),
            ("-r", KEYS),
        ];
        command.args(numbers.iter().flat_map(|(flag, number)| [(*flag).to_owned(), number.to_string()]));
        let output = command.output().context("redis-benchmark")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let complaints = String::from_utf8_lossy(&output.stderr);
        // What the server answers with an error, it tells and goes on.
        let well = output.status.success() && complaints.is_empty() && !said.contains("rror");
        ensure!(well, "redis-benchmark: {}: {said}{complaints}", output.status);
        let mut lines = csv::Reader::from_reader(said.as_bytes()).into_deserialize();
        lines.next().context("redis-benchmark says nothing")?.context("redis-benchmark's CSV")
    }
}
