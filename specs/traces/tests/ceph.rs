//! What a Ceph OSD did is what the specification says, and keylane's queue chooses as it did; of a log that is not so, it is
//! noticed, and where.

use keylane::{Order, Overtakes};
use keylane_traces::ceph::log::{Fault, Kind, Log, Step};
use keylane_traces::ceph::report::Report;
use keylane_traces::ceph::window::{Room, STRICT_FROM, windows};
use keylane_traces::ceph::{check, hold};
use keylane_traces::testing::Holes;
use keylane_traces::trace::Trace;

fn log() -> Log {
    Log::read(include_str!("../ceph/osd.jsonl")).unwrap()
}

fn fault(log: &Log) -> Fault {
    hold(log, Room::default()).expect_err("it should be noticed")
}

/// A dispatch and its end, among the steps.
#[derive(Clone, Copy)]
struct Run {
    queued: usize,
    begins: usize,
    ends: usize,
}

/// In the order in which they were dispatched.
fn runs(log: &Log) -> Vec<Run> {
    let find = |it: &Step, kind| {
        let is_it = |step: &Step| step.step == kind && step.message() == it.message();
        log.steps.iter().position(is_it).unwrap()
    };
    let begun = log.steps.iter().enumerate().filter(|(_, step)| step.step == Kind::Dispatch);
    begun
        .map(|(begins, step)| Run { queued: find(step, Kind::Queue), begins, ends: find(step, Kind::Done) })
        .collect()
}

/// Two runs of a messenger one after the other that could have been exchanged, but for what the queue promises: both waited,
/// for certain, at the first moment at which the second message could have been picked instead.
fn neighbours(log: &Log) -> Vec<(Run, Run)> {
    let runs = runs(log);
    let mut pairs = Vec::new();
    for (at, &first) in runs.iter().enumerate() {
        let messenger = log.steps[first.begins].messenger;
        let same = |run: &&Run| log.steps[run.begins].messenger == messenger;
        let before = runs[..at].iter().rev().find(same).map_or(0, |run| run.ends);
        if let Some(&second) = runs[at + 1..].iter().find(same) {
            if second.queued < first.begins && first.queued < second.queued.max(before) {
                pairs.push((first, second));
            }
        }
    }
    pairs
}

/// The second one's callback runs where the first one's did, and the other way round.
fn exchange(log: &Log, (first, second): (Run, Run)) -> Log {
    let mut steps = log.steps.clone();
    for (one, other) in [(first.begins, second.begins), (first.ends, second.ends)] {
        steps.swap(one, other);
    }
    Log { steps }
}

fn priority(log: &Log, run: Run) -> u8 {
    log.steps[run.begins].priority.unwrap()
}

fn conn(log: &Log, run: Run) -> u64 {
    log.steps[run.begins].conn
}

#[test]
fn the_log_is_a_behaviour_and_keylane_chooses_the_same_priorities() {
    let log = log();
    let report = check(&log, Room::default()).unwrap();
    println!("{report}");
    assert_eq!(log.steps.len(), 1521);
    assert_eq!((report.fast, report.queued, report.picks, report.left), (263, 183, 183, 0));
    let names: Vec<_> = report.actions.iter().map(|(name, &times)| (name.as_str(), times)).collect();
    let expected = [
        ("Deliver", 446),
        ("Dispatch_DropPending", 183),
        ("Dispatch_Return", 183),
        ("Dispatch_Step", 183),
        ("Enter", 263),
        ("Push", 183),
        ("Return", 263),
        ("VisitDrop", 263),
    ];
    assert_eq!(names, expected);
    // Line 253.
    assert_eq!(report.early, 1);
    assert_eq!(report.otherwise, [] as [usize; 0]);
    // Not promised: as README.md says.
    assert_eq!((report.same, report.choices, report.same_choices), (181, 23, 21));
    assert_eq!((report.weighted, report.weighted_choices, report.weighted_otherwise), (20, 6, 0));
}

#[test]
fn cut_into_windows_it_is_the_same() {
    let whole = check(&log(), Room::default()).unwrap();
    let cut = check(&log(), Room { connections: 6, messages: 20 }).unwrap();
    assert!(cut.windows > whole.windows, "{cut}");
    let of_ceph = |report: &Report| (report.actions.clone(), report.fast, report.queued, report.early);
    assert_eq!(of_ceph(&cut), of_ceph(&whole));
    assert_eq!(cut.otherwise, whole.otherwise);
    let busy = windows(&log(), Room { connections: 1, messages: 1 }).unwrap_err();
    assert!(busy.why.contains("under way all the time"), "{busy}");
}

