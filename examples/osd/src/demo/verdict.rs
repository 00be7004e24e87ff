//! What must hold after all that, each judged from what clients saw against what the store holds.

use bytes::Bytes;
use indicatif::HumanCount;
use keylane::QueueSnapshot;

use crate::balance;
use crate::counters::Counters;
use crate::demo::finale::{self, Tail};
use crate::demo::load::Load;
use crate::demo::tally::{COUNTERS, ENTRY, Tally, entry};
use crate::server::Remains;

/// A claim, and either what supports it or what contradicts it.
#[derive(Debug)]
pub struct Verdict {
    pub claim: &'static str,
    pub result: Result<String, String>,
}

/// A log as a client knows it, and as the store holds it.
pub struct Log {
    pub name: String,
    pub acknowledged: u64,
    pub stored: Option<Bytes>,
}

pub fn all(load: &Load, tails: &[Tail], remains: &Remains) -> Vec<Verdict> {
    let verdict = |claim, result| Verdict { claim, result };
    let stored = |name: &str| remains.object(name);
    let increments: [u64; COUNTERS] =
        std::array::from_fn(|counter| load.pipelined.iter().map(|tally| tally.increments[counter]).sum());
    let counters = std::array::from_fn(|counter| stored(&format!("counter:{counter}")));
    let log = |(name, acknowledged): (String, u64)| Log { stored: stored(&name), name, acknowledged };
    let logs =
        load.pipelined.iter().enumerate().map(|(number, tally)| (format!("log:{number}"), tally.appended));
    let logs: Vec<Log> = logs.map(log).collect();
    let ends = tails.iter().enumerate().map(|(number, tail)| (finale::object(number), tail.acknowledged));
    let ends: Vec<Log> = ends.map(log).collect();
    let tallies = || load.pipelined.iter().chain([&load.single]);
    vec![
        verdict("INCR totals are exact", totals(&increments, &counters)),
        verdict("replies match their requests", replies(tallies())),
        verdict("each connection's order is kept", order(&logs)),
        verdict("a scrub finds what was written", scrubbed(expected(load), load.scrubbed)),
        verdict("shutdown loses nothing", shutdown(tails, &ends)),
        verdict("one item of a pg runs at a time", exclusive(&remains.counters)),
        verdict("the queue's figures add up", figures(&remains.queue)),
        verdict("every request was answered", faults(&remains.faults(), remains.counters.answered.get())),
    ]
}

/// Each counter holds as much as all connections were told they had added.
pub fn totals(acknowledged: &[u64; COUNTERS], stored: &[Option<Bytes>; COUNTERS]) -> Result<String, String> {
    for (number, (acknowledged, stored)) in acknowledged.iter().zip(stored).enumerate() {
        let found = stored.as_deref().map_or(&b"0"[..], |content| content);
        if found != acknowledged.to_string().as_bytes() {
            let found = found.escape_ascii();
            return Err(format!("counter {number} is {found} after {acknowledged} increments"));
        }
    }
    let total: u64 = acknowledged.iter().sum();
    if total == 0 {
        return Err("nothing was incremented".to_owned());
    }
    Ok(format!("{} on {COUNTERS} counters", HumanCount(total)))
}

/// No reply was another than the one due to its request.
pub fn replies<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Result<String, String> {
    let (mut checked, mut mismatches, mut examples) = (0, 0, Vec::new());
    for tally in tallies {
        checked += tally.checked;
        mismatches += tally.mismatches;
        examples.extend_from_slice(&tally.examples);
    }
    match (mismatches, checked) {
        (0, 0) => Err("nothing was compared".to_owned()),
        (0, checked) => Ok(format!("{} compared", HumanCount(checked))),
        _ => Err(format!("{mismatches} do not, such as {}", examples.join("; "))),
    }
}

/// Each log holds 0, 1, 2, ... and ends where its connection's acknowledgements do.
pub fn order(logs: &[Log]) -> Result<String, String> {
    let mut entries = 0;
    for Log { name, acknowledged, stored } in logs {
        let stored = stored.as_deref().unwrap_or_default();
        for (number, found) in (0..).zip(stored.chunks(ENTRY)) {
            if found != entry(number).as_bytes() {
                return Err(format!("{name} has {:?} in place {number}", String::from_utf8_lossy(found)));
            }
        }
        let held = (stored.len() / ENTRY) as u64;
        if held != *acknowledged {
            return Err(format!("{name} holds {held} entries, {acknowledged} were acknowledged"));
        }
        entries += held;
    }
    if entries == 0 {
        return Err("nothing was appended".to_owned());
    }
    Ok(format!("{} entries in {} logs", HumanCount(entries), logs.len()))
}

