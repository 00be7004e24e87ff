//! Do the scenarios see? Each bug of `planted.rs` is put into a copy of the shipped sources, and the scenario
//! named there must fail on it, for the reason named there, within a fixed number of schedules of a fixed seed. And so
//! must the twin, where that is named.

extern crate keylane_shuttle as keylane;

mod harness;
#[path = "../planted.rs"]
mod planted;
#[path = "harness/threads.rs"]
mod threads;

/// The copies with their scenarios, made by `build.rs`.
#[allow(dead_code, unused, clippy::all, rustdoc::all, missing_docs)]
mod planted_sources {
    include!(concat!(env!("OUT_DIR"), "/planted/mod.rs"));
}

use std::env;
use std::io::Write;
use std::panic::catch_unwind;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{SCHEDULERS, Scheduler, survives};
use keylane::internals::{Arc, Condvar, Mutex, model};
use planted::{CONTROLS, Control, REJECTED};
use planted_sources::{FOLLOW, RUN, STALE};

/// Under each scheduler.
const WITHIN: usize = 5_000;

/// The same where the twin follows, which takes longer.
const FOLLOWED_WITHIN: usize = 500;

const SEED: u64 = 20_160_413;

/// What the child process is to run: the bug, and a number among the schedulers.
const BUG: &str = "KEYLANE_PLANTED_BUG";
const SCHEDULER: &str = "KEYLANE_PLANTED_SCHEDULER";

/// Set if it is the twin that is to see it.
const BY_TWIN: &str = "KEYLANE_PLANTED_BY_TWIN";

/// What it says before each schedule.
const COUNT: &str = "planted schedule ";

/// The scenario of `all` over the copy that has the bug.
fn planted(bug: &str, all: &[(&str, fn())]) -> fn() {
    let found = all.iter().find(|(name, _)| *name == bug);
    let &(_, scenario) = found.unwrap_or_else(|| {
        panic!("{bug} no longer fits the sources (each edit in exactly one place): {STALE:?}")
    });
    scenario
}

/// The number of the schedule that fails, in a process of its own: a panic of the sources may well abort.
fn caught(control: &Control, number: usize, scheduler: Scheduler, by_twin: bool) -> Result<usize, String> {
    let mut command = Command::new(env::current_exe().expect("this test is a file"));
    if by_twin {
        command.env(BY_TWIN, "1");
    }
    let output = command
        .args(["--ignored", "--exact", "--nocapture", "a_planted_bug"])
        .env(BUG, control.bug)
        .env(SCHEDULER, number.to_string())
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("this test can be started again");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let schedules = said.lines().filter(|line| line.starts_with(COUNT)).count();
    if output.status.success() {
        return Err(format!("{scheduler} MISSED in {schedules}"));
    }
    if !said.contains(control.symptom) {
        let said: String = said.lines().filter(|line| !line.starts_with(COUNT)).collect();
        return Err(format!("{scheduler} after {schedules}, but not with {:?}: {said}", control.symptom));
    }
    Ok(schedules)
}

#[test]
#[ignore = "a planted bug: this must fail"]
fn a_planted_bug() {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    let by_twin = env::var_os(BY_TWIN).is_some();
    let (all, within) = if by_twin { (FOLLOW, FOLLOWED_WITHIN) } else { (RUN, WITHIN) };
    let run = planted(&env::var(BUG).expect("set by who expects it to be caught"), all);
    let scheduler: usize = env::var(SCHEDULER).expect("set too").parse().expect("a number");
    survives(SCHEDULERS[scheduler], within, SEED, move || {
        let now = RAN.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = writeln!(std::io::stdout(), "{COUNT}{now}");
        run();
    });
}

/// Each by one scheduler at least, in the scenario or by the twin.
fn all_are_caught(controls: &[Control], by_twin: bool) {
    let mut missed = Vec::new();
    for control in controls {
        planted(control.bug, if by_twin { FOLLOW } else { RUN });
        let outcomes: Vec<_> = (0..)
            .zip(SCHEDULERS)
            .map(|(number, scheduler)| caught(control, number, scheduler, by_twin))
            .collect();
        let verdicts: Vec<String> = outcomes
            .iter()
            .zip(SCHEDULERS)
            .map(|(outcome, scheduler)| match outcome {
                Ok(after) => format!("{scheduler} after {after}"),
                Err(verdict) => verdict.clone(),
            })
            .collect();
        let verdicts = verdicts.join(", ");
        let who = if by_twin { "followed" } else { "small" };
        // Past libtest's capture, on purpose: the line is part of the result.
        let _ =
            writeln!(std::io::stdout(), "control {:<28} {}_{who}: {verdicts}", control.bug, control.scenario);
        if outcomes.iter().all(Result::is_err) {
            missed.push(format!("{}: {verdicts}", control.bug));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_planted_bug_is_caught() {
    all_are_caught(CONTROLS, false);
}

#[test]
fn the_twin_does_not_follow_planted_bugs() {
    all_are_caught(REJECTED, true);
}

/// One notify, after what is waited for has come about, and a waiter that takes any wake for it.
fn one_waiter_believes_any_wake() {
    let shared = Arc::new((Mutex::new(false), Condvar::default()));
    let waiter = Arc::clone(&shared);
    let waiter = threads::spawn(move || {
        let (state, sound) = &*waiter;
        let mut woken = false;
        *sound.wait_until(state.lock(), |ready| *ready || std::mem::replace(&mut woken, true))
    });
    let (state, sound) = &*shared;
    *state.lock() = true;
    sound.notify();
    assert!(waiter.join().expect("the waiter does not panic"), "woken for nothing");
}

/// Nothing but an injected wake shows it, and one does. (The program is so short that with more depth priorities
/// would change at every step, always in the same way.)
#[test]
fn spurious_wakes_are_injected() {
    for scheduler in [Scheduler::Random, Scheduler::Pct(3)] {
        model::set_spurious_wakes(false);
        survives(scheduler, WITHIN, SEED, one_waiter_believes_any_wake);
        model::set_spurious_wakes(true);
        let outcome = catch_unwind(|| survives(scheduler, WITHIN, SEED, one_waiter_believes_any_wake));
        assert!(outcome.is_err(), "{scheduler}: no wake was spurious");
    }
}