/// More messages than a byte can count, and then more connections than there is room for.
#[test]
fn a_longer_log_is_cut_by_itself() {
    let once = check(&log(), Room::default()).unwrap();
    let longer = |next: fn(&mut Step)| {
        let mut log = log();
        for _ in 0..2 {
            let mut again = log.steps[log.steps.len() - 1521..].to_vec();
            again.iter_mut().for_each(next);
            log.steps.extend(again);
        }
        check(&log, Room::default()).unwrap()
    };
    for report in [longer(|step| step.seq += 1000), longer(|step| step.conn += 1000)] {
        assert!(report.windows > once.windows && report.windows < 3 * once.windows, "{report}");
        let (picks, deliveries) = (report.picks, report.actions["Deliver"]);
        assert_eq!((picks, deliveries), (3 * once.picks, 3 * once.actions["Deliver"]));
        assert_eq!(report.otherwise, [] as [usize; 0]);
    }
}

#[test]
fn whoever_passes_a_higher_strict_priority_is_noticed() {
    let log = log();
    let mut found = 0;
    for pair in neighbours(&log) {
        let (higher, lower) = (priority(&log, pair.0), priority(&log, pair.1));
        if higher > lower && higher >= STRICT_FROM {
            let fault = fault(&exchange(&log, pair));
            assert_eq!(fault.line, pair.0.begins + 1, "{fault}");
            assert!(
                fault.why.starts_with("DispatchStep") && fault.why.ends_with("cannot be taken"),
                "{fault}"
            );
            found += 1;
        }
    }
    assert_eq!(found, 29);
}

#[test]
fn two_of_a_connection_and_priority_that_change_places_are_noticed() {
    let log = log();
    let mut found = 0;
    for pair in neighbours(&log) {
        let lane = |run| (conn(&log, run), priority(&log, run));
        if lane(pair.0) == lane(pair.1) {
            let fault = fault(&exchange(&log, pair));
            assert_eq!(fault.line, pair.0.begins + 1, "{fault}");
            found += 1;
        }
    }
    assert_eq!(found, 25);
}

#[test]
fn each_step_that_is_missing_is_noticed() {
    let log = log();
    let mut kinds = [0; 5];
    for at in 0..log.steps.len() {
        let mut steps = log.steps.clone();
        let step = steps.remove(at);
        // So far goes the log of its thread.
        let is_last =
            !steps[at..].iter().any(|later| later.message() == step.message() || later.thread == step.thread);
        if !is_last {
            let fault = fault(&Log { steps });
            assert!(fault.line > at, "without line {}: {fault}", at + 1);
            kinds[step.step as usize] += 1;
        }
    }
    // Of each kind all; but five are the last that their threads wrote.
    assert_eq!(kinds, [446, 263, 183, 183, 441]);
}

#[test]
fn a_message_that_is_dispatched_twice_is_noticed() {
    let log = log();
    for run in runs(&log) {
        let mut steps = log.steps.clone();
        let again = [log.steps[run.begins].clone(), log.steps[run.ends].clone()];
        steps.splice(run.ends + 1..run.ends + 1, again);
        let fault = fault(&Log { steps });
        assert_eq!(fault.line, run.ends + 2, "{fault}");
    }
}

#[test]
fn a_trace_without_one_of_its_actions_is_none() {
    let mut holes = Holes::default();
    for window in windows(&log(), Room::default()).unwrap() {
        holes.dig(&window.tell().unwrap());
    }
    assert!(holes.passed.is_empty() && holes.missed.len() == 8, "{holes:?}");
}

/// Or else nothing would show that the laws have anything to say here.
#[test]
fn connections_of_ceph_are_not_ordered() {
    let busiest = windows(&log(), Room::default()).unwrap().remove(1);
    let Trace { constants, actions } = busiest.tell().unwrap();
    let constants = constants.replace("Ordered = FALSE", "Ordered = TRUE");
    let rejected = Trace::<keylane_twin::dispatch_queue::DispatchQueue> { constants, actions }.replay();
    assert!(rejected.is_err());
}