/// Objects and bytes that a load must have left.
fn expected(load: &Load) -> (u64, u64) {
    let mut sizes = Vec::new();
    for tally in &load.pipelined {
        sizes.extend(tally.sizes.iter().copied());
        sizes.push(tally.appended as usize * ENTRY);
    }
    sizes.push(load.single.sizes[0]);
    for counter in 0..COUNTERS {
        let total: u64 = load.pipelined.iter().map(|tally| tally.increments[counter]).sum();
        sizes.push(if total == 0 { 0 } else { total.to_string().len() });
    }
    let written = sizes.iter().filter(|size| **size > 0);
    (written.clone().count() as u64, written.sum::<usize>() as u64)
}

/// A scrub, which visits every placement group through the pool, finds these objects and bytes.
pub fn scrubbed(expected: (u64, u64), found: (u64, u64)) -> Result<String, String> {
    if expected == found {
        Ok(format!("{} objects, {} bytes", HumanCount(found.0), HumanCount(found.1)))
    } else {
        let ((objects, bytes), (found_objects, found_bytes)) = (expected, found);
        Err(format!("{found_objects} objects, {found_bytes} bytes, not {objects} and {bytes}"))
    }
}

/// What clients were told at the end is what the store holds: every acknowledged write, and no other.
pub fn shutdown(tails: &[Tail], ends: &[Log]) -> Result<String, String> {
    if let Some(wrong) = tails.iter().find_map(|tail| tail.wrong.first()) {
        return Err(format!("a client got the reply {wrong}"));
    }
    let cut_off = tails.iter().filter(|tail| tail.sent > tail.acknowledged).count();
    if cut_off == 0 {
        return Err("no client was in the middle of a pipeline".to_owned());
    }
    let held = order(ends)?;
    let refused: u64 = tails.iter().map(|tail| tail.refused).sum();
    Ok(format!("{held}, {cut_off} clients cut off in mid-pipeline, {refused} refused"))
}

/// The pool never ran an item while another of the same placement group ran.
fn exclusive(counters: &Counters) -> Result<String, String> {
    let items = counters.ops.get() + counters.pgs_scrubbed.get();
    match counters.pg_conflicts.get() {
        0 if items == 0 => Err("nothing ran".to_owned()),
        0 => Ok(format!("{} items", HumanCount(items))),
        conflicts => Err(format!("{conflicts} of {items} items found another at work")),
    }
}

/// Whatever the queue let in has met one fate, and all that it lent out is back.
pub fn figures(queue: &QueueSnapshot) -> Result<String, String> {
    let faults: Vec<String> = balance::faults(queue).collect();
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    if queue.queued.dispatched == 0 || queue.queued.told == 0 || queue.local.sent == 0 {
        return Err("nothing went through it".to_owned());
    }
    let [accepted, raised, sent] =
        [queue.queued.accepted, queue.queued.raised, queue.local.sent].map(HumanCount);
    Ok(format!("{accepted} queued, {raised} events, {sent} to itself"))
}

