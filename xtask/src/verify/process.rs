//! One process at a time: what it said, how it ended.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::findings::Verdict;

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    pub verdict: Verdict,
    /// Both of its streams, one after the other.
    pub output: String,
    pub seconds: f64,
}

impl Ended {
    /// The JSON of each `keylane-report` line.
    pub fn reports(&self) -> Vec<serde_json::Value> {
        let lines = self.output.lines().filter_map(|line| line.trim().strip_prefix("keylane-report "));
        lines.filter_map(|json| serde_json::from_str(json).ok()).collect()
    }

    /// The number that the model's runner gave the interleaving that failed, as it is used to replay it.
    pub fn interleaving(&self) -> Option<String> {
        let after = self.output.split(" fails in interleaving ").nth(1)?;
        let number: String = after.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        Some(number.trim_end_matches('.').to_owned())
    }
}

/// Runs `command` to its end, or to `limit`.
pub fn run(mut command: Command, limit: Duration) -> Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
    let streams = [collect(child.stdout.take()), collect(child.stderr.take())];
    let ended = wait(&mut child, limit)?;
    let output: Vec<u8> = streams.into_iter().flat_map(|stream| stream.join().unwrap_or_default()).collect();
    Ok(Ended {
        verdict: match ended {
            Some(status) if status.success() => Verdict::Pass,
            Some(_) => Verdict::Fail,
            None => Verdict::DidNotEnd,
        },
        output: String::from_utf8_lossy(&output).into_owned(),
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn collect(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // A child that is killed may break the pipe; what it said until then is what counts.
            let _ = stream.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// std has no wait with a limit; looking now and then costs nothing beside an exploration.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<std::process::ExitStatus>> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