/// What the specification leaves open, and what the log does not tell.
#[test]
fn what_is_left_open_is_not_noticed() {
    let log = log();
    let (mut turns, mut band) = (0, 0);
    for pair in neighbours(&log) {
        let (first, second) = (priority(&log, pair.0), priority(&log, pair.1));
        let other_turn = first == second && conn(&log, pair.0) != conn(&log, pair.1);
        let other_share = first != second && first < STRICT_FROM && second < STRICT_FROM;
        if other_turn || other_share {
            let report = check(&exchange(&log, pair), Room::default()).unwrap();
            assert_eq!(report.otherwise, [] as [usize; 0]);
            turns += usize::from(other_turn);
            band += usize::from(other_share);
        }
    }
    assert_eq!((turns, band), (28, 5));
}

#[test]
fn a_queue_in_another_order_is_noticed() {
    let busiest = &windows(&log(), Room::default()).unwrap()[1];
    let all_weighted = Order { strict_from: u8::MAX, ..Order::default() };
    let as_they_come = Order { overtakes: Overtakes::AtMost(0), ..Order::default() };
    for order in [all_weighted, as_they_come] {
        let fault = busiest.check(order).unwrap_err();
        let picks = ["DispatchStep", "DispatchGoOn"].map(|action| format!("keylane: {action}"));
        assert!(picks.iter().any(|pick| fault.why.starts_with(pick)), "{fault}");
    }
}

fn step(step: &str, thread: u64, conn: u64, seq: u64, priority: u8) -> String {
    let priority = if step == "arrive" { String::new() } else { format!(r#", "priority": {priority}"#) };
    format!(
        r#"{{"step": "{step}", "thread": {thread}, "messenger": 0, "conn": {conn}, "seq": {seq}, "type": "t"{priority}}}"#
    )
}

fn told(steps: &[(&str, u64, u64, u64, u8)]) -> Result<Report, Fault> {
    let lines: Vec<_> =
        steps.iter().map(|&(name, thread, conn, seq, of)| step(name, thread, conn, seq, of)).collect();
    check(&Log::read(&lines.join("\n"))?, Room::default())
}

#[test]
fn what_is_left_of_a_connection_that_is_gone_was_discarded() {
    let mut steps = vec![
        ("arrive", 0, 1, 1, 200),
        ("queue", 0, 1, 1, 200),
        ("arrive", 0, 2, 1, 100),
        ("queue", 0, 2, 1, 100),
        ("dispatch", 1, 2, 1, 100),
        ("done", 1, 2, 1, 100),
    ];
    let report = told(&steps).unwrap();
    assert_eq!((report.left, report.discarded, report.picks), (1, 1, 1));
    // It is not gone: so the first one waits, and may not be passed.
    steps.extend([("arrive", 0, 1, 2, 200), ("queue", 0, 1, 2, 200)]);
    assert_eq!(told(&steps).unwrap_err().line, 5);
    // Nobody has passed it.
    let report = told(&steps[..2]).unwrap();
    assert_eq!((report.left, report.discarded, report.picks), (1, 0, 0));
}

#[test]
fn what_is_no_log_of_one_queue_says_so() {
    let why = |steps: &[_]| told(steps).unwrap_err().to_string();
    let (first, second) = (("arrive", 0, 1, 1, 0), ("arrive", 0, 1, 2, 0));
    assert_eq!(why(&[first, second]), "line 2: the one before it has neither been queued nor begun");
    assert_eq!(why(&[first, first]), "line 2: a later one has arrived before it");
    assert_eq!(why(&[("queue", 0, 1, 1, 9)]), "line 1: it has not arrived");
    assert_eq!(
        why(&[first, ("queue", 0, 1, 1, 9), ("dispatch", 1, 1, 1, 8)]),
        "line 3: its priority was another one before"
    );
    let begun = [first, ("queue", 0, 1, 1, 9), ("dispatch", 1, 1, 1, 9), ("done", 2, 1, 1, 9)];
    assert_eq!(why(&begun), "line 4: two threads dispatch what is queued here");
    assert_eq!(why(&[first, ("done", 0, 1, 1, 9)]), "line 2: it ends, and has not begun");
    assert!(why(&[("arrives", 0, 1, 1, 0)]).starts_with("line 1: unknown variant"));
}