/// The daemon's own account of itself.
pub fn faults(faults: &[String], answered: u64) -> Result<String, String> {
    if faults.is_empty() { Ok(format!("{} replies", HumanCount(answered))) } else { Err(faults.join("; ")) }
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn content(text: &str) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn log(acknowledged: u64, numbers: impl IntoIterator<Item = u64>) -> Log {
        let stored = numbers.into_iter().map(entry).collect::<String>();
        Log { name: "log".to_owned(), acknowledged, stored: content(&stored) }
    }

    #[test]
    fn totals_must_be_exact() {
        let stored = |first: &str| [content(first), content("2"), None, content("4")];
        assert!(totals(&[1, 2, 0, 4], &stored("1")).is_ok());
        for wrong in ["0", "2", "1 ", "x"] {
            assert!(totals(&[1, 2, 0, 4], &stored(wrong)).is_err(), "{wrong}");
        }
        assert!(totals(&[1, 2, 1, 4], &stored("1")).is_err(), "lost altogether");
        assert!(totals(&[0; 4], &[const { None }; 4]).is_err(), "proves nothing");
    }

    #[test]
    fn replies_must_match() {
        let mut tally = Tally::new();
        assert!(replies([&tally].into_iter()).is_err(), "proves nothing");
        tally.check("GET", &Value::Int(1), &Value::Int(1));
        assert!(replies([&tally].into_iter()).is_ok());
        tally.check("GET", &Value::Int(1), &Value::Int(2));
        assert!(replies([&tally, &Tally::new()].into_iter()).unwrap_err().contains("GET"));
    }

    #[test]
    fn logs_must_be_in_order_and_complete() {
        assert!(order(&[log(3, [0, 1, 2]), log(1, [0])]).is_ok());
        assert!(order(&[log(3, [0, 2, 1])]).is_err(), "swapped");
        assert!(order(&[log(3, [0, 1])]).is_err(), "the last one is lost");
        assert!(order(&[log(2, [0, 2])]).is_err(), "one in the middle is lost");
        assert!(order(&[log(2, [0, 1, 1])]).is_err(), "twice");
        assert!(order(&[log(2, [0, 1, 2])]).is_err(), "stored without acknowledgement");
        let cut = Log { name: "log".to_owned(), acknowledged: 1, stored: content("0000000") };
        assert!(order(&[cut]).is_err(), "torn");
        assert!(order(&[]).is_err(), "proves nothing");
    }

    #[test]
    fn shutdown_must_lose_nothing() {
        let tail = Tail { sent: 5, acknowledged: 3, refused: 1, wrong: vec![] };
        let tails = [tail.clone()];
        assert!(shutdown(&tails, &[log(3, 0..3)]).is_ok());
        assert!(shutdown(&tails, &[log(3, 0..2)]).is_err(), "an acknowledged write is lost");
        assert!(shutdown(&tails, &[log(3, 0..4)]).is_err(), "an accepted one was not answered");
        let whole = Tail { acknowledged: 5, refused: 0, ..tail.clone() };
        assert!(shutdown(&[whole], &[log(5, 0..5)]).is_err(), "proves nothing");
        let odd = Tail { wrong: vec!["Nil".to_owned()], ..tail };
        assert!(shutdown(&[odd], &[log(3, 0..3)]).is_err());
    }

    #[test]
    fn figures_must_add_up() {
        let mut queue = crate::messenger::tests::stepped().0.snapshot();
        assert!(figures(&queue).is_err(), "proves nothing");
        (queue.queued.accepted, queue.queued.dispatched, queue.queued.discarded) = (5, 4, 1);
        (queue.queued.raised, queue.queued.told) = (2, 2);
        (queue.local.sent, queue.local.fast, queue.local.passed_on) = (3, 2, 1);
        assert!(figures(&queue).is_ok());
        let wrong = |change: fn(&mut QueueSnapshot)| {
            let mut queue = queue.clone();
            change(&mut queue);
            figures(&queue).unwrap_err()
        };
        assert!(wrong(|queue| queue.queued.discarded = 0).contains("4, not 5"));
        assert!(wrong(|queue| queue.queued.told = 1).contains("events"));
        assert!(wrong(|queue| queue.local.passed_on = 0).contains("to itself"));
        assert!(wrong(|queue| (queue.local.depth, queue.local.fast) = (1, 1)).contains("ended"));
        assert!(wrong(|queue| queue.throttle.as_mut().unwrap().bytes = 1).contains("out"));
    }

    #[test]
    fn scrubs_and_faults() {
        assert!(scrubbed((1, 2), (1, 2)).is_ok());
        assert!(scrubbed((1, 2), (1, 3)).is_err());
        assert!(scrubbed((1, 2), (2, 2)).is_err());
        let counters = Counters::default();
        assert!(exclusive(&counters).is_err(), "proves nothing");
        counters.ops.add(2);
        assert!(exclusive(&counters).is_ok());
        counters.pg_conflicts.add(1);
        assert!(exclusive(&counters).is_err());
        assert!(faults(&[], 1).is_ok());
        assert!(faults(&["1 panics".to_owned()], 1).is_err());
    }
}
